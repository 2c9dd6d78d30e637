/** Dialects of engines that have no connector yet, for golden SQL: what their connectors will bring as data. */
import type { Dialect } from '../../connectors/ports.ts'
import { engineType } from '../../integrations/types/type-table.ts'

export const SNOWFLAKE: Dialect = {
  name: 'snowflake',
  quote: '"',
  typeOf: (type) => engineType(type, 'snowflake'),
  literal: (text, type) => `CAST('${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}' AS ${engineType(type, 'snowflake')})`,
  // The external table's own column definitions cast already.
  column: (physical) => `"${physical.replaceAll('"', '""')}"`,
}
