/** Rules and order of bucket names and object keys. Amazon S3 User Guide, "Bucket naming rules" and "Naming objects". */
import { S3Error } from './errors.ts'

export const MAX_KEY_BYTES = 1024

const RESERVED_PREFIXES = ['xn--', 'sthree-', 'amzn-s3-demo-']
const RESERVED_SUFFIXES = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3', '-an']

/** Whether Amazon S3 would create a general purpose bucket of this name. */
export function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d{1,3}(\.\d{1,3}){3}$/.test(name) &&
    !RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix)) &&
    !RESERVED_SUFFIXES.some((suffix) => name.endsWith(suffix))
  )
}

/** @throws S3Error `KeyTooLongError`, or `InvalidURI` for a key whose `..` segments lead above its bucket. */
export function checkKey(key: string): void {
  const size = Buffer.byteLength(key)
  if (size > MAX_KEY_BYTES) {
    throw new S3Error('KeyTooLongError', 'Your key is too long', { Size: String(size), MaxSizeAllowed: String(MAX_KEY_BYTES) })
  }
  let depth = 0
  for (const segment of key.split('/')) {
    if (segment === '..') depth -= 1
    else if (segment !== '' && segment !== '.') depth += 1
    if (depth < 0) throw new S3Error('InvalidURI', "Couldn't parse the specified URI.", { URI: key })
  }
}

/** UTF-8 byte order, which is code point order: UTF-16 puts surrogates below U+E000…U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const one = a.charCodeAt(index)
    const other = b.charCodeAt(index)
    if (one !== other) return rank(one) - rank(other)
  }
  return a.length - b.length
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** RFC 3986, as Signature Version 4 wants it: everything but A-Z a-z 0-9 - . _ ~ becomes %XX. */
export function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** `encoding-type=url` of listings: as in forms, but slashes stay. */
export function listingEncode(text: string): string {
  return uriEncode(text).replaceAll('%2F', '/').replaceAll('%20', '+').replaceAll('%2A', '*')
}

/** Keys of one bucket in byte order, with what they hold. */
export class SortedKeys<Value> {
  readonly #values = new Map<string, Value>()
  #sorted: string[] = []
  #unsorted = false

  get size(): number {
    return this.#values.size
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)
  }

  values(): IterableIterator<Value> {
    return this.#values.values()
  }

  set(key: string, value: Value): void {
    if (!this.#values.has(key)) {
      const last = this.#sorted.at(-1)
      // Keys mostly arrive in order or in bulk: sorting waits for the next listing.
      if (last !== undefined && compareKeys(last, key) > 0) this.#unsorted = true
      this.#sorted.push(key)
    }
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return
    this.#sort()
    this.#sorted.splice(this.#lowerBound(key), 1)
  }

  /** The key at or after `from`, in order; the walk sees changes made meanwhile only through `get`. */
  *walk(from: string, exclusive: boolean): Generator<readonly [string, Value]> {
    this.#sort()
    const keys = this.#sorted
    for (let index = this.#lowerBound(from); index < keys.length; index++) {
      const key = keys[index]
      if (key === undefined || (exclusive && key === from)) continue
      const value = this.#values.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  #sort(): void {
    if (this.#unsorted) this.#sorted.sort(compareKeys)
    this.#unsorted = false
  }

  /** First index whose key is not below `key`. */
  #lowerBound(key: string): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.#sorted[middle] ?? '', key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
