/** A name for rows whose source has none: a hash over their columns as they pass. */
import { createHash } from 'node:crypto'
import type { Data, RecordBatch } from 'apache-arrow'
import { typeName } from '../../connectors/logical-type.ts'
import type { TableBatch, TransferColumn } from '../../connectors/tables.ts'

export type ContentHash = {
  readonly through: (rows: AsyncIterable<TableBatch>) => AsyncIterable<TableBatch>
  /** Of everything that passed; null before the last row has. */
  readonly value: () => string | null
}

/** Equal columns and equal rows in the same order give the same text; that other rows do is as likely as a SHA-256 collision. */
export function contentHash(columns: readonly TransferColumn[]): ContentHash {
  const hash = createHash('sha256').update(JSON.stringify(columns.map(({ name, type }) => [name, typeName(type)])))
  let value: string | null = null
  return {
    value: () => value,
    async *through(rows) {
      for await (const each of rows) {
        addBatch(hash, each.batch)
        yield each
      }
      value = hash.digest('hex')
    },
  }
}

type Hash = ReturnType<typeof createHash>

function addBatch(hash: Hash, batch: RecordBatch): void {
  hash.update(`rows ${batch.numRows}`)
  for (const data of batch.data.children) addColumn(hash, data)
}

function addColumn(hash: Hash, data: Data): void {
  const { length, nullCount, nullBitmap } = data
  if (nullCount === 0 || nullBitmap === null || nullBitmap === undefined) hash.update('full')
  else if ((data.offset & 7) === 0) {
    // Bits behind the last row are nobody's.
    const whole = nullBitmap.subarray(data.offset >> 3, (data.offset + length) >> 3)
    const rest = length & 7
    hash.update(whole)
    if (rest > 0) hash.update(String((nullBitmap[(data.offset + length) >> 3] ?? 0) & ((1 << rest) - 1)))
  } else for (let row = 0; row < length; row++) hash.update(data.getValid(row) ? '1' : '0')
  const offsets = data.valueOffsets as Int32Array | undefined
  const values = data.values as ArrayBufferView
  if (offsets !== undefined && offsets.length > length) {
    const [start, end] = [offsets[0] as number, offsets[length] as number]
    const lengths = new Int32Array(length)
    for (let row = 0; row < length; row++) lengths[row] = (offsets[row + 1] as number) - (offsets[row] as number)
    hash.update(bytesOf(lengths)).update(bytesOf(values).subarray(start, end))
    return
  }
  hash.update(bytesOf(values))
}

const bytesOf = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** One name for several facts: SHA-256 of their JSON, lower-case hex. */
export const hashOfParts = (parts: unknown): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex')
