/** The one place where generated SQL quotes names and texts. */
import type { Dialect } from '../../connectors/ports.ts'

/** The name as a quoted identifier of the dialect: never folded by the engine, never a keyword. */
export function quoteName(dialect: Dialect, name: string): string {
  return dialect.quote + storedName(dialect, name).replaceAll(dialect.quote, dialect.quote + dialect.quote) + dialect.quote
}

/** The name as the engine keeps it. Names of ours differ in more than case, so none of two becomes the other. */
export function storedName(dialect: Pick<Dialect, 'folds'>, name: string): string {
  if (dialect.folds === 'lower') return name.toLowerCase()
  return dialect.folds === 'upper' ? name.replace(/[a-z]+/g, (letters) => letters.toUpperCase()) : name
}

/**
 * A text that Portage made itself (a position, an operation) as a literal of any dialect. Texts from a source go through
 * `dialect.literal`, because engines differ on backslashes.
 */
export function quoteOwnText(text: string): string {
  if (!/^[0-9A-Za-z_.:-]*$/.test(text)) throw new RangeError(`"${text}" is not a text of Portage's own`)
  return `'${text}'`
}
