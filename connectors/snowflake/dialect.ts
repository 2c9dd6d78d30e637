import type { Dialect } from '../ports.ts'
import { historyRule, identifier } from './names.ts'
import { literal, shownType } from './types.ts'

/** Names without quotes are upper case in Snowflake, so ours are made that way: nobody needs quotes. */
export const SNOWFLAKE_DIALECT: Dialect = {
  name: 'snowflake',
  quote: '"',
  folds: 'upper',
  typeOf: shownType,
  literal,
  // External tables cast already; people's views show JSON as such, the rules below them as it was landed.
  column: identifier,
  landedHistory: historyRule,
}
