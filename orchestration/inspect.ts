/** `inspect`: what is in a Parquet or ORC file, on this machine or in the lake. The format is told by the file's first bytes. */
import { open, stat } from 'node:fs/promises'
import { ConnectorError } from '../connectors/errors.ts'
import { inspectOrc, type OrcInspection, readOrcRows } from '../integrations/land/orc/inspect.ts'
import { inspectParquet, type ParquetInspection, readParquetRows } from '../integrations/land/parquet/inspect.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { bytesText, counted } from './format/quantities.ts'
import { type Cell, renderTable } from './format/table.ts'
import { printJson } from './output.ts'
import { openSession } from './session.ts'

export type InspectOptions = {
  /** A path, or a key of a lake. */
  readonly file: string
  readonly lake: string | undefined
  readonly json: boolean
  /** Rows to print, one JSON object each; null = none. */
  readonly rows: number | null
}

export async function inspect(context: CommandContext, { file, lake, json, rows }: InspectOptions): Promise<void> {
  try {
    await inspectSubject(context, { file, lake, json, rows })
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code !== 'FORMAT' || error.message.includes(file)) throw error
    throw new ConnectorError('FORMAT', `"${file}": ${error.message}`, { cause: error.cause })
  }
}

async function inspectSubject(context: CommandContext, { file, lake, json, rows }: InspectOptions): Promise<void> {
  await using subject = await openSubject(context, file, lake)
  const format = await formatOf(subject, file)
  if (rows !== null) {
    const read = format === 'orc' ? readOrcRows : readParquetRows
    for await (const row of read(subject.read, subject.size, { limit: rows })) await context.print(JSON.stringify(row))
    return
  }
  const inspection = await (format === 'orc' ? inspectOrc : inspectParquet)(subject.read, subject.size)
  if (json) await printJson(context, inspection)
  else for (const line of inspectionLines(inspection)) await context.print(line)
}

type Subject = AsyncDisposable & {
  readonly size: number
  /** Bytes [start, end). */
  readonly read: (start: number, end: number) => Promise<Uint8Array>
}

async function openSubject(context: CommandContext, file: string, lake: string | undefined): Promise<Subject> {
  const found = lake === undefined ? await stat(file).catch(() => null) : null
  if (found !== null && !found.isFile()) throw new UsageError(`"${file}" is not a file`)
  return found === null ? openObject(context, file, lake) : openFile(file, found.size)
}

async function openFile(file: string, size: number): Promise<Subject> {
  const handle = await open(file, 'r')
  return {
    size,
    read: async (start, end) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start)
      return buffer.subarray(0, bytesRead)
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

async function openObject(context: CommandContext, key: string, lake: string | undefined): Promise<Subject> {
  const { configuration, opener } = openSession(context)
  const lakes = [...new Set(configuration.integrations.map((each) => each.lake.connection))]
  const name = lake ?? (lakes.length === 1 ? lakes[0] : undefined)
  if (name === undefined)
    throw new UsageError(`"${key}" is no file here. For a key of a lake, name it with --lake: ${lakes.join(', ')}`)
  const store = await opener.store(name)
  const info = await store.head(key, context.signal)
  if (info === null) {
    await store[Symbol.asyncDispose]()
    throw new ConnectorError('NOT_FOUND', `"${key}" is neither a file here nor a key of lake "${name}"`)
  }
  return {
    size: info.size,
    read: async (start, end) => (await store.get(key, { range: { start, end }, signal: context.signal })) ?? new Uint8Array(),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

async function formatOf({ read, size }: Subject, file: string): Promise<'parquet' | 'orc'> {
  const magic = Buffer.from(await read(0, Math.min(4, size))).toString('latin1')
  if (magic === 'PAR1') return 'parquet'
  if (magic.startsWith('ORC')) return 'orc'
  throw new ConnectorError('FORMAT', `"${file}" is neither a Parquet nor an ORC file: it begins with neither "PAR1" nor "ORC"`)
}

/** Pure. */
export function inspectionLines(inspection: ParquetInspection | OrcInspection): readonly string[] {
  const { format, rows, bytes, createdBy, schema, rowGroups, metadata } = inspection
  const chunks = rowGroups.flatMap(({ columns }) => [...columns])
  const groups = format === 'orc' ? 'stripe' : 'row group'
  const columnRows = schema.map(({ name, type, nullable }): readonly Cell[] => {
    const own = chunks.filter(({ column }) => column === name)
    const nulls = inspection.statistics[name]?.nulls ?? null
    const encodings = [...new Set(own.flatMap((chunk) => chunk.encodings))].join(' ')
    const size = own.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0)
    const codec = [...new Set(own.map(({ compression }) => compression))].join(' ')
    return [name, type, nullable ? null : 'not null', nulls, own.length === 0 ? null : bytesText(size), codec, encodings]
  })
  return [
    `${format}, ${counted(rows, 'row')}, ${bytesText(bytes)}, ${counted(rowGroups.length, groups)}${createdBy === null ? '' : `, written by ${createdBy}`}`,
    '',
    ...renderTable(['column', 'type', '', 'nulls', 'size', 'codec', 'encodings'], columnRows).split('\n'),
    ...Object.entries(metadata).flatMap(([key, value], index) => [...(index === 0 ? [''] : []), `${key} = ${short(value)}`]),
  ]
}

function short(value: string): string {
  return value.length > 100 ? `${value.slice(0, 100)}… (${value.length} characters)` : value
}
