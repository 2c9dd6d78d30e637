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

/** Neighbours among the rendered columns, which stand in the row's text together. */
type Run = { readonly first: number; readonly last: number }

/** Sums of several column lists at once, and where asked the ranges of the float columns. Every column is rendered once. */
export function sumRows(
  compared: ComparedTable,
  options: {
    readonly lists: readonly ColumnList[]
    readonly digits: number
    readonly wanted: KeyTest
    /** The ranges are wanted. */
    readonly ranged?: boolean
  },
): { readonly sink: RowSink; readonly result: () => SideSums } {
  const { digits, wanted } = options
  const text = new RowText()
  const part = new RowText()
  const floats = compared.columns.flatMap((column, index) =>
    column.float && options.ranged === true
      ? [{ index, name: column.name, range: new FloatRange(column.type.kind === 'float32' ? 4 : 8) }]
      : [],
  )
  const asked = new Set([...options.lists.flatMap(({ indexes }) => indexes), ...floats.map(({ index }) => index)])
  const rendered = compared.columns.flatMap((_, index) => (asked.has(index) ? [index] : []))
  const spans = new Int32Array(2 * rendered.length)
  const ranges = floats.map(({ index, range }) => ({ place: rendered.indexOf(index), range }))
  const lists = options.lists.map(({ indexes, key }) => ({
    counter: new BucketCounter(digits),
    runs: runsOf(indexes, rendered),
    key: digits === 0 ? null : (key ?? null),
  }))
  const sink: RowSink = ({ cells }, row, key, sign) => {
    if (!wanted(key)) return
    const keyWord = swapped(key[0] as number)
    render(cells, rendered, row, text, spans)
    for (const { place, range } of ranges) range.add(text, spans[2 * place] as number, spans[2 * place + 1] as number, sign)
    for (const { counter, runs, key: own } of lists) {
      let word = keyWord
      if (own !== null) {
        render(cells, own, row, part)
        md5(part)
        word = swapped(digest[0] as number)
      }
      md5(runs === null ? text : joined(text, spans, runs, part))
      counter.add(word, leadingHigh(), leadingLow(), sign)
    }
  }
  const result = () => ({
    sums: lists.map(({ counter }) => counter.sums()),
    floats: new Map(floats.map(({ name, range }) => [name, range])),
  })
  return { sink, result }
}

/** Null: all that is rendered. */
function runsOf(indexes: readonly number[], rendered: readonly number[]): readonly Run[] | null {
  if (indexes.length === rendered.length) return null
  const runs: { first: number; last: number }[] = []
  for (const place of indexes.map((index) => rendered.indexOf(index))) {
    const newest = runs.at(-1)
    if (newest !== undefined && newest.last === place - 1) newest.last = place
    else runs.push({ first: place, last: place })
  }
  return runs
}

function joined(text: RowText, spans: Int32Array, runs: readonly Run[], out: RowText): RowText {
  out.reset()
  for (let i = 0; i < runs.length; i++) {
    const { first, last } = runs[i] as Run
    if (i > 0) out.separator()
    out.copy(text, spans[2 * first] as number, spans[2 * last + 1] as number)
  }
  return out
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
    md5(text)
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
