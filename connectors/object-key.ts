/** The alphabet of object keys, the same for every store so that a lake can move between them. */
import { ConnectorError } from './errors.ts'

/** Longest key that every store takes (S3: 1,024 bytes). */
export const MAX_KEY_LENGTH = 1024
/** Longest segment that every file system takes. */
export const MAX_SEGMENT_LENGTH = 255

const SEGMENT = /^[A-Za-z0-9._=%-]+$/

/** Throws `STORE` unless the key is `/`-separated segments of `[A-Za-z0-9._=%-]`, none of them `.`, `..` or `.tmp-…` (kept for stores). */
export function checkKey(key: string): void {
  const problem = keyProblem(key) ?? alphabetProblem(key)
  if (problem !== null) {
    throw new ConnectorError(
      'STORE',
      `Object key "${key}" ${problem}. Expected /-separated segments of [A-Za-z0-9._=%-], at most ${MAX_KEY_LENGTH} characters`,
    )
  }
}

/** For keys that are only read: other writers' names may hold any character. Throws `STORE` for those that name no object. */
export function checkReadKey(key: string): void {
  const problem = keyProblem(key)
  if (problem !== null) throw new ConnectorError('STORE', `Object key "${key}" ${problem}`)
}

function keyProblem(key: string): string | null {
  if (key.length > MAX_KEY_LENGTH) return `has ${key.length} characters`
  for (const segment of key.split('/')) {
    if (segment === '') return 'has an empty segment'
    if (segment === '.' || segment === '..' || segment.startsWith('.tmp-')) return `has the reserved segment "${segment}"`
    if (segment.length > MAX_SEGMENT_LENGTH) return `has a segment of ${segment.length} characters (limit ${MAX_SEGMENT_LENGTH})`
    if (segment.includes('\0')) return 'has a NUL character'
  }
  return null
}

function alphabetProblem(key: string): string | null {
  const segment = key.split('/').find((each) => !SEGMENT.test(each))
  return segment === undefined ? null : `has the segment "${segment}"`
}
