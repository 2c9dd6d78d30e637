/** Conditional requests. RFC 9110 §13, and Amazon S3 User Guide, "Conditional requests". */
import { notImplemented, S3Error } from './errors.ts'
import { header, type S3Request } from './http-request.ts'

type State = { readonly etag: string; readonly modified: number }

/** The names under which a condition travels: of the object itself, or of the source of a copy. */
const NAMES = {
  object: {
    match: 'if-match',
    noneMatch: 'if-none-match',
    modified: 'if-modified-since',
    unmodified: 'if-unmodified-since',
  },
  source: {
    match: 'x-amz-copy-source-if-match',
    noneMatch: 'x-amz-copy-source-if-none-match',
    modified: 'x-amz-copy-source-if-modified-since',
    unmodified: 'x-amz-copy-source-if-unmodified-since',
  },
} as const

/**
 * Of GET, HEAD and the source of a copy. An If-Match that holds outranks If-Unmodified-Since; an If-None-Match that
 * fails outranks If-Modified-Since.
 *
 * @throws S3Error `PreconditionFailed`, or `NotModified` where the answer is 304.
 */
export function checkRead(request: S3Request, state: State, of: keyof typeof NAMES): void {
  const names = NAMES[of]
  const match = header(request, names.match)
  const noneMatch = header(request, names.noneMatch)
  if (match !== null) {
    if (!matchesEtag(match, state.etag)) throw preconditionFailed(names.match)
  } else if (after(state, header(request, names.unmodified)) === true) {
    throw preconditionFailed(names.unmodified)
  }
  const unchanged =
    noneMatch !== null ? matchesEtag(noneMatch, state.etag) : after(state, header(request, names.modified)) === false
  if (!unchanged) return
  if (of === 'source') throw preconditionFailed(noneMatch !== null ? names.noneMatch : names.modified)
  throw new S3Error(
    'NotModified',
    'Not Modified',
    {},
    {
      headers: { etag: `"${state.etag}"`, 'last-modified': new Date(state.modified).toUTCString() },
    },
  )
}

export type WriteCondition = { readonly kind: 'absent' } | { readonly kind: 'etag'; readonly etag: string }

/** If-None-Match and If-Match of writes; S3 knows no other value of the former than `*`. */
export function readWriteCondition(request: S3Request): WriteCondition | null {
  for (const name of ['if-modified-since', 'if-unmodified-since']) {
    if (request.headers.has(name)) throw notImplemented('Header', name)
  }
  const match = request.headers.get('if-match')
  const noneMatch = request.headers.get('if-none-match')
  if (match !== undefined && noneMatch !== undefined) throw notImplemented('Header', 'If-Match')
  if (noneMatch !== undefined) {
    if (noneMatch !== '*') throw notImplemented('Header', 'If-None-Match')
    return { kind: 'absent' }
  }
  return match === undefined ? null : { kind: 'etag', etag: match }
}

/** @throws S3Error `PreconditionFailed`, or `NoSuchKey` for an If-Match of an object that is not there. */
export function checkWrite(condition: WriteCondition | null, found: State | null): void {
  if (condition === null) return
  if (condition.kind === 'absent') {
    if (found !== null) throw preconditionFailed('If-None-Match')
    return
  }
  if (found === null) throw new S3Error('NoSuchKey', 'The specified key does not exist.')
  if (!matchesEtag(condition.etag, found.etag)) throw preconditionFailed('If-Match')
}

export function preconditionFailed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
    Condition: condition,
  })
}

/** A list of entity tags, quoted or bare, or `*`. */
function matchesEtag(list: string, etag: string): boolean {
  if (list.trim() === '*') return true
  return list.split(',').some(
    (each) =>
      each
        .trim()
        .replace(/^W\//, '')
        .replace(/^"(.*)"$/, '$1') === etag,
  )
}

/** Whether the object changed after the date; null when there is no such date, which HTTP ignores. */
function after(state: State, date: string | null): boolean | null {
  const at = date === null ? Number.NaN : Date.parse(date)
  return Number.isNaN(at) ? null : state.modified > at
}
