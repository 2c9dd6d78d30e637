/** Rows of any reader as the batches of a lake table: the metadata columns in front. Pure. */
import { type Data, Field, makeData, RecordBatch, Schema, Struct, Utf8, Vector } from 'apache-arrow'
import { OPS, type RowBatch, type SourceTable, sourceBatchSchema } from '../../connectors/change.ts'
import { columnData } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { TableBatch } from '../../connectors/tables.ts'
import { positionAt } from './lake-shape.ts'
import { widened } from './widen-batch.ts'

/** Encoders read whole words. */
const SPARE_BYTES = 8
const ORDINAL_DIGITS = 8

export type LakeRows = {
  readonly table: SourceTable
  /** Types of the reader's columns, in the order of the table's. */
  readonly types: readonly LogicalType[]
  /** Place of all rows of this transfer. */
  readonly place: number
}

/** Rows of a new base: all at the transfer's cut. */
export function baseRows({ table, types, place }: LakeRows, { batch, release }: TableBatch): RowBatch {
  const length = batch.numRows
  const cut = positionAt(place)
  const metadata = [oneWord(OPS.snapshot, length), oneWord(cut, length), noInstant(length), noWord(length)]
  const rows = assembled(table, 'base', metadata, values(batch, table, types), length)
  return { table, part: 'base', batch: rows, date: null, firstPosition: cut, lastPosition: cut, release }
}

/** Rows that are added: inserts at positions of their own, `ordinal` the first one's (from 1). */
export function insertedRows({ table, types, place }: LakeRows, rowsOfTable: TableBatch, ordinal: number, at: Date): RowBatch {
  const { batch, release } = rowsOfTable
  const length = batch.numRows
  const metadata = [oneWord(OPS.insert, length), positions(place, ordinal, length), instant(at, length), noWord(length)]
  return {
    table,
    part: 'changes',
    batch: assembled(table, 'changes', metadata, values(batch, table, types), length),
    date: at.toISOString().slice(0, 10),
    firstPosition: positionAt(place, ordinal),
    lastPosition: positionAt(place, ordinal + length - 1),
    release,
  }
}

function values(batch: RecordBatch, table: SourceTable, types: readonly LogicalType[]): readonly Data[] {
  return table.columns.map((column, index) =>
    widened(batch.data.children[index] as Data, types[index] ?? column.type, column.type),
  )
}

function assembled(
  table: SourceTable,
  part: 'base' | 'changes',
  metadata: readonly Data[],
  columns: readonly Data[],
  length: number,
): RecordBatch {
  const children = [...metadata, ...columns]
  // The fields repeat the types of their data, so that Arrow finds dictionaries again.
  const fields = sourceBatchSchema(table, part).fields.map(
    (field, index) => new Field(field.name, children[index]?.type ?? field.type, field.nullable, field.metadata),
  )
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length, nullCount: 0, children }))
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

/** `0001-<place>-<ordinal>`: only the last digits differ from row to row. */
function positions(place: number, ordinal: number, length: number): Data {
  const first = Buffer.from(positionAt(place, ordinal), 'latin1')
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
