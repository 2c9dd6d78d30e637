/** From an address to a reader. I/O. */
import { join } from 'node:path'
import { didYouMean } from '../../config/problems.ts'
import { openParquetTable } from '../../connectors/duckdb/parquet-table.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { createLocalFile } from '../../connectors/filesystem/local-file.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { BadValues, ReadableFile, TableAddress, TableReader, Tables } from '../../connectors/tables.ts'
import { hashOfParts } from '../../integrations/transfer/content-hash.ts'
import { type CsvReader, openCsvReader } from '../../integrations/transfer/csv/csv-reader.ts'
import { openFileWriter } from '../../integrations/transfer/file-writers.ts'
import { openForeignReader } from '../../integrations/transfer/foreign/foreign-reader.ts'
import { openLakeReader } from '../../integrations/transfer/lake-reader.ts'
import { bufferOf, refuseNanoseconds } from '../../integrations/transfer/parquet-nanoseconds.ts'
import { refuseWideColumns } from '../../integrations/transfer/parquet-wide.ts'
import { UsageError } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import { VERSION } from '../version.ts'
import type { Address } from './address.ts'
import { connectorOf } from './connections.ts'
import { openExchange } from './exchange.ts'
import { type FileAddress, fileName, hashOf, onDisk, openFile, openSpool } from './files.ts'
import { findForeignTable, hasLayout } from './foreign-table.ts'
import { lakeTable, showTable } from './lake-place.ts'
import type { TransferOptions } from './options.ts'

export type OpenSource = {
  readonly reader: TableReader
  /** Set when rows come from CSV: dialect and types are shown before anything is loaded. */
  readonly csv: CsvReader | null
  /** SHA-256 of the file; null when it was not asked for, or there is no file. */
  readonly sha256: string | null
}

export type SourceRequest = {
  readonly address: Address
  readonly options: TransferOptions
  readonly badValues: BadValues
  /** Types that the target's columns have already. */
  readonly targetTypes: ReadonlyMap<string, LogicalType> | null
  /** The target tells a repeated batch from a new one. */
  readonly hashed: boolean
  /** Takes what must be closed, last one first. */
  readonly closing: AsyncDisposableStack
}

export async function openSource(session: Session, request: SourceRequest, signal: AbortSignal): Promise<OpenSource> {
  const { address, options } = request
  const { partitionBy } = options
  const refusePartition = () => {
    if (partitionBy !== null) throw new UsageError(`--partition-by: ${options.from} is not unloaded; leave it out`)
  }
  if (address.kind === 'file' || address.kind === 'object') {
    refusePartition()
    return openFileSource(session, { ...request, address }, signal)
  }
  refuseCsvOptions(options, `${options.from} is no CSV file`)
  const connector = await connectorOf(session.configuration, address.connection)
  if (connector.openTables === undefined) {
    refusePartition()
    if (connector.openStore === undefined) {
      throw new UsageError(`${address.connection}: a connection of "${connector.name}" holds no tables to read from`)
    }
    if (address.kind === 'query') {
      throw new UsageError(
        `${address.connection}: a lake is read table by table: ${address.connection}:integration.table with --columns and --where`,
      )
    }
    return openLakeSource(session, { ...request, address }, signal)
  }
  const tables = request.closing.use(await session.opener.tables(address.connection))
  const from =
    address.kind === 'query'
      ? ({ kind: 'query', sql: address.sql } as const)
      : ({ kind: 'table', table: databaseTable(tables, address.connection, address.parts) } as const)
  const { columns, where } = options
  if (tables.readsBy !== 'files') refusePartition()
  try {
    // A condition is the engine's to evaluate: its rows come through the server then.
    if (from.kind === 'table' && where === null && hasLayout(tables)) {
      const asked = { connection: address.connection, tables, table: from.table, closing: request.closing }
      const reader = request.closing.use(openForeignReader(await findForeignTable(session, asked, signal), columns))
      return { reader, csv: null, sha256: null }
    }
    // Whatever is read through it is closed before it.
    const exchange = tables.readsBy === 'files' ? await openExchange(session, options, request.closing) : null
    const by = partitionBy === null ? {} : { partitionBy }
    const reading = { from, columns, where, badValues: request.badValues, ...(exchange === null ? {} : { exchange }), ...by }
    const reader = request.closing.use(await tables.openReader(reading, signal))
    return { reader, csv: null, sha256: null }
  } catch (error) {
    throw from.kind === 'table' ? await nearer(error, tables, from.table, address.connection, signal) : error
  }
}

/** Throws `UsageError` for more or fewer parts than the system's names have. */
export function databaseTable(
  { defaultSchema = 'public', databases = false }: Pick<Tables, 'defaultSchema' | 'databases'>,
  connection: string,
  parts: readonly string[],
): TableAddress {
  const [first = '', second, third] = parts
  const schema = second === undefined ? defaultSchema : first
  if (parts.length > (databases ? 3 : 2) || schema === null) {
    const forms = [...(defaultSchema === null ? [] : ['table']), 'schema.table', ...(databases ? ['database.schema.table'] : [])]
    throw new UsageError(`${connection}:${parts.join('.')}: expected ${forms.join(' or ')}`)
  }
  return third === undefined ? { schema, name: second ?? first } : { database: first, schema: second ?? '', name: third }
}

/** Adds the nearest table to the message that there is no such table. */
export async function nearer(
  error: unknown,
  tables: Tables,
  wanted: TableAddress,
  connection: string,
  signal: AbortSignal,
): Promise<unknown> {
  if (!(error instanceof ConnectorError) || error.code !== 'NOT_FOUND' || !/does not exist in the database/.test(error.message))
    return error
  const names = (await tables.list(signal).catch(() => [])).map(({ schema, name }) => `${schema}.${name}`)
  const hint = didYouMean(`${wanted.schema}.${wanted.name}`, names)
  const known =
    hint !== '' || names.length === 0 ? '' : `; it has ${names.slice(0, 12).join(', ')}${names.length > 12 ? ' …' : ''}`
  return new ConnectorError('NOT_FOUND', `${connection}: ${error.message}${hint}${known}`, { cause: error.cause })
}

async function openLakeSource(
  session: Session,
  { address, options, closing }: SourceRequest & { readonly address: Extract<Address, { readonly kind: 'table' }> },
  signal: AbortSignal,
): Promise<OpenSource> {
  const place = lakeTable(session.configuration, address.connection, address.parts, options.prefix)
  const store = closing.use(await session.opener.store(address.connection))
  const { warehouse, state, relation } = await showTable(store, place, session.environment, signal)
  closing.use(warehouse)
  const known = state.tables[place.table]
  if (known === undefined) throw new ConnectorError('INTERNAL', `Lake table "${place.table}" vanished`)
  const { integration, table } = place
  const files = [...(known.base?.files ?? []), ...known.changes]
  const estimatedRows = files.reduce((sum, { rows }) => sum + rows, 0)
  const { columns, where } = options
  const reader = await openLakeReader(
    { warehouse, integration, table, relation, schema: known.schema, commit: state.number, estimatedRows, columns, where },
    signal,
  )
  return { reader, csv: null, sha256: null }
}

async function openFileSource(
  session: Session,
  request: SourceRequest & { readonly address: FileAddress },
  signal: AbortSignal,
): Promise<OpenSource> {
  const { address, options, closing } = request
  const file = closing.use(await openFile(address, session, signal))
  const magic = Buffer.from(await file.read(0, 4, signal)).toString('latin1')
  refuseForeign(file.name, magic)
  const sha256 = request.hashed ? await hashOf(file, signal) : null
  if (magic !== 'PAR1') refuseMisnamed(file.name, options)
  if (magic !== 'PAR1') return openCsvSource(session, file, sha256, request, signal)
  refuseCsvOptions(options, `${fileName(address)} is Parquet`)
  const spool = closing.use(await openSpool(session.environment.stateDir))
  const { columns, where } = options
  const reader = closing.use(
    await openParquetTable(
      {
        path: await onDisk(file, spool.path, signal),
        name: file.name,
        columns,
        where,
        fingerprint: sha256 === null ? null : hashOfParts([sha256, columns, where]),
        spill: join(spool.path, 'spill'),
      },
      signal,
    ),
  )
  await refuseWideColumns(bufferOf(file, signal), file.name, columns)
  if (!options.dryRun) await refuseNanoseconds(file, columns, signal)
  return { reader, csv: null, sha256 }
}

/** First bytes of what is surely no CSV, and what to do about it. */
const FOREIGN: readonly (readonly [string, string])[] = [
  ['ORC', 'is ORC, which transfer does not read. Convert it to Parquet'],
  ['PK\u0003\u0004', 'is a ZIP archive or an Excel workbook. Unpack it, or save the sheet as CSV'],
  ['\u00d0\u00cf\u0011\u00e0', 'is an old Excel or Word file. Save the sheet as CSV'],
  ['%PDF', 'is a PDF document'],
  ['\u0028\u00b5\u002f\u00fd', 'is packed with zstd. Unpack it first; only gzip is unpacked on the way'],
  ['BZh', 'is packed with bzip2. Unpack it first; only gzip is unpacked on the way'],
  ['\u00fd7zX', 'is packed with xz. Unpack it first; only gzip is unpacked on the way'],
  ['Obj\u0001', 'is Avro, which transfer does not read. Convert it to Parquet'],
  ['ARRO', 'is an Arrow file, which transfer does not read. Convert it to Parquet'],
  ['SQLi', 'is a SQLite database'],
]

function refuseForeign(name: string, magic: string): void {
  const found = FOREIGN.find(([begin]) => magic.startsWith(begin))
  if (found !== undefined) throw new ConnectorError('UNSUPPORTED', `File "${name}" ${found[1]}; transfer reads CSV and Parquet`)
  if (/^\s*[[{]\s*["{[\r\n]/.test(magic)) {
    throw new ConnectorError('UNSUPPORTED', `File "${name}" begins like JSON; transfer reads CSV and Parquet`)
  }
}

/** Half a download, or an error page that was saved: it would be read as a CSV file of a few lines. */
function refuseMisnamed(name: string, { csv }: TransferOptions): void {
  if (!/\.parquet$/i.test(name) || Object.keys(csv).length > 0) return
  const found = 'does not begin with "PAR1" as Parquet files do'
  throw new ConnectorError(
    'FORMAT',
    `File "${name}" ${found}. Get it again; if it is CSV, say so with an option of CSV such as --header`,
  )
}

async function openCsvSource(
  session: Session,
  file: ReadableFile,
  sha256: string | null,
  { options, badValues, targetTypes, closing }: SourceRequest,
  signal: AbortSignal,
): Promise<OpenSource> {
  const declared = { ...options.csv, ...(targetTypes === null ? {} : { targetTypes }) }
  const { columns, where, dryRun } = options
  // A condition may look at columns that are not wanted.
  const csv = await openCsvReader({ file, declared, columns: where === null ? columns : null, badValues, sha256 }, signal)
  if (where === null || dryRun) return { reader: csv, csv, sha256 }
  const spool = closing.use(await openSpool(session.environment.stateDir))
  const path = join(spool.path, 'rows.parquet')
  const create = () => createLocalFile(path)
  const createdBy = `portage-lakehouse version ${VERSION} (build release)`
  const writer = openFileWriter({ name: path, form: 'parquet', columns: csv.columns, compression: 'snappy', createdBy, create })
  await writer.write(csv.rows(signal), signal)
  const fingerprint = csv.fingerprint === null ? null : hashOfParts([csv.fingerprint, columns, where])
  const filtered = closing.use(
    await openParquetTable({ path, name: file.name, columns, where, fingerprint, spill: join(spool.path, 'spill') }, signal),
  )
  // Parquet keeps the bytes of a text, not what it is.
  const known = new Map(csv.columns.map((column) => [column.name, column]))
  return { reader: { ...filtered, columns: filtered.columns.map((column) => known.get(column.name) ?? column) }, csv, sha256 }
}

function refuseCsvOptions({ csv }: TransferOptions, reason: string): void {
  const given = Object.keys(csv)[0]
  if (given === undefined) return
  const option = { sampleBytes: 'sample' }[given] ?? given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  throw new UsageError(`--${option} is for CSV files; ${reason}`)
}
