/** The one place where generated SQL quotes names and texts. */
import type { Dialect } from '../../connectors/ports.ts'

/** The name as a quoted identifier of the dialect: never folded, never a keyword. */
export function quoteName(dialect: Dialect, name: string): string {
  return dialect.quote + name.replaceAll(dialect.quote, dialect.quote + dialect.quote) + dialect.quote
}

/**
 * A text that Portage made itself (a position, an operation) as a literal of any dialect. Texts from a source go through
 * `dialect.literal`, because engines differ on backslashes.
 */
export function quoteOwnText(text: string): string {
  if (!/^[0-9A-Za-z_.:-]*$/.test(text)) throw new RangeError(`"${text}" is not a text of Portage's own`)
  return `'${text}'`
}
