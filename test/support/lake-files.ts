/** Lake files made of plain rows, written by the product's own writer, and read back as rows. */
import { readFile } from 'node:fs/promises'
import { Dictionary, makeData, RecordBatch, Struct, Vector } from 'apache-arrow'
import { fileSchema, type Op, type Position, type TableSchema } from '../../connectors/change.ts'
import { columnData, type Value } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { LakeRow, ReadLakeFile } from '../../connectors/memory/warehouse.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { FileEntry } from '../../integrations/land/log/commit.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { readParquetColumns } from '../../integrations/read/parquet-columns.ts'

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

/** A row with nothing but what matters to the test. */
export function lakeRow(op: Op, position: Position, values: Readonly<Record<string, Value>> = {}): LakeRow {
  return { op, position, committedAt: op === 'r' ? null : 1_700_000_000_000_000n, unchanged: null, values }
}

/** Rows as the Arrow batch of `fileSchema`. */
export function lakeBatch(schema: TableSchema, part: 'base' | 'changes', rows: readonly LakeRow[]): RecordBatch {
  const arrow = fileSchema(schema, part)
  const metadata: readonly (readonly Value[])[] = [
    rows.map((row) => row.op),
    rows.map((row) => row.position),
    rows.map((row) => row.committedAt),
    rows.map((row) => row.unchanged),
  ]
  const types: readonly LogicalType[] = [TEXT, TEXT, { kind: 'timestamp', utc: true }, TEXT]
  const children = arrow.fields.map((field, index) => {
    const column = schema.columns[index - metadata.length]
    if (column)
      return columnData(
        column.type,
        rows.map((row) => row.values[column.physical] ?? null),
      )
    const values = metadata[index] ?? []
    return field.type instanceof Dictionary ? dictionaryData(field.type, values) : columnData(types[index] ?? TEXT, values)
  })
  return new RecordBatch(arrow, makeData({ type: new Struct(arrow.fields), length: rows.length, nullCount: 0, children }))
}

function dictionaryData(type: Dictionary, values: readonly Value[]) {
  const distinct = [...new Set(values.filter((value) => value !== null))]
  const codes = columnData(
    { kind: 'int32' },
    values.map((value) => (value === null ? null : distinct.indexOf(value))),
  )
  const dictionary = new Vector([columnData(TEXT, distinct)])
  const { length, nullCount, nullBitmap } = codes
  return makeData({ type, length, nullCount, nullBitmap, data: codes.values as Int32Array, dictionary } as never)
}

/** Writes and publishes a file; the entry is what a commit would record. */
export async function writeLakeFile(
  store: ObjectStore,
  key: string,
  schema: TableSchema,
  part: 'base' | 'changes',
  rows: readonly LakeRow[],
): Promise<FileEntry> {
  await using object = await store.openWriter(key)
  const writer = createParquetWriter({ schema: fileSchema(schema, part), sink: object, compression: 'zstd', metadata: new Map() })
  await writer.append(lakeBatch(schema, part, rows))
  const summary = await writer.finish()
  const { size, sha256 } = await object.close()
  const positions = rows.map((row) => row.position).toSorted()
  return {
    key,
    part,
    size,
    sha256,
    rows: summary.rows,
    format: 'parquet',
    profile: 'lake',
    schemaVersion: schema.version,
    minPosition: positions[0] ?? ('' as Position),
    maxPosition: positions.at(-1) ?? ('' as Position),
    columns: summary.columns,
  }
}

/** Reads files by the address that a filesystem store gives them. */
export const readLakeFile: ReadLakeFile = async (file, schema, signal) => {
  const bytes = await readFile(file.address)
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const wanted = [
    { name: '_op', type: TEXT },
    { name: '_position', type: TEXT },
    { name: '_source_committed_at', type: { kind: 'timestamp', utc: true } as const },
    { name: '_unchanged', type: TEXT },
    ...schema.columns.filter((column) => !column.dropped).map((column) => ({ name: column.physical, type: column.type })),
  ]
  const rows: LakeRow[] = []
  for await (const group of readParquetColumns(buffer, file.key, wanted, { groupRows: 65_536, signal })) {
    const at = (name: string, row: number): Value => group.columns.get(name)?.[row] ?? null
    for (let row = 0; row < group.rows; row++) {
      rows.push({
        op: at('_op', row) as Op,
        position: at('_position', row) as Position,
        committedAt: at('_source_committed_at', row) as bigint | null,
        unchanged: at('_unchanged', row) as string | null,
        values: Object.fromEntries(schema.columns.map((column) => [column.physical, at(column.physical, row)])),
      })
    }
  }
  return rows
}
