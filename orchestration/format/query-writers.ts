/** Query results in each output format, streamed. Memory is one batch, and for tables a sample of the first rows. */
import type { RecordBatch } from 'apache-arrow'
import type { QueryResult } from '../../connectors/ports.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { ArrowStreamEncoder } from './arrow-stream.ts'
import { columnTypes, eachRow, isNumeric, valueJson, valueText } from './row-text.ts'
import { type TableLayout, tableLayout } from './table.ts'

/** Takes bytes or text; settles when it can take more. */
export type QuerySink = { readonly write: (chunk: string | Uint8Array) => Promise<void> }

/** Rows whose widths decide a table's columns. */
const TABLE_SAMPLE_ROWS = 1_000
const NULL_CELL = 'NULL'

export type QueryFormat = 'table' | 'csv' | 'json' | 'arrow' | 'parquet'
export const QUERY_FORMATS = ['table', 'csv', 'json', 'arrow', 'parquet'] as const satisfies readonly QueryFormat[]
/** Formats that do not belong on a terminal. */
export const BINARY_FORMATS: ReadonlySet<QueryFormat> = new Set(['arrow', 'parquet'])

type WriteResult = (result: QueryResult, sink: QuerySink) => Promise<number>

/** Writes the whole result; settles with its number of rows. */
export const WRITERS: Readonly<Record<QueryFormat, WriteResult>> = {
  table: writeTable,
  csv: writeCsv,
  json: writeJson,
  arrow: writeArrow,
  parquet: writeParquet,
}

async function writeTable({ schema, batches }: QueryResult, sink: QuerySink): Promise<number> {
  const types = columnTypes(schema)
  const columns = schema.fields.map((field) => ({ title: field.name, align: isNumeric(field) ? 'right' : 'left' }) as const)
  let sample: string[][] = []
  let layout: TableLayout | null = null
  let count = 0
  const flush = async (): Promise<void> => {
    const first = layout === null
    layout ??= tableLayout(columns, sample)
    const lines = [...(first ? [layout.head] : []), ...sample.map(layout.line)]
    sample = []
    if (lines.length > 0) await sink.write(`${lines.join('\n')}\n`)
  }
  for await (const batch of batches) {
    eachRow(batch, (values) => {
      sample.push(values.map((value, index) => (value === null ? NULL_CELL : valueText(value, typeAt(types, index)))))
    })
    count += batch.numRows
    if (layout !== null || sample.length >= TABLE_SAMPLE_ROWS) await flush()
  }
  await flush()
  await sink.write(`(${count} ${count === 1 ? 'row' : 'rows'})\n`)
  return count
}

/** RFC 4180 with `\n`; a null is an empty field, an empty text is `""`. */
async function writeCsv({ schema, batches }: QueryResult, sink: QuerySink): Promise<number> {
  const types = columnTypes(schema)
  await sink.write(`${schema.fields.map((field) => csvField(field.name)).join(',')}\n`)
  return eachBatch(batches, async (batch) => {
    const lines: string[] = []
    eachRow(batch, (values) => {
      lines.push(values.map((value, index) => (value === null ? '' : csvField(valueText(value, typeAt(types, index))))).join(','))
    })
    if (lines.length > 0) await sink.write(`${lines.join('\n')}\n`)
  })
}

function csvField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** One object per row and line. */
async function writeJson({ schema, batches }: QueryResult, sink: QuerySink): Promise<number> {
  const types = columnTypes(schema)
  const names = schema.fields.map((field) => JSON.stringify(field.name))
  return eachBatch(batches, async (batch) => {
    const lines: string[] = []
    eachRow(batch, (values) => {
      lines.push(`{${values.map((value, index) => `${names[index]}:${valueJson(value, typeAt(types, index))}`).join(',')}}`)
    })
    if (lines.length > 0) await sink.write(`${lines.join('\n')}\n`)
  })
}

/** Arrow IPC stream. */
async function writeArrow({ schema, batches }: QueryResult, sink: QuerySink): Promise<number> {
  const encoder = new ArrowStreamEncoder(schema)
  const rows = await eachBatch(batches, (batch) => sink.write(encoder.encode(batch)))
  await sink.write(encoder.end())
  return rows
}

async function writeParquet({ schema, batches }: QueryResult, sink: QuerySink): Promise<number> {
  const writer = createParquetWriter({ schema, sink, compression: 'zstd', metadata: new Map(), profile: 'file' })
  const rows = await eachBatch(batches, (batch) => writer.append(batch))
  await writer.finish()
  return rows
}

async function eachBatch(batches: AsyncIterable<RecordBatch>, write: (batch: RecordBatch) => Promise<void>): Promise<number> {
  let rows = 0
  for await (const batch of batches) {
    await write(batch)
    rows += batch.numRows
  }
  return rows
}

function typeAt<T>(types: readonly T[], index: number): T {
  const type = types[index]
  if (type === undefined) throw new RangeError(`column ${index} of ${types.length}`)
  return type
}
