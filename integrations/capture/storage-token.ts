/**
 * What the log remembers of a table's storage: the source's `storage` and `definition` tokens as one text. Rows may have
 * changed without change events only when both moved: a vacuum or a truncate moves the storage alone, a constant default or a
 * rename the definition alone.
 */
import type { SourceTable } from '../../connectors/change.ts'

export type StorageTokens = Pick<SourceTable, 'storage' | 'definition'>

export const encodeTokens = (tokens: StorageTokens): string => JSON.stringify([tokens.storage, tokens.definition])

/** Stands in a snapshot that is wanted but has not begun: nothing is known of the storage then. */
export const NO_TOKENS: StorageTokens = { storage: '', definition: '' }

/** Null when the log knows nothing of the table's storage. */
export function decodeTokens(text: string | null): StorageTokens | null {
  if (text === null) return null
  const parsed: unknown = JSON.parse(text)
  const [storage, definition] = Array.isArray(parsed) ? parsed.map(String) : []
  return storage === undefined || definition === undefined || storage === '' ? null : { storage, definition }
}

/** True when rows already landed may no longer be what the source holds. */
export function rowsRewritten(recorded: string | null, now: StorageTokens): boolean {
  const then = decodeTokens(recorded)
  return then !== null && then.storage !== now.storage && then.definition !== now.definition
}
