/** The table over the directories of one relation: a partition per directory, chosen by the views by name. Pure. */
import { METADATA_COLUMNS, METADATA_TYPES, type TableSchema } from '../change.ts'
import type { ProjectedDirectory, RegisterRequest, TableRegistration, TableScans } from '../ports.ts'
import { storedType } from './dialect.ts'
import { hidden, OWNER } from './ledger.ts'
import { toLocation } from './location.ts'
import { filesTable } from './names.ts'
import { identifier, properties, qualified, text } from './quote.ts'

export type StoredColumn = { readonly name: string; readonly type: string }

/** In the order of the files: Hive matches ORC columns by position, so it is this order for ever. */
export function storedColumns(schema: TableSchema): readonly StoredColumn[] {
  return [
    ...METADATA_COLUMNS.map((name) => ({ name, type: storedType(METADATA_TYPES[name]) })),
    ...schema.columns.map(({ physical, type }) => ({ name: physical, type: storedType(type) })),
  ]
}

/** Name of the partition column: none of the table's own. */
export function partitionColumn(schema: TableSchema): string {
  const taken = new Set(schema.columns.map(({ physical }) => physical))
  let name = 'portage_directory'
  while (taken.has(name)) name += '_'
  return name
}

export type FilesPlace = { readonly integration: string; readonly schema: string; readonly s3Scheme: 's3a' | 's3' }

type Projected = TableRegistration & { readonly projected: NonNullable<TableRegistration['projected']> }

export const filesName = ({ relation, projected }: Projected): string => filesTable(relation, projected.generation)

export function createFilesTable(place: FilesPlace, table: Projected): string {
  const columns = storedColumns(table.schema).map(({ name, type }) => `${identifier(name)} ${type}`)
  return [
    `CREATE EXTERNAL TABLE IF NOT EXISTS ${qualified(place.schema, filesName(table))} (`,
    `  ${columns.join(',\n  ')}`,
    ')',
    `PARTITIONED BY (${identifier(partitionColumn(table.schema))} STRING)`,
    `STORED AS ${table.projected.format === 'orc' ? 'ORC' : 'PARQUET'}`,
    `LOCATION ${text(toLocation(table.projected.address, place.s3Scheme))}`,
    `TBLPROPERTIES (${ownProperties(place)})`,
  ].join('\n')
}

const ownProperties = (place: FilesPlace): string =>
  properties([
    ['external.table.purge', 'false'],
    ['discover.partitions', 'false'],
    [OWNER, hidden(place.integration)],
  ])

/** Makes properties and location what they were at first, whatever someone made of them. */
export function resetFilesTable(place: FilesPlace, table: Projected): readonly string[] {
  const name = qualified(place.schema, filesName(table))
  const location = text(toLocation(table.projected.address, place.s3Scheme))
  return [`ALTER TABLE ${name} SET TBLPROPERTIES (${ownProperties(place)})`, `ALTER TABLE ${name} SET LOCATION ${location}`]
}

/** The external table, never its files, whatever someone made of its properties. */
export function dropFilesTable(schema: string, name: string): readonly string[] {
  const table = qualified(schema, name)
  return [
    `ALTER TABLE ${table} SET TBLPROPERTIES (${properties([['external.table.purge', 'false']])})`,
    `DROP TABLE IF EXISTS ${table}`,
  ]
}

export function addColumns(place: FilesPlace, table: Projected, from: number, cascade: string): string {
  const columns = storedColumns(table.schema)
    .slice(from)
    .map(({ name, type }) => `${identifier(name)} ${type}`)
  return `ALTER TABLE ${qualified(place.schema, filesName(table))} ADD COLUMNS (${columns.join(', ')})${cascade}`
}

/** So many partitions in one statement. */
const PARTITIONS = 100

const partitionOf = (schema: TableSchema, directory: string): string =>
  `PARTITION (${identifier(partitionColumn(schema))}=${text(directory)})`

export function addPartitions(
  place: FilesPlace,
  table: Projected,
  directories: readonly ProjectedDirectory[],
): readonly string[] {
  const parts = directories.map(
    ({ name, address }) => `${partitionOf(table.schema, name)} LOCATION ${text(toLocation(address, place.s3Scheme))}`,
  )
  return slices(parts).map(
    (some) => `ALTER TABLE ${qualified(place.schema, filesName(table))} ADD IF NOT EXISTS\n  ${some.join('\n  ')}`,
  )
}

export function moveDirectory(place: FilesPlace, table: Projected, { name, address }: ProjectedDirectory): string {
  const location = text(toLocation(address, place.s3Scheme))
  return `ALTER TABLE ${qualified(place.schema, filesName(table))} ${partitionOf(table.schema, name)} SET LOCATION ${location}`
}

export function dropPartitions(place: FilesPlace, table: Projected, directories: readonly string[]): readonly string[] {
  const parts = directories.map((name) => partitionOf(table.schema, name))
  return slices(parts).map((some) => `ALTER TABLE ${qualified(place.schema, filesName(table))} DROP IF EXISTS ${some.join(', ')}`)
}

/** Rows per directory, as the engine itself reads them. */
export function countRows(place: FilesPlace, table: Projected, directories: readonly ProjectedDirectory[]): string {
  const column = identifier(partitionColumn(table.schema))
  const names = directories.map(({ name }) => text(name)).join(', ')
  const from = qualified(place.schema, filesName(table))
  return `SELECT ${text(table.relation)} AS \`relation\`, ${column} AS \`directory\`, COUNT(*) AS \`row_count\` FROM ${from} WHERE ${column} IN (${names}) GROUP BY ${column}`
}

/** For the engine's planner; readers see nothing of it. */
export function computeStatistics(place: FilesPlace, table: Projected, { name }: ProjectedDirectory): string {
  return `ANALYZE TABLE ${qualified(place.schema, filesName(table))} ${partitionOf(table.schema, name)} COMPUTE STATISTICS`
}

/** Directories by name: one statement, the view's, decides what a reader sees. */
export function scansOf(place: Pick<FilesPlace, 'schema'>, table: Projected): TableScans {
  const scan = (part: ProjectedDirectory['part']): string => {
    const names = table.projected.directories.filter((each) => each.part === part).map(({ name }) => text(name))
    const columns = storedColumns({ ...table.schema, columns: table.schema.columns.filter(({ dropped }) => dropped !== true) })
    if (names.length === 0) {
      const nulls = columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${identifier(name)}`)
      return `(SELECT ${nulls.join(', ')} FROM (SELECT 1 AS \`one\`) e WHERE 1 = 0)`
    }
    const from = qualified(place.schema, filesName(table))
    const where = `${identifier(partitionColumn(table.schema))} IN (${names.join(', ')})`
    return `(SELECT ${columns.map(({ name }) => identifier(name)).join(', ')} FROM ${from} WHERE ${where})`
  }
  const scans = { base: scan('base'), changes: scan('changes') }
  return table.renewed === undefined ? scans : { ...scans, renewed: { base: scan('renewed'), changes: scans.changes } }
}

/** Throws when the request was not projected: a defect of ours. */
export function projectedTables({ tables }: RegisterRequest): readonly Projected[] {
  return tables.map((table) => {
    const { projected } = table
    if (projected === undefined) throw new TypeError(`table "${table.table}" comes without a projection`)
    return { ...table, schema: projected.schema, projected }
  })
}

export type ProjectedTable = Projected

function slices<T>(items: readonly T[]): readonly (readonly T[])[] {
  const all: (readonly T[])[] = []
  for (let start = 0; start < items.length; start += PARTITIONS) all.push(items.slice(start, start + PARTITIONS))
  return all
}
