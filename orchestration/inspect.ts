/** `inspect`: what is in a Parquet or ORC file, on this machine or in the lake. The format is told by the file's first bytes. */
import { open, stat } from 'node:fs/promises'
import { didYouMean } from '../config/problems.ts'
import { ConnectorError } from '../connectors/errors.ts'
import { inspectOrc, type OrcInspection, readOrcRows } from '../integrations/land/orc/inspect.ts'
import {
  type InspectedStatistics,
  inspectParquet,
  type Json,
  type ParquetInspection,
  readParquetRows,
} from '../integrations/land/parquet/inspect.ts'
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
  if (await isTable(context, file, lake)) {
    const { inspectTable } = await import('./inspect-table.ts')
    return await inspectTable(context, { table: file, json, rows })
  }
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

const TABLE = /^([A-Za-z_][A-Za-z0-9_-]*):(?!\/\/)/

/** `hive:db.table`: a connection of that name, and no file of that name. */
async function isTable(context: CommandContext, file: string, lake: string | undefined): Promise<boolean> {
  const connection = TABLE.exec(file)?.[1]
  if (connection === undefined || lake !== undefined || (await stat(file).catch(() => null)) !== null) return false
  return openSession(context, { read: 'connections' }).configuration.connections.has(connection)
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
  if (name === undefined) throw new UsageError(nothingNamed(key, [...configuration.connections.keys()], lakes))
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

function nothingNamed(key: string, connections: readonly string[], lakes: readonly string[]): string {
  const connection = TABLE.exec(key)?.[1]
  if (connection !== undefined) {
    const known = connections.length === 0 ? 'there is none' : `there is ${connections.join(', ')}`
    return `"${key}" is no file here, and there is no connection "${connection}"${didYouMean(connection, connections)}; ${known}`
  }
  const cure = lakes.length === 0 ? '' : `. For a key of a lake, name it with --lake: ${lakes.join(', ')}`
  return `"${key}" is no file here${cure}`
}

async function formatOf({ read, size }: Subject, file: string): Promise<'parquet' | 'orc'> {
  const magic = Buffer.from(await read(0, Math.min(4, size))).toString('latin1')
  if (magic === 'PAR1') return 'parquet'
  if (magic.startsWith('ORC')) return 'orc'
  throw new ConnectorError('FORMAT', `"${file}" is neither a Parquet nor an ORC file: it begins with neither "PAR1" nor "ORC"`)
}

/** Most stripes or row groups shown one by one. */
const MOST_GROUPS = 20
const LONGEST_BOUND = 32

/** Pure. */
export function inspectionLines(inspection: ParquetInspection | OrcInspection): readonly string[] {
  const { format, rows, bytes, createdBy, schema, metadata } = inspection
  const rowGroups: readonly Group[] = inspection.rowGroups
  const groups = format === 'orc' ? 'stripe' : 'row group'
  const heads = ['column', 'type', '', 'nulls', 'min', 'max', 'size', 'codec', 'encodings']
  return [
    `${format}, ${counted(rows, 'row')}, ${bytesText(bytes)}, ${counted(rowGroups.length, groups)}${createdBy === null ? '' : `, written by ${createdBy}`}`,
    '',
    ...renderTable(
      heads,
      schema.map((column) => columnCells(inspection, rowGroups, column)),
    ).split('\n'),
    ...(rowGroups.length > 1 ? ['', ...groupLines(groups, rowGroups)] : []),
    ...Object.entries(metadata).flatMap(([key, value], index) => [...(index === 0 ? [''] : []), `${key} = ${short(value)}`]),
  ]
}

type Group = {
  readonly rows: number
  readonly columns: readonly (InspectedStatistics & {
    readonly column: string
    readonly compression: string
    readonly encodings: readonly string[]
    readonly compressedBytes: number
  })[]
  readonly writerTimezone?: string
}

function columnCells(
  { schema, statistics }: ParquetInspection | OrcInspection,
  rowGroups: readonly Group[],
  { name, type, nullable }: ParquetInspection['schema'][number],
): readonly Cell[] {
  const names = new Set(schema.map((each) => each.name))
  // What is inside of it, but not another column that has a dot in its name.
  const isOwn = (leaf: string) => leaf === name || (leaf.startsWith(`${name}.`) && !names.has(leaf))
  const own = rowGroups.flatMap(({ rows, columns }) =>
    columns.filter(({ column }) => isOwn(column)).map((chunk) => ({ ...chunk, rows })),
  )
  const plain = own.every(({ column }) => column === name) ? own : []
  const encodings = [...new Set(own.flatMap((chunk) => chunk.encodings))].join(' ')
  const size = own.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0)
  const codec = [...new Set(own.map(({ compression }) => compression))].join(' ')
  return [
    name,
    type,
    nullable ? null : 'not null',
    statistics[name]?.nulls ?? null,
    boundText(plain, 'min'),
    boundText(plain, 'max'),
    own.length === 0 ? null : bytesText(size),
    codec,
    encodings,
  ]
}

type Chunk = InspectedStatistics & { readonly rows: number }

/** Over all groups; empty when one of them does not say. */
function boundText(chunks: readonly Chunk[], which: 'min' | 'max'): string | null {
  let best: Json = null
  for (const { rows, nulls, [which]: value } of chunks) {
    if (value === null && nulls !== rows) return null
    if (value !== null && (best === null || isLess(value, best) === (which === 'min'))) best = value
  }
  if (best === null) return null
  const text = typeof best === 'string' ? best : JSON.stringify(best)
  return text.length > LONGEST_BOUND ? `${text.slice(0, LONGEST_BOUND)}…` : text
}

/** Numbers, also those that come as text, by their value; all else by its text. */
function isLess(a: Json, b: Json): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b
  const [x, y] = [decimalParts(a), decimalParts(b)]
  if (x === null || y === null) return String(a) < String(b)
  const scale = Math.max(x.scale, y.scale)
  return x.unscaled * 10n ** BigInt(scale - x.scale) < y.unscaled * 10n ** BigInt(scale - y.scale)
}

function decimalParts(value: Json): { readonly unscaled: bigint; readonly scale: number } | null {
  const [, whole, fraction = ''] = /^(-?\d+)(?:\.(\d+))?$/.exec(String(value)) ?? []
  return whole === undefined ? null : { unscaled: BigInt(whole + fraction), scale: fraction.length }
}

function groupLines(name: string, groups: readonly Group[]): readonly string[] {
  const shown = groups.slice(0, MOST_GROUPS).map(({ rows, columns, writerTimezone }, index): readonly Cell[] => {
    const size = columns.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0)
    return [index + 1, rows, bytesText(size), writerTimezone ?? null]
  })
  const zone = groups.some(({ writerTimezone }) => writerTimezone !== undefined) ? ["writer's zone"] : []
  const rest = groups.length - shown.length
  return [
    ...renderTable(
      [{ title: name, align: 'right' }, 'rows', 'size', ...zone],
      shown.map((cells) => cells.slice(0, 3 + zone.length)),
    ).split('\n'),
    ...(rest > 0 ? [`… and ${counted(rest, name)} more`] : []),
  ]
}

function short(value: string): string {
  return value.length > 100 ? `${value.slice(0, 100)}… (${value.length} characters)` : value
}
