/** Column data → Arrow record batch with its metadata columns, whose buffers go back to the pool on release. */
import { type Data, type Field, makeData, RecordBatch, type Schema, Struct, Utf8, Vector } from 'apache-arrow'
import type { BufferPool } from '../../buffer-pool.ts'
import { MAX_BATCH_ROWS, OPS, type Position, type RowBatch, type SourceTable } from '../../change.ts'
import { SPARE_BYTES } from '../../column-buffer.ts'
import { ConnectorError } from '../../errors.ts'

export type BatchParts = {
  readonly table: SourceTable
  readonly part: 'base' | 'changes'
  readonly schema: Schema
  /** One per field of the schema. */
  readonly children: readonly Data[]
  readonly rows: number
  /** What goes back to the pool. */
  readonly buffers: readonly ArrayBuffer[]
  readonly pool: BufferPool
  readonly date: string | null
  readonly first: Position
  readonly last: Position
}

export function rowBatch({ table, part, schema, children, rows, buffers, pool, date, first, last }: BatchParts): RowBatch {
  const struct = makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children: [...children] })
  let released = false
  return {
    table,
    part,
    batch: new RecordBatch(schema, struct),
    date,
    firstPosition: first,
    lastPosition: last,
    release: () => {
      if (released) throw new ConnectorError('INTERNAL', `A batch of "${table.table}" was released twice`)
      released = true
      for (const buffer of buffers) pool.give(buffer)
    },
  }
}

const SLOT_BYTES = 8
/** Shared by all snapshot batches: nobody writes into a batch. */
const zeros = new ArrayBuffer(MAX_BATCH_ROWS * SLOT_BYTES + SPARE_BYTES)
const allSet = new Uint8Array(MAX_BATCH_ROWS / 8 + SPARE_BYTES).fill(0xff)

/** The metadata columns of a snapshot batch: every row has op `r` and the same position. */
export function baseMetadata(schema: Schema, position: Position, rows: number): Data[] {
  const [op, place, committed, unchanged] = schema.fields as [Field, Field, Field, Field]
  const indices = new Int32Array(zeros, 0, rows)
  const present = { length: rows, nullCount: 0, nullBitmap: validBits(rows) }
  const absent = { length: rows, nullCount: rows, nullBitmap: new Uint8Array(zeros, 0, (rows + 7) >> 3) }
  return [
    makeData({ type: op.type, ...present, data: indices, dictionary: textVector([OPS.snapshot]) } as never),
    makeData({ type: place.type, ...present, data: indices, dictionary: textVector([position]) } as never),
    makeData({ type: committed.type, ...absent, data: new BigInt64Array(zeros, 0, rows) } as never),
    makeData({ type: unchanged.type, ...absent, data: indices, dictionary: textVector([]) } as never),
  ]
}

function validBits(rows: number): Uint8Array {
  if ((rows & 7) === 0) return allSet.subarray(0, rows >> 3)
  const bits = new Uint8Array(((rows + 7) >> 3) + SPARE_BYTES).fill(0xff, 0, rows >> 3)
  bits[rows >> 3] = (1 << (rows & 7)) - 1
  return bits.subarray(0, (rows + 7) >> 3)
}

/** A small Utf8 vector, for dictionaries. */
export function textVector(texts: readonly string[]): Vector {
  const encoded = texts.map((text) => Buffer.from(text, 'utf8'))
  const bytes = encoded.reduce((sum, item) => sum + item.length, 0)
  const data = new Uint8Array(new ArrayBuffer(bytes + SPARE_BYTES), 0, bytes)
  const valueOffsets = new Int32Array(new ArrayBuffer((texts.length + 1) * 4 + SPARE_BYTES), 0, texts.length + 1)
  const nullBitmap = validBits(texts.length)
  let end = 0
  encoded.forEach((item, i) => {
    data.set(item, end)
    end += item.length
    valueOffsets[i + 1] = end
  })
  return new Vector([makeData({ type: new Utf8(), length: texts.length, nullCount: 0, nullBitmap, valueOffsets, data })])
}

/** Int32 data as the indices of a dictionary column. */
export function dictionaryData(indices: Data, field: Field, dictionary: readonly string[]): Data {
  const { length, nullCount, nullBitmap, values } = indices
  return makeData({ type: field.type, length, nullCount, nullBitmap, data: values, dictionary: textVector(dictionary) } as never)
}
