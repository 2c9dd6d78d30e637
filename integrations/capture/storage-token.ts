/**
 * What the log remembers of a table's storage: the source's `storage` and `definition` tokens as one text. Rows may have
 * changed without change events only when both moved: a vacuum or a truncate moves the storage alone, a constant default or a
 * rename the definition alone.
 */
import type { SourceTable } from '../../connectors/change.ts'

export type StorageTokens = Pick<SourceTable, 'storage' | 'definition'>

export const encodeTokens = (tokens: StorageTokens): string => JSON.stringify([tokens.storage, tokens.definition])

export function decodeTokens(text: string | null): StorageTokens {
  const parsed: unknown = text === null ? ['', ''] : JSON.parse(text)
  const [storage, definition] = Array.isArray(parsed) ? parsed : []
  return { storage: String(storage ?? ''), definition: String(definition ?? '') }
}

/** True when rows already landed may no longer be what the source holds. */
export function rowsRewritten(recorded: string | null, now: StorageTokens): boolean {
  if (recorded === null) return false
  const then = decodeTokens(recorded)
  return then.storage !== now.storage && then.definition !== now.definition
}
