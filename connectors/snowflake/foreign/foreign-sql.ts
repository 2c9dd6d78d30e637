/** The statements of an external table over files that others wrote. Pure. Names as they are stored. */
import { quoted, text } from '../names.ts'
import { DEFAULT_PARTITION, type VirtualColumn } from './foreign-columns.ts'

export type ExternalTableName = { readonly database: string; readonly schema: string; readonly name: string }

/** Files of one statement: names are long, statements have an end. */
export const FILES_PER_STATEMENT = 1_000

export const nameSql = ({ database, schema, name }: ExternalTableName): string => [database, schema, name].map(quoted).join('.')

/** Files whose names begin with `_` or `.` are no data; listings of a partition's directory do not leave them out by themselves. */
const DATA_FILES = '(.*/)?[^_./][^/]*'

export type ExternalTableShape = {
  readonly name: ExternalTableName
  readonly columns: readonly VirtualColumn[]
  /** None: files are registered one by one. */
  readonly partitionColumns: readonly VirtualColumn[]
  /** Stage and file format by their quoted names. */
  readonly stage: string
  readonly format: string
}

/** Without files. Partitions are user-specified, because their directories may lie anywhere and their names are encoded. */
export function createSql({ name, columns, partitionColumns, format, stage }: ExternalTableShape, comment: string): string {
  const list = [...partitionColumns, ...columns].map((column) => `  ${columnSql(column)}`)
  const partitioned = partitionColumns.length > 0
  return [
    `CREATE EXTERNAL TABLE ${nameSql(name)} (`,
    `${list.join(',\n')}\n)`,
    ...(partitioned ? [`PARTITION BY (${partitionColumns.map((column) => quoted(column.name)).join(', ')})`] : []),
    `LOCATION = @${stage}/`,
    ...(partitioned ? ['PARTITION_TYPE = USER_SPECIFIED'] : []),
    'REFRESH_ON_CREATE = FALSE',
    'AUTO_REFRESH = FALSE',
    ...(partitioned ? [`PATTERN = ${text(DATA_FILES)}`] : []),
    `FILE_FORMAT = (FORMAT_NAME = ${format})`,
    `COMMENT = ${text(comment)}`,
  ].join('\n')
}

const columnSql = ({ name, type, expression }: VirtualColumn): string => `${quoted(name)} ${type} AS (${expression})`

export const addColumnSql = (table: ExternalTableName, column: VirtualColumn): string =>
  `ALTER TABLE ${nameSql(table)} ADD COLUMN ${columnSql(column)}`

export const dropColumnSql = (table: ExternalTableName, column: string): string =>
  `ALTER TABLE ${nameSql(table)} DROP COLUMN ${quoted(column)}`

export const commentSql = (table: ExternalTableName, comment: string): string =>
  `COMMENT ON TABLE ${nameSql(table)} IS ${text(comment)}`

export const dropSql = (table: ExternalTableName): string => `DROP EXTERNAL TABLE IF EXISTS ${nameSql(table)}`

/** Relative to the stage. */
export function filesSql(table: ExternalTableName, verb: 'ADD' | 'REMOVE', files: readonly string[]): readonly string[] {
  const statements: string[] = []
  for (let at = 0; at < files.length; at += FILES_PER_STATEMENT) {
    const list = files
      .slice(at, at + FILES_PER_STATEMENT)
      .map(text)
      .join(', ')
    statements.push(`ALTER EXTERNAL TABLE ${nameSql(table)} ${verb} FILES (${list})`)
  }
  return statements
}

/** `location` relative to the stage, ends with `/`. A null value is the default partition. */
export function addPartitionSql(
  { name, partitionColumns }: Pick<ExternalTableShape, 'name' | 'partitionColumns'>,
  values: readonly (string | null)[],
  location: string,
): string {
  const list = partitionColumns.map((column, index) => `${quoted(column.name)} = ${text(values[index] ?? DEFAULT_PARTITION)}`)
  return `ALTER EXTERNAL TABLE ${nameSql(name)} ADD PARTITION (${list.join(', ')}) LOCATION ${text(location)}`
}

/** Every partition whose files lie there. */
export const dropPartitionSql = (table: ExternalTableName, location: string): string =>
  `ALTER EXTERNAL TABLE ${nameSql(table)} DROP PARTITION LOCATION ${text(location)}`
