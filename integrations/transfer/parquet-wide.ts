/**
 * Columns whose type holds more than ours, and of which DuckDB would cut something off without a word: decimals of more than 38 digits
 * become floats, times of day lose their nanoseconds. Told by the footer alone. I/O through the file.
 */
import { type AsyncBuffer, parquetMetadataAsync, type SchemaElement } from 'hyparquet'
import { ConnectorError } from '../../connectors/errors.ts'

const MAX_DIGITS = 38

/** Throws `UNSUPPORTED` when a wanted column, or one inside it, is of such a type. `columns` null = all. */
export async function refuseWideColumns(file: AsyncBuffer, name: string, columns: readonly string[] | null): Promise<void> {
  const { schema } = await parquetMetadataAsync(file)
  for (const { column, element } of withColumns(schema)) {
    if (columns !== null && !columns.includes(column)) continue
    const found = widthOf(element)
    if (found === null) continue
    throw new ConnectorError(
      'UNSUPPORTED',
      `File "${name}", column "${column}" ${found.has}, of which ${found.lost} would be lost. ${found.cure} where the file is made, or leave the column out with --columns`,
    )
  }
}

function widthOf({ logical_type: logical, converted_type: converted, precision = 0, type }: SchemaElement) {
  const digits = logical?.type === 'DECIMAL' ? logical.precision : precision
  if ((logical?.type === 'DECIMAL' || converted === 'DECIMAL') && digits > MAX_DIGITS)
    return { has: `is a decimal of ${digits} digits`, lost: `those beyond ${MAX_DIGITS}`, cure: 'Write it as text' }
  if (type === 'INT64' && logical?.type === 'TIME' && logical.unit === 'NANOS')
    return { has: 'is a time of day in nanoseconds', lost: 'those below a microsecond', cure: 'Write it in microseconds' }
  return null
}

/** Each element below the root with the column that it belongs to. The schema is a tree in depth-first order. */
function* withColumns(schema: readonly SchemaElement[]): Generator<{ readonly column: string; readonly element: SchemaElement }> {
  let column = ''
  let inside = 0
  for (const element of schema.slice(1)) {
    if (inside === 0) column = element.name
    else inside--
    inside += element.num_children ?? 0
    yield { column, element }
  }
}
