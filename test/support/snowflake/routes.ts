/** The paths that drivers use. Everything else does not exist. */
import type { RequestKind } from './faults.ts'
import type { ApiRequest } from './http-request.ts'
import { badRequest } from './reply.ts'

export type Route = {
  readonly kind: RequestKind
  /** In the path; null where there is none. */
  readonly queryId: string | null
  /** Index of the chunk in the path. */
  readonly chunk: number | null
}

type Pattern = {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
  readonly kind: RequestKind
  readonly parameters: readonly string[]
}

/** Every request may carry these: identity, and what a driver adds to one that it sends again. */
const COMMON = ['requestId', 'request_guid', 'clientStartTime', 'retryCount', 'retryReason']
const ID = '([0-9a-fA-F-]{36})'

const PATTERNS: readonly Pattern[] = [
  {
    method: 'POST',
    path: /^\/session\/v1\/login-request$/,
    kind: 'login',
    parameters: ['warehouse', 'databaseName', 'schemaName', 'roleName', 'request_id'],
  },
  { method: 'POST', path: /^\/session\/token-request$/, kind: 'renewal', parameters: [] },
  { method: 'POST', path: /^\/session\/heartbeat$/, kind: 'heartbeat', parameters: [] },
  { method: 'POST', path: /^\/session$/, kind: 'logout', parameters: ['delete'] },
  { method: 'POST', path: /^\/queries\/v1\/query-request$/, kind: 'query', parameters: [] },
  { method: 'POST', path: /^\/queries\/v1\/abort-request$/, kind: 'abort', parameters: [] },
  { method: 'POST', path: new RegExp(`^/queries/${ID}/abort-request$`), kind: 'abort', parameters: [] },
  { method: 'GET', path: new RegExp(`^/queries/${ID}/result$`), kind: 'result', parameters: ['disableOfflineChunks'] },
  { method: 'GET', path: new RegExp(`^/monitoring/queries/${ID}$`), kind: 'monitoring', parameters: [] },
  { method: 'POST', path: /^\/telemetry\/send$/, kind: 'telemetry', parameters: [] },
  {
    method: 'GET',
    path: new RegExp(`^/results/${ID}/(\\d{1,9})$`),
    kind: 'chunk',
    parameters: ['Expires', 'Signature'],
  },
]

/**
 * Null when there is no such path.
 *
 * @throws Refusal for a parameter that is not known there.
 */
export function routeOf({ method, path, query }: Pick<ApiRequest, 'method' | 'path' | 'query'>): Route | null {
  for (const pattern of PATTERNS) {
    const found = pattern.method === method ? pattern.path.exec(path) : null
    if (found === null) continue
    const unknown = [...query.keys()].find((name) => !COMMON.includes(name) && !pattern.parameters.includes(name))
    if (unknown !== undefined) throw badRequest(`parameter "${unknown}" of ${path}`)
    const [, queryId, chunk] = found
    return { kind: pattern.kind, queryId: queryId ?? null, chunk: chunk === undefined ? null : Number(chunk) }
  }
  return null
}
