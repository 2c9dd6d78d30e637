/** A statement on the server from its start to its end: polled, cancelled, fetched, closed. */
import { ConnectorError } from '../../errors.ts'
import type { Environment } from '../../ports.ts'
import type { Service } from './calls.ts'
import type { HiveColumn, HivePage, HiveResult } from './client.ts'
import { type Connection, orAbsent, requireSuccess } from './connection.ts'
import { required } from './failure.ts'
import { type HiveClientOptions, serverName } from './options.ts'
import { columnsOf, pageOf, type WireColumn, type WireRowSet } from './rows.ts'
import { serverError } from './server-error.ts'

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000
const PAUSE_GROWTH = 1.5
/** A page is as many rows as fit, up to `page_rows`: the server sends so many in one message however wide they are. */
const PAGE_BYTES = 16 * 1024 * 1024
const FIRST_PAGE_ROWS = 500
/** Cancelling and closing are courtesies: the server does both by itself when the session ends. */
const CLEAN_UP_MS = 5_000

type Handle = Awaited<ReturnType<Service['executeStatement']>>['operationHandle']

/** `TOperationState`. */
const STATE = {
  initialized: 0,
  running: 1,
  finished: 2,
  canceled: 3,
  closed: 4,
  error: 5,
  unknown: 6,
  pending: 7,
  timedOut: 8,
} as const

export type Running = { readonly connection: Connection; readonly handle: Handle; readonly subject: string }
type Around = { readonly options: HiveClientOptions; readonly environment: Environment; readonly signal: AbortSignal }

/** Sends the statement. Throws `HandleForgotten` when the server knows the session no more: nothing was run then. */
export async function start(connection: Connection, sql: string, { options, signal }: Around): Promise<Running> {
  const subject = `Statement on ${serverName(options)}`
  const answer = await connection.call(
    (service) => service.executeStatement({ sessionHandle: connection.session, statement: sql, runAsync: true }),
    { what: 'Statement', signal },
  )
  requireSuccess(answer.status, subject)
  return { connection, handle: required(answer.operationHandle, subject, 'an operation'), subject }
}

/** Waits for the engine. Cancels after `statement_timeout_ms`, and when aborted. True when there are rows to fetch. */
export async function finish(running: Running, { options, environment, signal }: Around): Promise<boolean> {
  const until = environment.now().getTime() + options.statement_timeout_ms
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * PAUSE_GROWTH)) {
    signal.throwIfAborted()
    const answer = await running.connection.call((service) => service.getOperationStatus({ operationHandle: running.handle }), {
      what: 'Asking for the state of a statement',
      signal,
    })
    requireSuccess(answer.status, running.subject)
    switch (required(answer.operationState, running.subject, 'a state')) {
      case STATE.finished:
        return orAbsent(answer.hasResultSet) ?? running.handle.hasResultSet
      case STATE.canceled:
      case STATE.closed:
      case STATE.timedOut:
        throw new ConnectorError(
          'UNAVAILABLE',
          `${running.subject} was cancelled on the server, not by Portage. It is tried again`,
        )
      case STATE.error:
        throw serverError(
          { errorCode: orAbsent(answer.errorCode), sqlState: orAbsent(answer.sqlState), message: orAbsent(answer.errorMessage) },
          running.subject,
        )
      default:
    }
    if (environment.now().getTime() > until) {
      throw new ConnectorError(
        'TIMEOUT',
        `${running.subject} did not end within ${options.statement_timeout_ms} ms and was cancelled. Raise statement_timeout_ms in the connection block if it may take longer`,
      )
    }
    await environment.sleep(pause, signal)
  }
}

/** The result of a finished operation, which is closed when its pages end. */
export async function resultOf(running: Running, around: Around): Promise<HiveResult> {
  const answer = await running.connection.call((service) => service.getResultSetMetadata({ operationHandle: running.handle }), {
    what: 'Asking for the columns of a result',
    signal: around.signal,
  })
  requireSuccess(answer.status, running.subject)
  const columns = columnsOf((answer.schema?.columns ?? []) as unknown as readonly WireColumn[], running.subject)
  // Spark answers DDL with a result of no columns.
  if (columns.length === 0) {
    await close(running)
    return { columns, pages: nothing() }
  }
  let taken = false
  return {
    columns,
    pages: {
      [Symbol.asyncIterator]: () => {
        if (taken) throw new ConnectorError('INTERNAL', `The pages of a result of ${running.subject} were asked for twice`)
        taken = true
        return pagesOf(running, columns, around)
      },
    },
  }
}

export async function* nothing(): AsyncGenerator<HivePage> {}

/** The server says "no more rows" while there are some: an empty page is the end. */
async function* pagesOf(running: Running, columns: readonly HiveColumn[], { options, signal }: Around): AsyncGenerator<HivePage> {
  let aborted = false
  let maxRows = Math.min(FIRST_PAGE_ROWS, options.page_rows)
  try {
    while (true) {
      signal.throwIfAborted()
      const answer = await running.connection.call(
        (service) => service.fetchResults({ operationHandle: running.handle, orientation: 0, maxRows, fetchType: 0 }),
        { what: 'Fetching rows', signal },
      )
      requireSuccess(answer.status, `Fetching rows from ${serverName(options)}`)
      const page = pageOf(answer.results as unknown as WireRowSet | null, columns, serverName(options))
      if (page.rows === 0) return
      maxRows = Math.max(1, Math.min(options.page_rows, Math.floor((PAGE_BYTES * page.rows) / bytesOf(page))))
      yield page
    }
  } catch (error) {
    aborted = signal.aborted
    throw error
  } finally {
    if (aborted) await cancel(running)
    await close(running)
  }
}

/** About what a page takes, here and on its way: each value eight bytes, and a text or bytes their length. */
function bytesOf({ rows, columns }: HivePage): number {
  let bytes = 8 * rows * columns.length
  for (const values of columns) {
    for (const value of values) if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length
  }
  return bytes
}

/** Stops the engine's work. Never throws. */
export async function cancel({ connection, handle }: Running): Promise<void> {
  if (connection.lost() !== null) return
  const call = connection.call((service) => service.cancelOperation({ operationHandle: handle }), {
    what: 'Cancelling a statement',
    timeoutMs: CLEAN_UP_MS,
  })
  await call.catch(() => {})
}

/** Lets the server forget the operation and its rows. Never throws. */
export async function close({ connection, handle }: Running): Promise<void> {
  if (connection.lost() !== null) return
  const call = connection.call((service) => service.closeOperation({ operationHandle: handle }), {
    what: 'Closing a statement',
    timeoutMs: CLEAN_UP_MS,
  })
  await call.catch(() => {})
}
