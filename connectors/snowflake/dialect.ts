import type { Dialect } from '../ports.ts'
import { identifier } from './names.ts'
import { literal, shownExpression, shownType } from './types.ts'

/** Names without quotes are upper case in Snowflake, so ours are made that way: nobody needs quotes. */
export const SNOWFLAKE_DIALECT: Dialect = {
  name: 'snowflake',
  quote: '"',
  folds: 'upper',
  typeOf: shownType,
  literal,
  // External tables cast already.
  column: (physical, type) => shownExpression(identifier(physical), type),
}
