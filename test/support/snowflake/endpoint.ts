/**
 * A local Snowflake endpoint: the protocol that its drivers speak, over HTTP or TLS, on an SQL engine behind `engine.ts`. What
 * `README.md` here lists works as Snowflake does it, everything else is refused.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { answer, ConnectionDropped, type Course, type Desk, endSession } from './answer.ts'
import type { SqlEngine } from './engine.ts'
import { type ArmedFault, type Fault, type FaultEffect, openFaults, type RequestKind } from './faults.ts'
import { readRequest } from './http-request.ts'
import type { SnowflakeUser } from './login.ts'
import { failure, Refusal, type Reply } from './reply.ts'
import { ChunkAddresses, type ResultLimits } from './results.ts'
import { send } from './sender.ts'
import { openSessions, type SessionTimes } from './sessions.ts'
import { openStatements, type Statement, type Statements } from './statements.ts'

export type SnowflakeEndpointOptions = {
  /** Stays the caller's: it is not closed with the endpoint. */
  readonly engine: SqlEngine
  /** Default: `PORTAGE`. */
  readonly account?: string
  readonly users: readonly SnowflakeUser[]
  /** Default: a free port. */
  readonly port?: number
  /** Default: 127.0.0.1. */
  readonly host?: string
  /** PEM. Default: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly limits?: Partial<ResultLimits>
  readonly times?: Partial<SessionTimes>
  /** How long a statement is waited for before the client is told where to ask. Default: 45 s, as Snowflake. */
  readonly detachAfterMs?: number
  readonly faults?: readonly Fault[]
  /** Told of errors that are this endpoint's own, or the engine's; the client sees 000603 or a 500. Default: standard error. */
  readonly onDefect?: (error: unknown) => void
  readonly now?: () => Date
}

export type RequestRecord = {
  /** Null for what is no request of the API. */
  readonly kind: RequestKind | null
  /** Of the answer; 0 when there was none. */
  readonly status: number
  /** Of the failure; null when there was none. */
  readonly code: string | null
  readonly sessionId: number | null
  readonly queryId: string | null
  readonly sql: string | null
  /** A statement that the session had sent before: it did not run again. */
  readonly resent: boolean
  readonly fault: FaultEffect['kind'] | null
}

/** A statement that ran, once. */
export type StatementRecord = Pick<Statement, 'sql' | 'tag' | 'queryId' | 'sessionId' | 'async'> & {
  /** Of its failure; null when it succeeded, or has not ended. */
  readonly code: string | null
  /** Of its result; null when it failed, or has not ended. */
  readonly rows: number | null
}

export interface SnowflakeEndpoint extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: a driver's `accessUrl`. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly protocol: 'http' | 'https'
  readonly account: string
  /** Answered requests, oldest first; the newest 10,000. */
  readonly requests: readonly RequestRecord[]
  /** Statements that ran, oldest first: one for a statement that was sent twice. */
  readonly statements: readonly StatementRecord[]
  /** How many statements ran under each QUERY_TAG; `''` without one. */
  countByTag(): ReadonlyMap<string, number>
  arm(fault: Fault): ArmedFault
  clearFaults(): void
  /** Session tokens that were given out are over: the next request of every session is answered 390112. */
  expireSessions(): void
  /** Ends connections, cancels statements, closes sessions. */
  close(): Promise<void>
}

const MAX_RECORDS = 10_000

/**
 * Starts an endpoint; it answers when this returns.
 *
 * @throws Error when a user has no way to log in, or the port is taken.
 */
export async function startSnowflakeEndpoint(options: SnowflakeEndpointOptions): Promise<SnowflakeEndpoint> {
  const { account = 'PORTAGE', host = '127.0.0.1', tls, now = () => new Date(), onDefect = console.error } = options
  const locked = options.users.find(
    ({ password, publicKeys, oauthTokens, accessTokens }) =>
      password === undefined && [publicKeys, oauthTokens, accessTokens].every((each) => (each ?? []).length === 0),
  )
  if (locked !== undefined) throw new Error(`User "${locked.name}" of the Snowflake endpoint has no way to log in`)
  const limits = { inlineBytes: 100 * 1024, chunkBytes: 1024 ** 2, chunkUrlSeconds: 21_600, ...options.limits }
  const sessions = openSessions({ sessionSeconds: 3_600, masterSeconds: 14_400, ...options.times }, now)
  const faults = openFaults(options.faults)
  let url = ''
  const desk: Desk = {
    engine: options.engine,
    accounts: { account, users: options.users, now },
    sessions,
    statements: openStatements({ limits, onDefect, now }),
    addresses: new ChunkAddresses(limits, now),
    faults,
    base: () => url,
    detachAfterMs: options.detachAfterMs ?? 45_000,
  }
  const requests: RequestRecord[] = []
  const underWay = new Set<Promise<void>>()
  const server: Server = tls === undefined ? createServer() : createTlsServer(tls)
  server.keepAliveTimeout = 65_000
  server.requestTimeout = 0
  server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    const note = (record: RequestRecord): void => {
      requests.push(record)
      if (requests.length > MAX_RECORDS) requests.shift()
    }
    const done: Promise<void> = converse(desk, { message, response, note, onDefect })
      // The connection broke while an answer was written: the client knows.
      .catch(() => {
        response.destroy()
      })
      .finally(() => {
        underWay.delete(done)
      })
    underWay.add(done)
  })
  server.listen(options.port ?? 0, host)
  await once(server, 'listening')
  const port = portOf(server)
  const protocol = tls === undefined ? 'http' : 'https'
  url = `${protocol}://${host}:${port}`
  let closing: Promise<void> | null = null
  const close = (): Promise<void> => {
    closing ??= (async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      await Promise.all(underWay)
      await Promise.all(sessions.all().map((session) => endSession(desk, session)))
    })()
    return closing
  }
  return {
    url,
    host,
    port,
    protocol,
    account,
    requests,
    get statements() {
      return desk.statements.all().map(recordOf)
    },
    countByTag: () => countByTag(desk.statements),
    arm: faults.arm,
    clearFaults: faults.clear,
    expireSessions: () => {
      for (const session of sessions.all()) sessions.expire(session, 'session')
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function recordOf({ sql, tag, queryId, sessionId, async, settled }: Statement): StatementRecord {
  return {
    sql,
    tag,
    queryId,
    sessionId,
    async,
    code: settled?.kind === 'refusal' ? settled.refusal.code : null,
    rows: settled?.kind === 'result' ? settled.result.rows : null,
  }
}

function countByTag(statements: Statements): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { tag } of statements.all()) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  return counts
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The endpoint has no port')
  return address.port
}

type Exchange = {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  /** Called before the client can see the answer. */
  readonly note: (record: RequestRecord) => void
  readonly onDefect: (error: unknown) => void
}

/** One request and its answer. */
async function converse(desk: Desk, { message, response, note, onDefect }: Exchange): Promise<void> {
  const course: Course = { route: null, fault: null, session: null, statement: null, resent: false }
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const log = (status: number, code: string | null): void =>
    note({
      kind: course.route?.kind ?? null,
      status,
      code,
      sessionId: course.session?.id ?? null,
      queryId: course.statement?.queryId ?? null,
      sql: course.statement?.sql ?? null,
      resent: course.resent,
      fault: course.fault?.kind ?? null,
    })
  let reply: Reply
  try {
    reply = await answer(desk, await readRequest(message), course, gone.signal)
  } catch (error) {
    if (error instanceof ConnectionDropped || response.destroyed) {
      log(0, null)
      response.destroy()
      return
    }
    if (!(error instanceof Refusal)) onDefect(error)
    reply = failure(error instanceof Refusal ? error : new Refusal('390000', 'The local endpoint failed', { httpStatus: 500 }))
  }
  log(reply.status, reply.code)
  await send(response, reply, course.fault)
}
