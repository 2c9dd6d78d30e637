/** Statements about the external tables that show a table's files: definition, columns, file lists. Pure. */
import { type Column, METADATA_COLUMNS, type TableSchema } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { LogicalType } from '../logical-type.ts'
import type { RegisteredFile, TableRegistration } from '../ports.ts'
import { formatName, identifier, type Part, qualified, quoted, stageName, storedName, text } from './names.ts'
import { bucketPath, type StagePlace } from './stage.ts'
import { refuseUnfit, storedExpression, storedType, unfit } from './types.ts'

/** Files named by one statement; Snowflake takes 1 MB of SQL. */
const FILES_PER_STATEMENT = 1_000
/** The date partition of change files. No column of ours has such a name: physical names are lower case. */
export const DATE_COLUMN = '__DATE'
/** What every external table has by itself. */
const isReserved = (name: string): boolean => name === 'VALUE' || name === DATE_COLUMN || name.startsWith('METADATA$')

/** A column that the external tables of a table need. */
export type StoredColumn = { readonly physical: string; readonly type: LogicalType }

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const METADATA: readonly StoredColumn[] = METADATA_COLUMNS.map((physical) => ({
  physical,
  type: physical === '_source_committed_at' ? { kind: 'timestamp', utc: true } : TEXT,
}))

/** The first column of a type that Snowflake cannot hold. */
export const refusal = ({ schema }: Pick<TableRegistration, 'schema'>): ConnectorError | null =>
  schema.columns.reduce<ConnectorError | null>(
    (found, { name, type, dropped }) => found ?? (dropped === true ? null : unfit(schema.table, name, type)),
    null,
  )

/** Throws `SCHEMA` for a type that Snowflake cannot hold. */
export function storedColumns(schema: TableSchema): readonly StoredColumn[] {
  const live = schema.columns.filter((column: Column) => !column.dropped)
  for (const { name, type } of live) refuseUnfit(schema.table, name, type)
  return [...METADATA, ...live.map(({ physical, type }) => ({ physical, type }))]
}

/** Names of columns in an external table, by physical name; those that are simply the upper-case name are left out. */
export type Aliases = Readonly<Record<string, string>>

export const columnName = (physical: string, aliases: Aliases): string =>
  aliases[physical] ?? (isReserved(storedName(physical)) ? `${storedName(physical)}__1` : storedName(physical))

/** An external table as it was found; types in plain spelling. */
export type FoundColumn = { readonly name: string; readonly type: string }

/**
 * What an external table lacks: a column of a changed type is added under another name, because the relations read the old one
 * until they are swapped.
 */
export function columnChanges(
  columns: readonly StoredColumn[],
  found: readonly FoundColumn[],
  aliases: Aliases,
): {
  readonly added: readonly (StoredColumn & { readonly name: string })[]
  readonly dropped: readonly string[]
  readonly aliases: Aliases
} {
  const types = new Map(found.map(({ name, type }) => [name, type]))
  const chosen: Record<string, string> = {}
  const added: (StoredColumn & { readonly name: string })[] = []
  for (const column of columns) {
    const usual = columnName(column.physical, {})
    const fits = (name: string) => types.get(name) === storedType(column.type)
    const candidates = [
      columnName(column.physical, aliases),
      usual,
      ...[...types.keys()].filter((name) => name.startsWith(`${usual}__`)),
    ]
    const existing = candidates.find(fits)
    const name = existing ?? freeName(usual, types)
    if (existing === undefined) {
      added.push({ ...column, name })
      types.set(name, storedType(column.type))
    }
    if (name !== usual) chosen[column.physical] = name
  }
  const wanted = new Set(columns.map(({ physical }) => columnName(physical, chosen)))
  const dropped = found.map(({ name }) => name).filter((name) => !wanted.has(name) && !isReserved(name))
  return { added, dropped, aliases: chosen }
}

function freeName(usual: string, types: ReadonlyMap<string, string>): string {
  if (!types.has(usual)) return usual
  let number = 2
  while (types.has(`${usual}__${number}`)) number++
  return `${usual}__${number}`
}

export function addColumn(table: string, column: StoredColumn & { readonly name: string }): string {
  return `ALTER TABLE ${table} ADD COLUMN ${columnDefinition(column.name, column)}`
}

export const dropColumn = (table: string, name: string): string => `ALTER TABLE ${table} DROP COLUMN ${quoted(name)}`

const columnDefinition = (name: string, { physical, type }: StoredColumn): string =>
  `${quoted(name)} ${storedType(type)} AS (${storedExpression(physical, type)})`

/** Where a part's files lie in the stage: `location` relative to the stage's URL, both with a slash at the end or empty. */
export type PartPlace = { readonly location: string; readonly dated: boolean; readonly format: 'parquet' | 'orc' }

/** A part's files as Snowflake names them: paths from the bucket's root, by what the commit says of them. */
export type PartFiles = ReadonlyMap<string, RegisteredFile>

export function partFiles(files: readonly RegisteredFile[], stage: StagePlace): PartFiles {
  return new Map(files.map((file) => [bucketPath(file.address, stage), file]))
}

const DATED = '/changes/date='

/** The directory that holds all of the files, null when there are none. Throws `UNSUPPORTED` for files of several formats. */
export function partPlace(table: TableRegistration, part: Part, files: PartFiles, stage: StagePlace): PartPlace | null {
  const paths = [...files.keys()]
  const [first] = files.values()
  if (first === undefined) return null
  if ([...files.values()].some(({ format }) => format !== first.format)) {
    throw new ConnectorError(
      'UNSUPPORTED',
      `"${table.table}" has files of two formats, and an external table reads one. Run "portage compact"`,
    )
  }
  const marker = part === 'changes' ? '/changes/' : '/base/'
  const directories = new Set(paths.map((path) => directoryOf(path, marker)))
  const directory = directories.size === 1 ? [...directories][0] : commonDirectory(paths)
  return {
    location: (directory ?? '').slice(stage.path.length),
    dated: part === 'changes' && paths.every((path) => path.includes(DATED)),
    format: first.format,
  }
}

function directoryOf(path: string, marker: string): string {
  const at = path.lastIndexOf(marker)
  return at < 0 ? path.slice(0, path.lastIndexOf('/') + 1) : path.slice(0, at + marker.length)
}

function commonDirectory(paths: readonly string[]): string {
  const [first = '', ...rest] = paths
  let end = first.lastIndexOf('/') + 1
  while (end > 0 && !rest.every((path) => path.startsWith(first.slice(0, end)))) end = first.lastIndexOf('/', end - 2) + 1
  return first.slice(0, end)
}

/**
 * Explicit in everything: what is left out would be listed by itself, refreshed by events, or read as CSV. Replaces nothing: a table of
 * that name was made for the same commit, and another registration may show it already.
 */
export function createExternalTable(
  request: { readonly schema: string; readonly integration: string; readonly commit: number },
  table: Pick<TableRegistration, 'table'>,
  name: string,
  columns: readonly StoredColumn[],
  place: PartPlace,
): string {
  const { schema, integration } = request
  const definitions = columns.map((column) => columnDefinition(columnName(column.physical, {}), column))
  const dated = place.dated ? [`${quoted(DATE_COLUMN)} DATE AS (${dateExpression()})`] : []
  return [
    `CREATE EXTERNAL TABLE IF NOT EXISTS ${qualified(schema, name)} (`,
    [...definitions, ...dated].map((line) => `  ${line}`).join(',\n'),
    ')',
    ...(place.dated ? [`PARTITION BY (${quoted(DATE_COLUMN)})`] : []),
    `LOCATION = ${stageLocation(schema, integration, place.location)}`,
    'REFRESH_ON_CREATE = FALSE',
    'AUTO_REFRESH = FALSE',
    `FILE_FORMAT = (FORMAT_NAME = ${text(qualified(schema, formatName(integration, place.format)))})`,
    `COMMENT = ${text(`Files of ${table.table}, registered one by one; never refresh it. ${lineage({ integration, table: table.table, commit: request.commit })}`)}`,
  ].join('\n')
}

/** Snowflake's list of functions for automatic partitions knows neither patterns nor URL decoding. */
const dateExpression = (): string => `TO_DATE(SUBSTR(SPLIT_PART(METADATA$FILENAME, '${DATED}', 2), 1, 10), 'YYYY-MM-DD')`

function stageLocation(schema: string, integration: string, location: string): string {
  const plain = `@${qualified(schema, stageName(integration))}/${location}`
  return /[\s,;()'"]/.test(location) ? text(plain) : plain
}

/** Comments of ours end in it, so that everybody's own objects can be told from them. */
export function lineage(of: Readonly<Record<string, string | number>>): string {
  return JSON.stringify({ portage: 1, ...of })
}

export function readLineage(comment: string | null): Readonly<Record<string, unknown>> | null {
  // The last one: a comment of the source, which stands before it, may hold the like.
  const at = (comment ?? '').lastIndexOf('{"portage":1,')
  if (at < 0) return null
  try {
    return JSON.parse((comment ?? '').slice(at)) as Record<string, unknown>
  } catch {
    return null
  }
}

export type FileAction = 'ADD' | 'REMOVE'

/** `paths` from the bucket's root; one statement per thousand. */
export function fileStatements(
  table: string,
  action: FileAction,
  paths: readonly string[],
  stage: StagePlace,
  location: string,
): readonly { readonly sql: string; readonly paths: readonly string[] }[] {
  const start = stage.path.length + location.length
  return batches(paths).map((some) => ({
    paths: some,
    sql: `ALTER EXTERNAL TABLE ${table} ${action} FILES (${some.map((path) => text(path.slice(start))).join(', ')})`,
  }))
}

export function batches<T>(items: readonly T[], size = FILES_PER_STATEMENT): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))
}

/** One `from` item of relation SQL: columns under their usual names, or a typed empty relation where there is no table. */
export function scanOf(table: string | null, columns: readonly StoredColumn[], aliases: Aliases): string {
  const usual = ({ physical }: StoredColumn) => identifier(physical)
  if (table === null) {
    const nulls = columns.map((column) => `CAST(NULL AS ${storedType(column.type)}) AS ${usual(column)}`)
    return `(SELECT ${nulls.join(', ')} WHERE FALSE)`
  }
  const plain = columns.every(({ physical }) => columnName(physical, aliases) === storedName(physical))
  if (plain) return table
  const shown = columns.map((column) => {
    const name = quoted(columnName(column.physical, aliases))
    return name === usual(column) ? name : `${name} AS ${usual(column)}`
  })
  return `(SELECT ${shown.join(', ')} FROM ${table})`
}
