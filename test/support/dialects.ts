/** Dialects of engines that have no connector yet, for golden SQL: what their connectors will bring as data. */
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { Dialect } from '../../connectors/ports.ts'
import { engineType } from '../../integrations/types/type-table.ts'

const BACKSLASH_TEXT = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

export const SNOWFLAKE: Dialect = {
  name: 'snowflake',
  quote: '"',
  typeOf: (type) => engineType(type, 'snowflake'),
  literal: (text, type) => `CAST('${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}' AS ${engineType(type, 'snowflake')})`,
  // The external table's own column definitions cast already.
  column: (physical) => `"${physical.replaceAll('"', '""')}"`,
}

const hiveLike = (name: 'hive' | 'spark'): Dialect => ({
  name,
  quote: '`',
  typeOf: (type: LogicalType) => engineType(type, name),
  literal: (text, type) => `CAST(${BACKSLASH_TEXT(text)} AS ${engineType(type, name)})`,
  column: (physical, type) => `CAST(\`${physical.replaceAll('`', '``')}\` AS ${engineType(type, name)})`,
})

export const HIVE: Dialect = hiveLike('hive')
export const SPARK: Dialect = hiveLike('spark')
