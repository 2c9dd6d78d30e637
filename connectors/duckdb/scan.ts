/** Committed files as a DuckDB relation. Pure. */
import type { TableSchema } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { RegisteredFile, TableRegistration } from '../ports.ts'
import { fileType } from './dialect.ts'
import { filePath, identifier } from './quote.ts'

/**
 * A `select` over exactly these files: metadata columns and every live physical column of the schema, of the widest type
 * that any file and the schema have; NULL where a file lacks one. No files = an empty relation of the same shape.
 */
export function scanSql(schema: TableSchema, files: readonly RegisteredFile[]): string {
  const columns = [
    { name: '_op', type: 'VARCHAR' },
    { name: '_position', type: 'VARCHAR' },
    { name: '_source_committed_at', type: 'TIMESTAMPTZ' },
    { name: '_unchanged', type: 'VARCHAR' },
    ...schema.columns
      .filter((column) => !column.dropped)
      .map((column) => ({ name: column.physical, type: fileType(column.type) })),
  ]
  const names = columns.map((column) => identifier(column.name)).join(', ')
  // The row that is never there names and types the columns that no file has (yet); DuckDB prunes it from every plan.
  const shape = columns.map((column) => `cast(NULL as ${column.type}) as ${identifier(column.name)}`).join(', ')
  if (files.length === 0) return `select ${shape} where false`
  return `select ${names} from (select * from ${readParquet(files)} union all by name select ${shape} where false)`
}

/** `read_parquet` over an explicit list; columns by name, never from directory names. */
export function readParquet(files: readonly RegisteredFile[], options = ''): string {
  const paths = files.map((file) => filePath(file.address)).join(', ')
  return `read_parquet([${paths}], union_by_name = true, hive_partitioning = false${options})`
}

/** `UNSUPPORTED` for a table that holds anything else than Parquet; null: DuckDB reads it. */
export function refusal({ table, base, changes, renewed }: TableRegistration): ConnectorError | null {
  const foreign = [...base, ...changes, ...(renewed?.files ?? [])].find((file) => file.format !== 'parquet')
  if (foreign === undefined) return null
  return new ConnectorError(
    'UNSUPPORTED',
    `Table "${table}" has files of the format "${foreign.format}"; DuckDB reads parquet. Set "lake.format: parquet" in the integration, or register it in another warehouse`,
  )
}
