/** What a warehouse holds in another format than it is to have now. Pure. */
import type { Registered } from '../../../connectors/ports.ts'
import type { DirectoryFormatName } from './formats.ts'
import { parseState } from './state.ts'

/** How many tables it holds in each format but the one asked for. */
export function otherFormats(
  projected: Registered['projected'],
  asked: DirectoryFormatName,
): ReadonlyMap<DirectoryFormatName, number> {
  const others = new Map<DirectoryFormatName, number>()
  for (const text of projected?.values() ?? []) {
    const format = parseState(text)?.format ?? asked
    if (format !== asked) others.set(format, (others.get(format) ?? 0) + 1)
  }
  return others
}
