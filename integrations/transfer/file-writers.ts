/** Tables written into one file: CSV or Parquet. The file appears as a whole at the end, in the place of what was there. */
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { ConnectorError } from '../../connectors/errors.ts'
import { typeName } from '../../connectors/logical-type.ts'
import type { TableBatch, TableWriter, TransferColumn, WritableFile, WriteOutcome } from '../../connectors/tables.ts'
import { CSV_FORM, encodeRows } from '../../connectors/text-rows.ts'
import { createParquetWriter } from '../land/parquet/writer.ts'
import { batchSchema } from './csv/csv-rows.ts'

export type FileForm = 'csv' | 'csv.gz' | 'parquet'

export const FILE_FORMS: readonly FileForm[] = ['csv', 'csv.gz', 'parquet']

/** The form that a file's name tells; null when it tells none. */
export function formOfName(name: string): FileForm | null {
  const lower = name.toLowerCase()
  if (lower.endsWith('.csv.gz')) return 'csv.gz'
  if (lower.endsWith('.csv')) return 'csv'
  return lower.endsWith('.parquet') ? 'parquet' : null
}

export type FileWriterRequest = {
  readonly name: string
  readonly form: FileForm
  readonly columns: readonly TransferColumn[]
  readonly compression: 'zstd' | 'snappy' | 'gzip' | 'none'
  /** `<application> version <version> (build <hash>)`. */
  readonly createdBy: string
  /** Opened when the first row is about to be written. */
  readonly create: () => Promise<WritableFile>
}

export function openFileWriter(request: FileWriterRequest): TableWriter {
  const { name, form, columns } = request
  return {
    subject: `File "${name}"`,
    plan: {
      existing: null,
      types: columns.map(({ type }) => (form === 'parquet' ? typeName(type) : 'text')),
      notes: [
        `${form === 'parquet' ? `Parquet, ${request.compression}` : form === 'csv' ? 'CSV' : 'CSV, gzip'}; appears as a whole when it is complete`,
      ],
      statements: [],
    },
    write: async (rows, signal) => {
      await using file = await request.create()
      const outcome = await (form === 'parquet' ? writeParquet : writeCsv)(file, request, rows, signal)
      signal.throwIfAborted()
      await file.close()
      return outcome
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

type WriteForm = (
  file: WritableFile,
  request: FileWriterRequest,
  rows: AsyncIterable<TableBatch>,
  signal: AbortSignal,
) => Promise<WriteOutcome>

const writeParquet: WriteForm = async (file, { columns, compression, createdBy }, rows, signal) => {
  const schema = batchSchema(columns)
  const writer = createParquetWriter({ schema, sink: file, compression, metadata: new Map(), createdBy, profile: 'file' })
  await eachBatch(rows, signal, ({ batch }) => writer.append(batch))
  const { rows: count, bytes } = await writer.finish()
  return { rows: count, bytes, repeated: false }
}

const writeCsv: WriteForm = async (file, request, rows, signal) => {
  const counts = { rows: 0, bytes: 0 }
  const sink = async (chunk: Uint8Array): Promise<void> => {
    counts.bytes += chunk.length
    await file.write(chunk)
  }
  const lines = csvLines(request.columns, rows, signal, counts)
  if (request.form === 'csv') for await (const chunk of lines) await sink(chunk)
  else {
    const source = Readable.from(lines)
    const gzip = createGzip()
    source.on('error', (error) => gzip.destroy(error))
    for await (const chunk of source.pipe(gzip)) await sink(chunk as Uint8Array)
  }
  return { ...counts, repeated: false }
}

async function* csvLines(
  columns: readonly TransferColumn[],
  rows: AsyncIterable<TableBatch>,
  signal: AbortSignal,
  counts: { rows: number },
): AsyncGenerator<Buffer> {
  yield Buffer.from(`${columns.map(({ name }) => headerField(name)).join(',')}\n`, 'utf8')
  const types = columns.map(({ type }) => type)
  for await (const { batch, release } of rows) {
    let chunk: Buffer
    try {
      signal.throwIfAborted()
      chunk = encodeRows(batch, types, CSV_FORM)
      counts.rows += batch.numRows
    } finally {
      release()
    }
    if (chunk.length > 0) yield chunk
  }
}

const headerField = (name: string): string => (/[",\r\n]/.test(name) || name === '' ? `"${name.replaceAll('"', '""')}"` : name)

/** Hands each batch over and releases it, also when that fails. */
export async function eachBatch(
  rows: AsyncIterable<TableBatch>,
  signal: AbortSignal,
  take: (batch: TableBatch) => Promise<void>,
): Promise<void> {
  for await (const rowsOfTable of rows) {
    try {
      signal.throwIfAborted()
      await take(rowsOfTable)
    } finally {
      rowsOfTable.release()
    }
  }
}

/** Throws `CONFIGURATION` unless the name tells a form. */
export function formNamed(name: string, option: string | undefined): FileForm {
  const asked = option === undefined ? formOfName(name) : (FILE_FORMS.find((each) => each === option) ?? null)
  if (asked !== null) return asked
  throw new ConnectorError(
    'CONFIGURATION',
    `File "${name}": expected a name that ends in .csv, .csv.gz or .parquet; else give --file-format ${FILE_FORMS.join('|')}`,
  )
}
