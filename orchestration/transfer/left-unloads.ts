/** Files that systems handed out and nobody cleared away: a transfer that was killed, or one at work. I/O. */
import type { ObjectStore, Problem } from '../../connectors/ports.ts'
import { bytesText, counted } from '../format/quantities.ts'

/** Below it, in the lake's prefix, every transfer has a place of its own. */
const DIRECTORY = '_unload/'

export const exchangePrefix = (lake: string): string => `${lake === '' ? '' : `${lake}/`}${DIRECTORY}`

/** One warning with what there is; nothing of it is part of a table. */
export async function leftUnloads(store: ObjectStore, lake: string, signal: AbortSignal): Promise<readonly Problem[]> {
  const prefix = exchangePrefix(lake)
  let [files, bytes] = [0, 0]
  let newest = new Date(0)
  for await (const { size, modified } of store.list(prefix, { signal })) {
    files += 1
    bytes += size
    if (modified > newest) newest = modified
  }
  if (files === 0) return []
  return [
    {
      severity: 'warning',
      subject: 'unloads',
      problem: `${counted(files, 'file')} (${bytesText(bytes)}) of unloads lie in "${store.address(prefix)}", the newest of ${newest.toISOString()}`,
      cure: 'They belong to no table. When no transfer is at work, delete that directory',
    },
  ]
}
