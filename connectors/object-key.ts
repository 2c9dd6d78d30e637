/** The alphabet of object keys, the same for every store so that a lake can move between them. */
import { ConnectorError } from './errors.ts'

/** Longest key that every store takes (S3: 1,024 bytes). */
export const MAX_KEY_LENGTH = 1024
/** Longest segment that every file system takes. */
export const MAX_SEGMENT_LENGTH = 255

const SEGMENT = /^[A-Za-z0-9._=%-]+$/

/** Throws `STORE` unless the key is `/`-separated segments of `[A-Za-z0-9._=%-]`, none of them `.`, `..` or `.tmp-…` (kept for stores). */
export function checkKey(key: string): void {
  const problem = keyProblem(key)
  if (problem !== null) {
    throw new ConnectorError(
      'STORE',
      `Object key "${key}" ${problem}. Expected /-separated segments of [A-Za-z0-9._=%-], at most ${MAX_KEY_LENGTH} characters`,
    )
  }
}

function keyProblem(key: string): string | null {
  if (key.length > MAX_KEY_LENGTH) return `has ${key.length} characters`
  for (const segment of key.split('/')) {
    if (segment === '') return 'has an empty segment'
    if (segment === '.' || segment === '..' || segment.startsWith('.tmp-')) return `has the reserved segment "${segment}"`
    if (segment.length > MAX_SEGMENT_LENGTH) return `has a segment of ${segment.length} characters (limit ${MAX_SEGMENT_LENGTH})`
    if (!SEGMENT.test(segment)) return `has the segment "${segment}"`
  }
  return null
}
