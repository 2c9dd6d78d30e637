/**
 * Batches of tables that Portage makes itself: no source gave their rows a position. Rows are numbered within a place, and each
 * landing takes a later place. Pure.
 */
import { type Data, makeData, type RecordBatch, Utf8, Vector } from 'apache-arrow'
import { OPS, type Op, type Position, type SourceTable, sourceBatchSchema } from '../../connectors/change.ts'
import { columnData } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { batchOf } from './batch-of.ts'

/** Encoders read whole words. */
const SPARE_BYTES = 8
const ORDINAL_DIGITS = 8
/** Without an ordinal the cut before all rows of the place. */
export const positionAt = (place: number, ordinal = 0, epoch = 1): Position =>
  `${epoch.toString(16).padStart(4, '0')}-${place.toString(16).padStart(16, '0')}-${ordinal.toString(16).padStart(8, '0')}` as Position

export const placeOf = (position: Position): number => Number.parseInt(position.split('-')[1] ?? '', 16)

/** Rows of a new base, all at the cut of their place. `columns` are those of the table, in its order. */
export function baseBatch(table: SourceTable, place: number, columns: readonly Data[], length: number): RecordBatch {
  const metadata = [oneWord(OPS.snapshot, length), oneWord(positionAt(place), length), noInstant(length), noWord(length)]
  return assembled(table, 'base', metadata, columns, length)
}

export type MadeChanges = {
  readonly op: Op
  /** Default: 1. */
  readonly epoch?: number
  readonly place: number
  /** Of the first row, from 1. */
  readonly ordinal: number
  readonly at: Date
}

/** Changes of one kind, at positions of their own. */
export function changeBatch(
  table: SourceTable,
  { op, epoch = 1, place, ordinal, at }: MadeChanges,
  columns: readonly Data[],
  length: number,
): RecordBatch {
  const metadata = [
    oneWord(op, length),
    positions(positionAt(place, ordinal, epoch), ordinal, length),
    instant(at, length),
    noWord(length),
  ]
  return assembled(table, 'changes', metadata, columns, length)
}

function assembled(
  table: SourceTable,
  part: 'base' | 'changes',
  metadata: readonly Data[],
  columns: readonly Data[],
  length: number,
): RecordBatch {
  return batchOf(sourceBatchSchema(table, part), [...metadata, ...columns], length)
}

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

const words = (texts: readonly string[]): Vector => new Vector([columnData(TEXT, texts)])
const codes = (length: number): Int32Array => new Int32Array(new ArrayBuffer(length * 4 + SPARE_BYTES), 0, length)
const noBits = (length: number): Uint8Array => new Uint8Array(new ArrayBuffer(((length + 7) >> 3) + SPARE_BYTES))

const [opType, , committedType, unchangedType] = sourceBatchSchema(
  { table: '' as never, id: '', storage: '', definition: '', columns: [], key: [], identity: 'nothing' },
  'base',
).fields.map(({ type }) => type)

function oneWord(word: string, length: number): Data {
  return makeData({ type: opType, length, nullCount: 0, data: codes(length), dictionary: words([word]) } as never)
}

function noWord(length: number): Data {
  const nulls = { length, nullCount: length, nullBitmap: noBits(length) }
  return makeData({ type: unchangedType, ...nulls, data: codes(length), dictionary: words([]) } as never)
}

function noInstant(length: number): Data {
  const data = new BigInt64Array(new ArrayBuffer(length * 8 + SPARE_BYTES), 0, length)
  return makeData({ type: committedType, length, nullCount: length, nullBitmap: noBits(length), data } as never)
}

function instant(at: Date, length: number): Data {
  const data = new BigInt64Array(new ArrayBuffer(length * 8 + SPARE_BYTES), 0, length)
  return makeData({ type: committedType, length, nullCount: 0, data: data.fill(BigInt(at.getTime()) * 1000n) } as never)
}

/** `<epoch>-<place>-<ordinal>`: only the last digits differ from row to row. */
function positions(from: Position, ordinal: number, length: number): Data {
  const first = Buffer.from(from, 'latin1')
  const width = first.length
  const data = Buffer.alloc(length * width + SPARE_BYTES)
  const valueOffsets = new Int32Array(new ArrayBuffer((length + 1) * 4 + SPARE_BYTES), 0, length + 1)
  for (let row = 0; row < length; row++) {
    first.copy(data, row * width, 0, width - ORDINAL_DIGITS)
    let rest = ordinal + row
    for (let digit = 1; digit <= ORDINAL_DIGITS; digit++) {
      const nibble = rest % 16
      data[(row + 1) * width - digit] = nibble + (nibble < 10 ? 0x30 : 0x57)
      rest = Math.floor(rest / 16)
    }
    valueOffsets[row + 1] = (row + 1) * width
  }
  return makeData({ type: new Utf8(), length, nullCount: 0, valueOffsets, data: data.subarray(0, length * width) })
}
