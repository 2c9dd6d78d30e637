/** Statements of all sessions: each runs once, whatever is sent how often, and its answer is kept. */
import { randomUUID } from 'node:crypto'
import { type Binding, SqlError } from './engine.ts'
import { queryTagOf, statementTimeoutMs } from './parameters.ts'
import { Refusal } from './reply.ts'
import { type ResultLimits, type StoredResult, storeResult } from './results.ts'
import type { Session } from './sessions.ts'

export type Outcome =
  | { readonly kind: 'result'; readonly result: StoredResult }
  | { readonly kind: 'refusal'; readonly refusal: Refusal }

export type Statement = {
  readonly queryId: string
  readonly requestId: string
  readonly sessionId: number
  readonly user: string
  readonly sql: string
  readonly tag: string
  readonly async: boolean
  readonly startedAt: Date
  /** Never rejects; a cancelled statement ends at once, whatever the SQL side does. */
  readonly outcome: Promise<Outcome>
  /** Null while it runs. */
  readonly settled: Outcome | null
  readonly cancel: (reason?: Refusal) => void
}

export type StatementRequest = {
  readonly requestId: string
  readonly sql: string
  readonly bindings: readonly Binding[]
  /** Null: the session's. */
  readonly tag: string | null
  readonly async: boolean
  /** Null: the session's. */
  readonly timeoutMs: number | null
}

export type Statements = {
  /** Runs it, unless the session has a statement of this `requestId`: then that one, whatever its text was. */
  readonly start: (session: Session, request: StatementRequest) => { readonly statement: Statement; readonly resent: boolean }
  readonly get: (queryId: string) => Statement | null
  /** Every one that was run, oldest first. */
  readonly all: () => readonly Statement[]
  /** Cancels what the session still runs, and waits for it. */
  readonly endSession: (session: Session) => Promise<void>
}

const MAX_KEPT_BYTES = 256 * 1024 ** 2

export const CANCELLED = new Refusal('000604', 'SQL execution canceled', { sqlState: '57014' })
const TIMED_OUT = (seconds: number): Refusal =>
  new Refusal('000630', `Statement reached its statement or warehouse timeout of ${seconds} second(s) and was canceled.`, {
    sqlState: '57014',
  })
const FORGOTTEN = (queryId: string): Refusal => new Refusal('000709', `Statement ${queryId} not found`, { sqlState: '02000' })

export type StatementsOptions = {
  readonly limits: ResultLimits
  readonly onDefect: (error: unknown) => void
  readonly now: () => Date
}

type Kept = Statement & { settled: Outcome | null; readonly ended: Promise<void> }

export function openStatements({ limits, onDefect, now }: StatementsOptions): Statements {
  const byId = new Map<string, Kept>()
  let keptBytes = 0

  const settle = (statement: Kept, outcome: Outcome): void => {
    statement.settled = outcome
    if (outcome.kind === 'refusal') return
    keptBytes += outcome.result.bytes
    for (const old of byId.values()) {
      if (keptBytes <= MAX_KEPT_BYTES) return
      if (old === statement || old.settled?.kind !== 'result') continue
      keptBytes -= old.settled.result.bytes
      old.settled = { kind: 'refusal', refusal: FORGOTTEN(old.queryId) }
    }
  }

  const run = (session: Session, request: StatementRequest): Kept => {
    const queryId = randomUUID()
    const cancelling = new AbortController()
    const { promise: cancelled, resolve: giveUp } = Promise.withResolvers<Outcome>()
    const cancel = (refusal: Refusal = CANCELLED): void => {
      giveUp({ kind: 'refusal', refusal })
      cancelling.abort()
    }
    const turn = request.async ? Promise.resolve() : session.turn
    const executed = turn.then(() =>
      execute(session, request, { queryId, signal: cancelling.signal, cancel, limits, onDefect, earlier }),
    )
    const ended = executed.then(() => undefined)
    if (!request.async) session.turn = ended
    const outcome = Promise.race([cancelled, executed])
    const statement: Kept = {
      queryId,
      requestId: request.requestId,
      sessionId: session.id,
      user: session.user,
      sql: request.sql,
      tag: request.tag ?? queryTagOf(session.sql.state),
      async: request.async,
      startedAt: now(),
      outcome,
      settled: null,
      ended,
      cancel,
    }
    void outcome.then((each) => settle(statement, each))
    byId.set(queryId, statement)
    session.statements.set(request.requestId, statement)
    return statement
  }

  /** The outcome of another statement of the user. */
  const earlier = (session: Session, queryId: string): Outcome => {
    const statement = byId.get(queryId.toLowerCase())
    if (statement === undefined || statement.user !== session.user || statement.settled === null) {
      return { kind: 'refusal', refusal: FORGOTTEN(queryId) }
    }
    return statement.settled
  }

  return {
    start: (session, request) => {
      const known = session.statements.get(request.requestId)
      if (known !== undefined) return { statement: known, resent: true }
      return { statement: run(session, request), resent: false }
    },
    get: (queryId) => byId.get(queryId.toLowerCase()) ?? null,
    all: () => [...byId.values()],
    endSession: async (session) => {
      const own = [...byId.values()].filter(({ sessionId, settled }) => sessionId === session.id && settled === null)
      for (const statement of own) statement.cancel()
      await Promise.all(own.map(({ ended }) => ended))
      await session.turn
    },
  }
}

type Execution = {
  readonly queryId: string
  readonly signal: AbortSignal
  readonly cancel: (reason: Refusal) => void
  readonly limits: ResultLimits
  readonly onDefect: (error: unknown) => void
  readonly earlier: (session: Session, queryId: string) => Outcome
}

/** As the Python connector asks for the rows of an asynchronous statement; results are kept here, not on the SQL side. */
const RESULT_SCAN = /^\s*select\s+\*\s+from\s+table\s*\(\s*result_scan\s*\(\s*'([0-9a-f-]{36})'\s*\)\s*\)\s*;?\s*$/i

/** Never rejects. */
async function execute(
  session: Session,
  { sql, bindings, timeoutMs }: StatementRequest,
  { queryId, signal, cancel, limits, onDefect, earlier }: Execution,
): Promise<Outcome> {
  if (signal.aborted) return { kind: 'refusal', refusal: CANCELLED }
  const scanned = RESULT_SCAN.exec(sql)?.[1]
  if (scanned !== undefined) {
    const found = earlier(session, scanned)
    return found.kind === 'result' ? { kind: 'result', result: { ...found.result, queryId } } : found
  }
  const patienceMs = timeoutMs ?? statementTimeoutMs(session.sql.state)
  const timer = setTimeout(() => cancel(TIMED_OUT(patienceMs / 1000)), patienceMs)
  try {
    const result = await session.sql.execute(sql, { bindings, queryId, signal })
    return { kind: 'result', result: await storeResult(result, { queryId, state: () => session.sql.state, limits }) }
  } catch (error) {
    return { kind: 'refusal', refusal: signal.aborted ? CANCELLED : refusalOf(error, queryId, onDefect) }
  } finally {
    clearTimeout(timer)
  }
}

function refusalOf(error: unknown, queryId: string, onDefect: (error: unknown) => void): Refusal {
  if (error instanceof SqlError) return new Refusal(error.code, error.message, { sqlState: error.sqlState })
  onDefect(error)
  return new Refusal('000603', `SQL execution internal error: the local endpoint failed in statement ${queryId}`, {
    sqlState: 'XX000',
  })
}
