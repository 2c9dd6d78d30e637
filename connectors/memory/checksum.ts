/** Checksums of rows, from the definition (ARCHITECTURE.md, Reconcile), a row at a time: the oracle for every engine's own. */
import { createHash } from 'node:crypto'
import type { RowBatch, SourceColumn } from '../change.ts'
import { canonicalText, type Value, valueReader } from '../column-values.ts'
import type { ChecksumRequest, Checksums } from '../ports.ts'

/** Adds up the rows of the batches. */
export async function checksumOf(
  { table, columns, key, digits, prefixes = [''] }: Pick<ChecksumRequest, 'table' | 'columns' | 'key' | 'digits' | 'prefixes'>,
  batches: AsyncIterable<RowBatch>,
): Promise<Checksums> {
  const sums = new Map<string, { rows: bigint; sum: bigint }>()
  for await (const { batch, release } of batches) {
    const readers = new Map(
      table.columns.map((column, index) => {
        const vector = batch.getChildAt(index + (batch.numCols - table.columns.length))
        return [column.id, { column, read: vector === null ? () => null : valueReader(vector) }] as const
      }),
    )
    const rendered = (ids: readonly number[], row: number) =>
      ids
        .map((id) => {
          const found = readers.get(id)
          return found === undefined ? '\\N' : field(found.read(row), found.column)
        })
        .join('\u001f')
    for (let row = 0; row < batch.numRows; row++) {
      const hash = md5(rendered(key, row))
      if (!prefixes.some((prefix) => hash.startsWith(prefix))) continue
      const bucket = hash.slice(0, digits)
      const sum = sums.get(bucket) ?? { rows: 0n, sum: 0n }
      sum.rows += 1n
      sum.sum += BigInt(`0x${md5(rendered(columns, row)).slice(0, 15)}`)
      sums.set(bucket, sum)
    }
    release()
  }
  return sums
}

function field(value: Value, { type }: SourceColumn): string {
  if (value === null) return '\\N'
  if (type.kind === 'float32' || type.kind === 'float64') return bits(value as number, type.kind === 'float32' ? 4 : 8)
  return canonicalText(value, type).replaceAll('\\', '\\\\').replaceAll('\u001f', '\\u')
}

function bits(value: number, width: 4 | 8): string {
  if (Number.isNaN(value)) return 'NaN'
  const bytes = Buffer.alloc(width)
  if (width === 4) bytes.writeFloatBE(value)
  else bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}

const md5 = (text: string): string => createHash('md5').update(text, 'utf8').digest('hex')
