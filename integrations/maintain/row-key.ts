/** What tells one row of a table from another, as bytes: its key, or for a bag all its columns. Pure. */

import type { Column, TableSchema } from '../../connectors/change.ts'
import { parseCanonical, type Value } from '../../connectors/column-values.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ColumnBatch } from '../read/columns/column-batches.ts'
import { type ColumnVector, widthOf } from '../read/columns/column-vector.ts'
import { comparePosition, positionBytes } from './position-bytes.ts'
import { FIRST_COLUMN, OP, POSITION } from './table-columns.ts'

const DELETE = 'd'.charCodeAt(0)
const TRUNCATE = 't'.charCodeAt(0)

/** Columns that make up the key of a row: physical names, in order. */
export function identifying(schema: TableSchema): readonly string[] {
  if (schema.key.length > 0) return schema.key
  return schema.columns.filter(({ dropped }) => dropped === undefined).map(({ physical }) => physical)
}

type Part = {
  readonly place: number
  readonly floating: boolean
  /** What rows below the position hold instead. */
  readonly initial: { readonly before: Uint8Array; readonly bytes: Uint8Array } | null
}

/**
 * Writes the bytes of a row's key to `bytes`. Equal by the rules of current rows = equal bytes: nulls are equal, so are the two
 * zeros and all NaNs, and rows older than a column hold the default that it was added with.
 */
export class RowKey {
  bytes = new Uint8Array(256)
  readonly #parts: readonly Part[]
  /** Deletes of a keyed table carry their key and nothing else. */
  readonly #bareDeletes: boolean

  /** `places`: where each physical column stands in the batches. */
  constructor(schema: TableSchema, places: ReadonlyMap<string, number>) {
    const columns = new Map(schema.columns.map((column) => [column.physical, column]))
    this.#bareDeletes = schema.key.length > 0 && schema.identity !== 'full'
    this.#parts = identifying(schema).map((physical) => {
      const column = columns.get(physical)
      const place = places.get(physical)
      if (column === undefined || place === undefined) {
        throw new ConnectorError('INTERNAL', `Key column "${physical}" of "${schema.table}" was not read`)
      }
      const floating = column.type.kind === 'float32' || column.type.kind === 'float64'
      return { place, floating, initial: initialOf(column) }
    })
  }

  /** Whether keys depend on positions and operations, too. */
  get looksAtMetadata(): boolean {
    return this.#parts.some(({ initial }) => initial !== null)
  }

  /** Length of the key of the row. */
  write({ columns }: ColumnBatch, row: number): number {
    let at = 0
    for (const { place, floating, initial } of this.#parts) {
      const column = columns[place] as ColumnVector
      if (initial !== null && this.#isOlder(columns, row, initial.before)) at = this.#put(initial.bytes, at)
      else at = this.#value(column, row, at, floating)
    }
    return at
  }

  #isOlder(columns: readonly ColumnVector[], row: number, before: Uint8Array): boolean {
    const op = opAt(columns, row)
    if (op === TRUNCATE || (op === DELETE && this.#bareDeletes)) return false
    return comparePosition(columns[POSITION] as ColumnVector, row, before) < 0
  }

  #value(column: ColumnVector, row: number, at: number, floating: boolean): number {
    this.#reserve(at + 32)
    if (column.isNull(row)) {
      this.bytes[at] = 0
      return at + 1
    }
    const { width } = column
    if (width === 0) {
      const start = column.offsets[row] as number
      const end = column.offsets[row + 1] as number
      this.#reserve(at + end - start + 8)
      return this.#text(column.bytes, start, end, at)
    }
    this.bytes[at] = 1
    if (width === 1) {
      this.bytes[at + 1] = ((column.bytes[row >> 3] as number) >> (row & 7)) & 1
      return at + 2
    }
    const start = row * width
    for (let i = 0; i < width; i++) this.bytes[at + 1 + i] = column.bytes[start + i] as number
    if (floating) normaliseFloat(this.bytes, at + 1, width)
    return at + 1 + width
  }

  #text(from: Uint8Array, start: number, end: number, at: number): number {
    const length = end - start
    const { bytes } = this
    bytes[at] = 1
    bytes[at + 1] = length & 0xff
    bytes[at + 2] = (length >> 8) & 0xff
    bytes[at + 3] = (length >> 16) & 0xff
    bytes[at + 4] = length >>> 24
    for (let i = 0; i < length; i++) bytes[at + 5 + i] = from[start + i] as number
    return at + 5 + length
  }

  #put(part: Uint8Array, at: number): number {
    this.#reserve(at + part.length)
    this.bytes.set(part, at)
    return at + part.length
  }

  #reserve(needed: number): void {
    if (needed <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes)
    this.bytes = grown
  }
}

/** The code of the row's `_op`. */
export function opAt(columns: readonly ColumnVector[], row: number): number {
  const ops = columns[OP] as ColumnVector
  return ops.bytes[ops.offsets[row] as number] as number
}

function normaliseFloat(bytes: Uint8Array, at: number, width: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const value = width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true)
  if (value !== 0 && !Number.isNaN(value)) return
  const plain = value === 0 ? 0 : Number.NaN
  if (width === 4) view.setFloat32(at, plain, true)
  else view.setFloat64(at, plain, true)
}

function initialOf({ initial, type }: Column): Part['initial'] {
  if (initial === undefined) return null
  return { before: positionBytes(initial.before), bytes: keyBytes(parseCanonical(initial.text, type), widthOf(type), type.kind) }
}

/** As `RowKey` writes a value that stands in a column. */
function keyBytes(value: Exclude<Value, null>, width: number, kind: Column['type']['kind']): Uint8Array {
  if (width === 0) {
    const text = value instanceof Uint8Array ? value : Buffer.from(String(value))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(text.length)
    return Buffer.concat([Uint8Array.of(1), length, text])
  }
  if (width === 1) return Uint8Array.of(1, value === true ? 1 : 0)
  const bytes = new Uint8Array(1 + width)
  bytes[0] = 1
  const view = new DataView(bytes.buffer)
  if (kind === 'float32') view.setFloat32(1, Number(value), true)
  else if (kind === 'float64') view.setFloat64(1, Number(value), true)
  else if (width === 16) {
    const whole = BigInt(value as bigint)
    view.setBigInt64(1, BigInt.asIntN(64, whole), true)
    view.setBigInt64(9, BigInt.asIntN(64, whole >> 64n), true)
  } else if (width === 8) view.setBigInt64(1, BigInt(value as bigint), true)
  else if (width === 4) view.setInt32(1, Number(value), true)
  else view.setInt16(1, Number(value), true)
  if (kind === 'float32' || kind === 'float64') normaliseFloat(bytes, 1, width)
  return bytes
}

/** Places of the identifying columns in batches that hold the metadata columns and then these. */
export const keyPlaces = (names: readonly string[]): ReadonlyMap<string, number> =>
  new Map(names.map((name, index) => [name, FIRST_COLUMN + index]))
