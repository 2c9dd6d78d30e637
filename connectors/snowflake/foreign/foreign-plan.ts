/** From the files of a table that somebody else keeps, and what Snowflake shows of it, to the statements in between. Pure. */
import { createHash } from 'node:crypto'
import { ConnectorError } from '../../errors.ts'
import type { ForeignTable } from '../../manifest.ts'
import { fileColumns, partitionColumns, type VirtualColumn } from './foreign-columns.ts'
import { refuseTransactional } from './foreign-refusals.ts'
import {
  addColumnSql,
  addPartitionSql,
  commentSql,
  createSql,
  dropColumnSql,
  dropPartitionSql,
  dropSql,
  type ExternalTableName,
  type ExternalTableShape,
  filesSql,
} from './foreign-sql.ts'

/** Kept in the table's comment: what no listing tells. */
export type LinkNote = {
  readonly linked: string
  readonly format: ForeignTable['format']
  readonly stage: string
  readonly partitionBy: readonly string[]
  /** By column, a hash of its definition. */
  readonly columns: Readonly<Record<string, string>>
  /** Hash of the files whose rows were counted after they were registered. */
  readonly proven?: string
}

/** What Snowflake shows; `note` null: the table is there, but no link made it. */
export type LinkedTable = {
  readonly note: LinkNote | null
  readonly columns: readonly string[]
  /** Relative to the stage. */
  readonly files: readonly { readonly path: string; readonly size: number }[]
}

export type LinkPlan = {
  readonly statements: readonly string[]
  /** The last of `statements`, run as one transaction. New files come before old ones are taken away. */
  readonly transaction: readonly string[]
  /** Files that were not shown before, by their path below the stage, with the rows of their footers. */
  readonly added: ReadonlyMap<string, number>
  readonly removed: readonly string[]
  readonly note: LinkNote
  /** Every file that is to be shown in the end. */
  readonly files: ReadonlyMap<string, number>
}

export type LinkTarget = {
  readonly name: ExternalTableName
  /** The stage by its quoted name, and its URL as Portage spells addresses: `s3://bucket/prefix/`. */
  readonly stage: { readonly name: string; readonly url: string }
  /** The file format of the table's files by its quoted name. */
  readonly format: string
  /** Consent to drop the table and make it again where nothing less will do. */
  readonly replace: boolean
}

/** Throws `UNSUPPORTED` for tables whose files are not their rows, `SCHEMA` when only replacing would do, `CONFIGURATION` for files elsewhere. */
export function linkPlan(table: ForeignTable, { name, stage, format, replace }: LinkTarget, shown: LinkedTable | null): LinkPlan {
  refuseTransactional(table)
  const shape: ExternalTableShape = {
    name,
    columns: fileColumns(table),
    partitionColumns: partitionColumns(table),
    format,
    stage: stage.name,
  }
  const note: LinkNote = {
    linked: table.subject,
    format: table.format,
    stage: stage.url,
    partitionBy: shape.partitionColumns.map((column) => column.name),
    columns: Object.fromEntries([...shape.partitionColumns, ...shape.columns].map((column) => [column.name, definition(column)])),
  }
  const again = shown === null ? null : whyReplace(note, shown)
  if (again !== null && !replace) {
    throw new ConnectorError(
      'SCHEMA',
      `External table ${name.schema}.${name.name} ${again}: it must be dropped and made again. Run it with --replace if nothing else depends on it; grants and policies on it go too`,
    )
  }
  const kept = again === null ? shown : null
  const begin =
    kept === null
      ? [...(shown === null ? [] : [dropSql(name)]), createSql(shape, JSON.stringify(note))]
      : columnStatements(shape, note, kept)
  const wanted = placesOf(table, stage.url)
  const { before, transaction, added, removed } =
    shape.partitionColumns.length === 0 ? fileStatements(name, wanted, kept) : partitionStatements(shape, wanted, kept)
  const files = new Map(wanted.flatMap((place) => place.files.map(({ path, rows }) => [path, rows] as const)))
  return { statements: [...begin, ...before, ...transaction], transaction, added, removed, note, files }
}

/** Comments have room for a hash. */
const definition = ({ type, expression }: VirtualColumn): string =>
  createHash('sha256').update(`${type} ${expression}`).digest('hex').slice(0, 12)

function whyReplace(note: LinkNote, shown: LinkedTable): string | null {
  if (shown.note === null) return 'exists already, and no link made it'
  if (shown.note.format !== note.format) return `shows ${shown.note.format} files, which are ${note.format} now`
  if (shown.note.stage !== note.stage) return `shows files of ${shown.note.stage}, which lie in ${note.stage} now`
  const partitions = (columns: LinkNote): string =>
    columns.partitionBy.map((name) => `${name} ${columns.columns[name]}`).join(', ')
  if (partitions(shown.note) !== partitions(note)) return 'has other partition columns'
  return null
}

/** A changed definition is a drop and an add; nothing is read for it. */
function columnStatements({ name, columns }: ExternalTableShape, note: LinkNote, shown: LinkedTable): readonly string[] {
  const same = (column: string): boolean => shown.note?.columns[column] === note.columns[column]
  const present = new Set(shown.columns)
  const ours = (column: string): boolean => note.partitionBy.includes(column)
  const drop = shown.columns.filter((column) => !ours(column) && !same(column))
  const add = columns.filter((column) => !present.has(column.name) || drop.includes(column.name))
  if (drop.length === 0 && add.length === 0) return []
  return [
    ...drop.map((column) => dropColumnSql(name, column)),
    ...add.map((column) => addColumnSql(name, column)),
    commentSql(name, JSON.stringify(note)),
  ]
}

type Place = {
  readonly values: readonly (string | null)[]
  /** Relative to the stage; ends with `/`. */
  readonly location: string
  readonly files: readonly { readonly path: string; readonly size: number; readonly rows: number }[]
}

function placesOf(table: ForeignTable, url: string): readonly Place[] {
  return table.partitions.map(({ values, location, files }) => ({
    values,
    location: `${below(table, url, address(location)).replace(/\/+$/, '')}/`,
    files: files.map((file) => ({ path: below(table, url, file.address), size: file.size, rows: file.rows })),
  }))
}

/** Hadoop's names of the protocol mean the same bucket. */
const address = (location: string): string => location.replace(/^s3[an]:\/\//, 's3://')

function below({ subject }: ForeignTable, url: string, path: string): string {
  if (path.startsWith(url)) return path.slice(url.length)
  throw new ConnectorError(
    'CONFIGURATION',
    `${subject} has files in ${path}, which the stage over ${url} does not show. Give the connection "stage: {url}" of a prefix that holds them all, in config/connections.yaml`,
  )
}

type Difference = Pick<LinkPlan, 'transaction' | 'added' | 'removed'> & { readonly before: readonly string[] }

function fileStatements(name: ExternalTableName, wanted: readonly Place[], shown: LinkedTable | null): Difference {
  const present = new Map(shown?.files.map(({ path, size }) => [path, size]))
  const files = wanted.flatMap((place) => place.files)
  // The same path with another size is another file: it is registered again.
  const added = files.filter(({ path, size }) => present.get(path) !== size)
  const paths = new Set(files.map(({ path }) => path))
  const removed = [...present.keys()].filter((path) => !paths.has(path))
  const add = filesSql(
    name,
    'ADD',
    added.map(({ path }) => path),
  )
  const transaction = [...add, ...filesSql(name, 'REMOVE', removed)]
  return { before: [], transaction, added: new Map(added.map(({ path, rows }) => [path, rows])), removed }
}

/** Hive's UNION ALL writes below a partition's directory. */
const UNION_DIRECTORY = /HIVE_UNION_SUBDIR_\d+\/$/

/**
 * A partition is added with the files that its directory holds. Adding one that is there already registers what is new in it and takes
 * nothing away (snowflake-hive-metastore-connector, `AlterPartition`); only one that lost files is taken away first.
 */
function partitionStatements(shape: ExternalTableShape, wanted: readonly Place[], shown: LinkedTable | null): Difference {
  const present = shown?.files ?? []
  const at = (location: string) => present.filter(({ path }) => path.startsWith(location))
  const print = (files: readonly { readonly path: string; readonly size: number }[]): string =>
    files
      .map(({ path, size }) => `${path} ${size}`)
      .toSorted()
      .join('\n')
  const kept = wanted.filter((place) => place.files.length > 0)
  const changed = kept.filter((place) => print(at(place.location)) !== print(place.files))
  const known = (path: string): boolean => kept.some(({ location }) => path.startsWith(location))
  const stray = present.filter(({ path }) => !known(path)).map(({ path }) => path)
  const gone = [...new Set(stray.map((path) => path.slice(0, path.lastIndexOf('/') + 1).replace(UNION_DIRECTORY, '')))]
  const wantedPaths = new Set(kept.flatMap(({ files }) => files.map(({ path }) => path)))
  const loses = ({ location }: Place): boolean => at(location).some(({ path }) => !wantedPaths.has(path))
  const add = ({ values, location }: Place): string => addPartitionSql(shape, values, location)
  return {
    before: [
      ...changed.filter((place) => !loses(place)).map(add),
      ...gone.map((location) => dropPartitionSql(shape.name, location)),
    ],
    transaction: changed.filter(loses).flatMap((place) => [dropPartitionSql(shape.name, place.location), add(place)]),
    added: new Map(changed.flatMap(({ files }) => files.map(({ path, rows }) => [path, rows] as const))),
    removed: present.map(({ path }) => path).filter((path) => !wantedPaths.has(path)),
  }
}
