/**
 * Checksums by bucket: how many rows, and the sum of the leading 60 bits of each row's MD5, exactly. Rows are added in any
 * order and can be taken away again. Pure.
 */

export type BucketSum = { readonly rows: bigint; readonly sum: bigint }

/** By the leading hex digits of the MD5 of the row's key. */
export type BucketSums = ReadonlyMap<string, BucketSum>

const LIMB = 2 ** 30
const CARRY_AT = 2 ** 50

/** At most 16^4 buckets; more than that would not fit a query's answer either. */
export const MAX_DIGITS = 4

export class BucketCounter {
  readonly digits: number
  readonly #rows: Float64Array
  readonly #low: Float64Array
  readonly #high: Float64Array
  readonly #top: Float64Array

  constructor(digits: number) {
    this.digits = digits
    const size = 16 ** digits
    this.#rows = new Float64Array(size)
    this.#low = new Float64Array(size)
    this.#high = new Float64Array(size)
    this.#top = new Float64Array(size)
  }

  /** `keyWord`: the first eight hex digits of the key's MD5 as a number; `high`, `low`: the row's leading 60 bits. */
  add(keyWord: number, high: number, low: number, sign: 1 | -1): void {
    const bucket = this.digits === 0 ? 0 : keyWord >>> (32 - 4 * this.digits)
    this.#rows[bucket] = (this.#rows[bucket] as number) + sign
    const sumLow = (this.#low[bucket] as number) + sign * low
    const sumHigh = (this.#high[bucket] as number) + sign * high
    this.#low[bucket] = sumLow
    this.#high[bucket] = sumHigh
    if (sumLow > CARRY_AT || sumLow < -CARRY_AT || sumHigh > CARRY_AT || sumHigh < -CARRY_AT) this.#carry(bucket)
  }

  #carry(bucket: number): void {
    const fromLow = Math.trunc((this.#low[bucket] as number) / LIMB)
    this.#low[bucket] = (this.#low[bucket] as number) - fromLow * LIMB
    const high = (this.#high[bucket] as number) + fromLow
    const fromHigh = Math.trunc(high / LIMB)
    this.#high[bucket] = high - fromHigh * LIMB
    this.#top[bucket] = (this.#top[bucket] as number) + fromHigh
  }

  sums(): BucketSums {
    const sums = new Map<string, BucketSum>()
    for (let bucket = 0; bucket < this.#rows.length; bucket++) {
      const [rows, low, high, top] = [this.#rows, this.#low, this.#high, this.#top].map((each) => BigInt(each[bucket] as number))
      if (rows === 0n && low === 0n && high === 0n && top === 0n) continue
      const sum = ((top as bigint) << 60n) + ((high as bigint) << 30n) + (low as bigint)
      sums.set(bucketName(bucket, this.digits), { rows: rows as bigint, sum })
    }
    return sums
  }
}

export const bucketName = (bucket: number, digits: number): string =>
  digits === 0 ? '' : bucket.toString(16).padStart(digits, '0')

/** Buckets that are not equal on both sides, in order. */
export function differingBuckets(a: BucketSums, b: BucketSums): readonly string[] {
  const same = (name: string) => {
    const [left, right] = [a.get(name), b.get(name)]
    return (left?.rows ?? 0n) === (right?.rows ?? 0n) && (left?.sum ?? 0n) === (right?.sum ?? 0n)
  }
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => !same(name)).toSorted()
}

export function totalRows(sums: BucketSums): bigint {
  let rows = 0n
  for (const bucket of sums.values()) rows += bucket.rows
  return rows
}

/** Enough buckets that one holds about a thousand rows. */
export function digitsFor(rows: number): number {
  return Math.min(MAX_DIGITS, Math.max(1, Math.ceil(Math.log2(Math.max(1, rows / 1000)) / 4)))
}

/** Rows that are looked at one by one. */
const MAX_LOOKED_AT = 100_000

/** The first buckets, up to so many rows but at least one, and the others. */
export function firstBuckets(
  differing: readonly string[],
  rowsOf: (bucket: string) => number,
): { readonly buckets: readonly string[]; readonly rest: readonly string[] } {
  let rows = 0
  const stop = differing.findIndex((bucket, index) => {
    rows += rowsOf(bucket)
    return index > 0 && rows > MAX_LOOKED_AT
  })
  return stop < 0 ? { buckets: differing, rest: [] } : { buckets: differing.slice(0, stop), rest: differing.slice(stop) }
}
