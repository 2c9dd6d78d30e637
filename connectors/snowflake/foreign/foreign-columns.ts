/** Columns of an external table over files that others wrote: virtual, each an expression over VALUE or over its partition. Pure. */
import { ConnectorError } from '../../errors.ts'
import type { LogicalType } from '../../logical-type.ts'
import type { ForeignColumn, ForeignTable } from '../../manifest.ts'
import { storedName as folded, quoted } from '../names.ts'
import { MAX_SCALE, shownType, timestampExpression } from '../types.ts'

export type VirtualColumn = { readonly name: string; readonly type: string; readonly expression: string }

/** The owner's directory of rows whose partition column is NULL. */
export const DEFAULT_PARTITION = '__HIVE_DEFAULT_PARTITION__'

/** Every external table has a column of that name already. */
const storedName = (name: string): string => (folded(name) === 'VALUE' ? 'VALUE__1' : folded(name))

/** Throws `UNSUPPORTED` when files disagree about what a name means. */
export function fileColumns(table: ForeignTable): readonly VirtualColumn[] {
  const names = namesInFiles(table)
  return table.columns.map((column, index) => {
    const paths = [...(names[index] ?? [])].map((name) => `value:${quoted(name)}`)
    const [only = `value:${quoted(column.name)}`] = paths
    const path = paths.length > 1 ? `COALESCE(${paths.join(', ')})` : only
    return { name: storedName(column.name), type: typeOf(column.type), expression: reading(path, column.type, table.format) }
  })
}

/** Values of user-specified partitions are texts; the default partition is NULL. */
export function partitionColumns({ partitionColumns }: ForeignTable): readonly VirtualColumn[] {
  return partitionColumns.map((column) => {
    const type = typeOf(column.type ?? { kind: 'utf8', format: 'text' })
    const name = storedName(column.name)
    const text = `PARSE_JSON(METADATA$EXTERNAL_TABLE_PARTITION):${quoted(name)}::VARCHAR`
    return { name, type, expression: `NULLIF(${text}, '${DEFAULT_PARTITION}')::${type}` }
  })
}

/** By the table's column: every name that some file has for it, first come first. */
function namesInFiles(table: ForeignTable): readonly ReadonlySet<string>[] {
  const sets = table.columns.map(() => new Set<string>())
  const owner = new Map<string, number>()
  for (const { files, columns: own = table.columns } of table.partitions) {
    for (const file of files) {
      for (const [index, column] of table.columns.entries()) {
        // A column that is younger than the partition is null in it.
        const name = index < own.length ? nameInFile(table, file, column, index) : null
        if (name === null) continue
        const other = owner.get(name)
        if (other !== undefined && other !== index) {
          throw new ConnectorError(
            'UNSUPPORTED',
            `${table.subject}: its files name both "${table.columns[other]?.name}" and "${column.name}" "${name}"; Snowflake finds columns by name. Have the owner write the older files again`,
          )
        }
        owner.set(name, index)
        sets[index]?.add(name)
      }
    }
  }
  return sets
}

function nameInFile(
  { format, subject }: ForeignTable,
  { names, matchedBy, address }: ForeignTable['partitions'][number]['files'][number],
  column: ForeignColumn,
  index: number,
): string | null {
  if (names !== undefined) return names[index] ?? null
  if (matchedBy === 'name') return column.name
  if (format === 'orc') return `_col${index}`
  throw new ConnectorError(
    'UNSUPPORTED',
    `${subject}: the columns of "${address}" are matched by position, and Snowflake finds those of Parquet by name. Have the owner write the table again`,
  )
}

/** Nested values, and those of types without a logical type, are VARIANT: their own keys keep the case that the files have. */
function typeOf(type: LogicalType | null): string {
  // A number with 38 digits behind the point has no other way to be exact.
  if (type?.kind === 'decimal' && type.scale > MAX_SCALE) return 'VARCHAR'
  return type === null ? 'VARIANT' : shownType(type)
}

function reading(path: string, type: LogicalType | null, format: ForeignTable['format']): string {
  if (type?.kind === 'timestamp') return `(${timestampExpression(path)})::TIMESTAMP_NTZ(6)`
  // ORC's bytes are shown as hex digits.
  if (type?.kind === 'binary' && format === 'orc') return `TO_BINARY(${path}::VARCHAR, 'HEX')`
  if (type?.kind === 'utf8' && type.format === 'json') return `PARSE_JSON(${path}::VARCHAR)`
  return `${path}::${typeOf(type)}`
}
