/** What is made of rows: checksums by bucket, fingerprints of rows, texts of rows. */
import { BucketCounter, type BucketSums } from './bucket-sums.ts'
import type { ComparedTable } from './compared-table.ts'
import { FloatRange } from './float-range.ts'
import { digest, leadingHigh, leadingLow, md5, swapped } from './md5.ts'
import { type RowSink, render } from './row-sink.ts'
import { RowText } from './row-text.ts'

/** Whether a row's key lies in what is looked at. */
export type KeyTest = (key: Int32Array) => boolean

export type SideSums = {
  /** By column list asked for. */
  readonly sums: readonly BucketSums[]
  /** By column name. */
  readonly floats: ReadonlyMap<string, FloatRange>
}

/** Columns that are summed together; `key`: what buckets are made of, where that is not the table's key. */
export type ColumnList = { readonly indexes: readonly number[]; readonly key?: readonly number[] }

/** Sums of several column lists at once, and the ranges of the float columns. */
export function sumRows(
  compared: ComparedTable,
  options: { readonly lists: readonly ColumnList[]; readonly digits: number; readonly wanted: KeyTest },
): { readonly sink: RowSink; readonly result: () => SideSums } {
  const { lists, digits, wanted } = options
  const counters = lists.map(() => new BucketCounter(digits))
  const text = new RowText()
  const floats = compared.columns.flatMap((column, index) =>
    column.float ? [{ index, name: column.name, range: new FloatRange(column.type.kind === 'float32' ? 4 : 8) }] : [],
  )
  const sink: RowSink = ({ cells }, row, key, sign) => {
    if (!wanted(key)) return
    const keyWord = swapped(key[0] as number)
    for (let list = 0; list < lists.length; list++) {
      const { indexes, key: own } = lists[list] as ColumnList
      let word = keyWord
      if (own !== undefined) {
        render(cells, own, row, text)
        md5(text.bytes, 0, text.length)
        word = swapped(digest[0] as number)
      }
      render(cells, indexes, row, text)
      md5(text.bytes, 0, text.length)
      counters[list]?.add(word, leadingHigh(), leadingLow(), sign)
    }
    for (const { index, range } of floats) {
      render(cells, [index], row, text)
      range.add(text, sign)
    }
  }
  const result = () => ({
    sums: counters.map((counter) => counter.sums()),
    floats: new Map(floats.map(({ name, range }) => [name, range])),
  })
  return { sink, result }
}

/** The fingerprint of one row: the leading 60 bits of its MD5 as hex. */
type Prints = Map<string, Map<string, number>>

/** Rows by the hex of their key's MD5, each with its fingerprint and how often it stands there. */
export type RowPrints = ReadonlyMap<string, ReadonlyMap<string, number>>

/** Fingerprints of the rows whose keys are wanted, at most `limit` keys; the others are counted in `skipped`. */
export function printRows(
  indexes: readonly number[],
  options: { readonly wanted: KeyTest; readonly limit: number },
): { readonly sink: RowSink; readonly prints: RowPrints; readonly skipped: () => number } {
  const prints: Prints = new Map()
  const text = new RowText()
  let skipped = 0
  const sink: RowSink = ({ cells }, row, key, sign) => {
    if (!options.wanted(key)) return
    const name = keyHex(key)
    let known = prints.get(name)
    if (known === undefined) {
      if (prints.size >= options.limit) {
        skipped++
        return
      }
      known = new Map()
      prints.set(name, known)
    }
    render(cells, indexes, row, text)
    md5(text.bytes, 0, text.length)
    const print = leadingHigh().toString(16).padStart(8, '0') + leadingLow().toString(16).padStart(8, '0')
    const count = (known.get(print) ?? 0) + sign
    if (count === 0) known.delete(print)
    else known.set(print, count)
  }
  return { sink, prints, skipped: () => skipped }
}

/** A row in full: the escaped text of every compared column. */
export type FullRow = {
  readonly fields: readonly Uint8Array[]
  readonly file: string | null
  readonly unchanged: string | null
  readonly late: boolean
  readonly sign: 1 | -1
}

/** The rows of a few keys, by the hex of their MD5. */
export function collectRows(
  compared: ComparedTable,
  wanted: KeyTest,
): { readonly sink: RowSink; readonly rows: ReadonlyMap<string, readonly FullRow[]> } {
  const rows = new Map<string, FullRow[]>()
  const text = new RowText()
  const sink: RowSink = (seen, row, key, sign) => {
    if (!wanted(key)) return
    const fields = compared.columns.map((_, index) => {
      render(seen.cells, [index], row, text)
      return text.bytes.slice(0, text.length)
    })
    const full = { fields, file: seen.file, unchanged: seen.unchanged(row), late: seen.isLate(row), sign }
    const name = keyHex(key)
    const known = rows.get(name)
    if (known === undefined) rows.set(name, [full])
    else known.push(full)
  }
  return { sink, rows }
}

export const keyHex = (key: Int32Array): string => {
  let hex = ''
  for (const word of key) hex += swapped(word).toString(16).padStart(8, '0')
  return hex
}

export const EVERY_KEY: KeyTest = () => true

/** Keys in buckets of one length. */
export function inBuckets(buckets: readonly string[]): KeyTest {
  const [first] = buckets
  if (first === undefined) return () => false
  if (first.length === 0) return EVERY_KEY
  const numbers = new Set(buckets.map((bucket) => Number.parseInt(bucket, 16)))
  const shift = 32 - 4 * first.length
  return (key) => numbers.has(swapped(key[0] as number) >>> shift)
}

export function inKeys(keys: ReadonlySet<string>): KeyTest {
  const firsts = new Set([...keys].map((key) => Number.parseInt(key.slice(0, 8), 16)))
  return (key) => firsts.has(swapped(key[0] as number)) && keys.has(keyHex(key))
}
