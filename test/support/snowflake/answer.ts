/** What becomes of a request: who asks, what a fault wants, what is done, what is answered. */
import { setTimeout as delay } from 'node:timers/promises'
import type { SqlEngine } from './engine.ts'
import { SqlError } from './engine.ts'
import type { FaultEffect, Faults } from './faults.ts'
import { type ApiRequest, optionalText } from './http-request.ts'
import { type Accounts, readLogin } from './login.ts'
import { parametersOf } from './parameters.ts'
import { readStatement } from './query-request.ts'
import { badRequest, Refusal, type Reply, success } from './reply.ts'
import { type ChunkAddresses, chunkReply, resultBody } from './results.ts'
import { type Route, routeOf } from './routes.ts'
import { expired, type Session, type Sessions } from './sessions.ts'
import type { Statement, Statements } from './statements.ts'

export type Desk = {
  readonly engine: SqlEngine
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly statements: Statements
  readonly addresses: ChunkAddresses
  readonly faults: Faults
  readonly base: () => string
  /** A statement that takes longer is answered with where to ask for its result. */
  readonly detachAfterMs: number
}

/** What is known of a request so far; for faults and the log. */
export type Course = {
  route: Route | null
  fault: FaultEffect | null
  session: Session | null
  statement: Statement | null
  resent: boolean
}

/** The connection ends without an answer. */
export class ConnectionDropped extends Error {
  override readonly name = 'ConnectionDropped'
}

/** @throws Refusal, or ConnectionDropped when a fault wants it. */
export async function answer(desk: Desk, request: ApiRequest, course: Course, gone: AbortSignal): Promise<Reply> {
  const route = routeOf(request)
  if (route === null) throw new Refusal('404', 'Not Found', { httpStatus: 404 })
  course.route = route
  if (route.kind !== 'login' && route.kind !== 'chunk') {
    course.session = desk.sessions.authenticated(request.headers, route.kind === 'renewal' ? 'master' : 'session')
  }
  const sql = route.kind === 'query' ? optionalText(request.body, 'sqlText') : sqlOf(desk, route)
  course.fault = desk.faults.next({ kind: route.kind, sql })
  await strike(desk, course, { when: 'before', gone })
  const reply = await handle(desk, { request, route, course, gone })
  await strike(desk, course, { when: 'after', gone })
  return reply
}

function sqlOf({ statements }: Desk, { queryId }: Route): string | null {
  return queryId === null ? null : (statements.get(queryId)?.sql ?? null)
}

async function strike(
  { sessions }: Desk,
  { fault, session }: Course,
  { when, gone }: { readonly when: 'before' | 'after'; readonly gone: AbortSignal },
): Promise<void> {
  if (fault === null || !('when' in fault) || fault.when !== when) return
  switch (fault.kind) {
    case 'status':
      throw new Refusal(String(fault.status), 'The service is not available', { httpStatus: fault.status })
    case 'reset':
      throw new ConnectionDropped()
    case 'stall':
      // The longest time that a timer takes stands for ever: the client or the endpoint ends it.
      await delay(fault.ms ?? 2 ** 31 - 1, undefined, { signal: gone }).catch(() => {
        throw new ConnectionDropped()
      })
      return
    case 'failure':
      throw new Refusal(fault.code, fault.message, { sqlState: fault.sqlState })
    case 'session-expired':
      if (session === null) return
      sessions.expire(session, 'session')
      throw expired('session')
    case 'session-gone':
      if (session === null) return
      sessions.remove(session)
      throw new Refusal('390111', 'Session no longer exists.  New login required to access the service.')
    default:
      fault satisfies never
  }
}

type Asked = {
  readonly request: ApiRequest
  readonly route: Route
  readonly course: Course
  readonly gone: AbortSignal
}

async function handle(desk: Desk, asked: Asked): Promise<Reply> {
  const { request, route, course } = asked
  if (route.kind === 'login') return await logIn(desk, request, course)
  if (route.kind === 'chunk') return chunk(desk, asked)
  const session = course.session
  if (session === null) throw badRequest('a request without a session')
  switch (route.kind) {
    case 'query': {
      const { statement, resent } = desk.statements.start(session, readStatement(request))
      course.statement = statement
      course.resent = resent
      return await outcomeReply(desk, statement, { waitMs: statement.async ? 0 : desk.detachAfterMs, gone: asked.gone })
    }
    case 'result': {
      course.statement = ownStatement(desk, session, route.queryId)
      return await outcomeReply(desk, course.statement, { waitMs: desk.detachAfterMs, gone: asked.gone })
    }
    case 'abort':
      return abort(desk, session, asked)
    case 'monitoring':
      return monitoring(desk, session, route)
    case 'renewal':
      return renew(desk, session, request)
    case 'logout':
      if (request.query.get('delete') !== 'true') throw badRequest('a session is deleted with "delete=true"')
      await endSession(desk, session)
      return success(null)
    case 'heartbeat':
      return success(null)
    case 'telemetry':
      return success('Log Received')
    default:
      return route.kind satisfies never
  }
}

export async function endSession({ sessions, statements }: Desk, session: Session): Promise<void> {
  sessions.remove(session)
  await statements.endSession(session)
  await session.sql[Symbol.asyncDispose]()
}

async function logIn(desk: Desk, request: ApiRequest, course: Course): Promise<Reply> {
  const login = readLogin(request, desk.accounts)
  const sql = await desk.engine.openSession(login.session).catch((error: unknown) => {
    throw error instanceof SqlError ? new Refusal(error.code, error.message, { sqlState: error.sqlState }) : error
  })
  const opened = desk.sessions.open(login.user.name, sql)
  course.session = opened
  const { state } = sql
  const { times } = desk.sessions
  return success({
    token: opened.sessionToken,
    masterToken: opened.masterToken,
    validityInSeconds: times.sessionSeconds,
    masterValidityInSeconds: times.masterSeconds,
    displayUserName: login.user.name.toUpperCase(),
    serverVersion: '9.34.0 local endpoint',
    firstLogin: false,
    remMeToken: null,
    remMeValidityInSeconds: 0,
    healthCheckInterval: 45,
    newClientForUpgrade: null,
    sessionId: opened.id,
    parameters: parametersOf(state),
    sessionInfo: {
      databaseName: state.database,
      schemaName: state.schema,
      warehouseName: state.warehouse,
      roleName: state.role,
    },
    idToken: null,
    idTokenValidityInSeconds: 0,
    mfaToken: null,
    mfaTokenValidityInSeconds: 0,
    responseData: null,
  })
}

function renew({ sessions }: Desk, session: Session, { body }: ApiRequest): Reply {
  if (body.requestType !== 'RENEW') throw badRequest('a token-request of another type than RENEW')
  const { sessionToken, masterToken } = sessions.renew(session)
  return success({
    sessionToken,
    masterToken,
    validityInSecondsST: sessions.times.sessionSeconds,
    validityInSecondsMT: sessions.times.masterSeconds,
    sessionId: session.id,
  })
}

/** @throws Refusal when there is none, or it is another user's. */
function ownStatement({ statements }: Desk, { user }: Session, queryId: string | null): Statement {
  const statement = statements.get(queryId ?? '')
  if (statement === null || statement.user !== user) {
    throw new Refusal('000709', `Statement ${queryId ?? ''} not found`, { sqlState: '02000' })
  }
  return statement
}

async function outcomeReply(
  desk: Desk,
  statement: Statement,
  { waitMs, gone }: { readonly waitMs: number; readonly gone: AbortSignal },
): Promise<Reply> {
  const patience = new AbortController()
  const signal = AbortSignal.any([patience.signal, gone])
  const waited = waitMs === 0 ? null : await Promise.race([statement.outcome, delay(waitMs, null, { signal }).catch(() => null)])
  patience.abort()
  // What is kept now: a result may have been forgotten since it was made.
  const outcome = waited === null ? null : (statement.settled ?? waited)
  if (outcome === null) return inProgress(statement)
  if (outcome.kind === 'refusal') {
    const { code, message, sqlState } = outcome.refusal
    throw new Refusal(code, message, { sqlState, data: { queryId: statement.queryId, internalError: false } })
  }
  const { result } = outcome
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: resultBody(result, (index) => desk.addresses.of(desk.base(), result.queryId, index)),
    code: null,
  }
}

function inProgress({ queryId, async }: Statement): Reply {
  const data = { queryId, getResultUrl: `/queries/${queryId}/result`, queryAbortsAfterSecs: 300, progressDesc: null }
  return async
    ? success(data, { code: '333334', message: 'Query execution in progress. Please use result URL to fetch results.' })
    : success(data, { code: '333333', message: 'Query execution in progress' })
}

function chunk({ statements, addresses }: Desk, { request, route, course }: Asked): Reply {
  addresses.check(request.path, request.query)
  const statement = statements.get(route.queryId ?? '')
  course.statement = statement
  const outcome = statement?.settled
  if (outcome?.kind !== 'result') throw new Refusal('NoSuchKey', 'The specified key does not exist.', { httpStatus: 404 })
  return chunkReply(outcome.result, route.chunk ?? 0, (name) => request.headers[name])
}

function abort(desk: Desk, session: Session, { request, route, course }: Asked): Reply {
  const statement =
    route.queryId === null
      ? (session.statements.get(optionalText(request.body, 'requestId') ?? request.query.get('requestId') ?? '') ?? null)
      : ownStatement(desk, session, route.queryId)
  course.statement = statement
  if (statement === null || statement.settled !== null) {
    throw new Refusal('000605', 'Identified SQL statement is not currently executing.', { sqlState: '02000' })
  }
  statement.cancel()
  return success(null)
}

function monitoring({ statements }: Desk, { user }: Session, { queryId }: Route): Reply {
  const statement = statements.get(queryId ?? '')
  if (statement === null || statement.user !== user) return success({ queries: [] })
  const { settled } = statement
  const refusal = settled?.kind === 'refusal' ? settled.refusal : null
  return success({
    queries: [
      {
        id: statement.queryId,
        status: settled === null ? 'RUNNING' : refusal === null ? 'SUCCESS' : 'FAILED_WITH_ERROR',
        state: settled === null ? 'RUNNING' : refusal === null ? 'SUCCEEDED' : 'FAILED',
        errorCode: refusal?.code ?? '',
        errorMessage: refusal?.message ?? null,
        sqlText: statement.sql,
        queryTag: statement.tag,
        startTime: statement.startedAt.getTime(),
        endTime: 0,
        sessionId: statement.sessionId,
      },
    ],
  })
}
