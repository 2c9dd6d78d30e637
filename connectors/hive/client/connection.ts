/** One connection with one open session: calls one after the other, each with a deadline. */
import { ConnectorError } from '../../errors.ts'
import { ThriftFormatError } from './binary-protocol.ts'
import { type Service, serviceOver } from './calls.ts'
import { connectionError, mismatchCure, openingError, required } from './failure.ts'
import { type HiveClientOptions, serverName } from './options.ts'
import { serverError } from './server-error.ts'
import { openTransport, withDeadline } from './transport.ts'

/** An aborted caller still waits so long for the answer under way: with it the operation can be cancelled, the connection kept. */
const GRACE_MS = 2_000
const GOODBYE_MS = 3_000

export type SessionHandle = Awaited<ReturnType<Service['openSession']>>['sessionHandle']
export type Status = Awaited<ReturnType<Service['openSession']>>['status']

export type CallOptions = {
  /** What is asked, for messages: `Statement`, `Fetch`. */
  readonly what: string
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

export type Connection = {
  readonly session: SessionHandle
  /** Why it cannot be used any more, or null. */
  readonly lost: () => ConnectorError | null
  /**
   * One call. Rejects with `TIMEOUT` at the deadline and with the connection's failure as soon as it is lost. After an abort the
   * answer under way is waited for a little; it is handed back, so that the caller can clean up before it gives in.
   */
  readonly call: <T extends { readonly status: Status }>(
    run: (service: Service) => Promise<T>,
    options: CallOptions,
  ) => Promise<T>
  /** Ends the session, politely for a moment. */
  readonly close: () => Promise<void>
  /** Lets go without a word. */
  readonly destroy: () => void
}

/** Throws `TIMEOUT`, `CONNECTION`, `TLS`, `AUTHENTICATION`, `CONFIGURATION` …, the signal's reason when aborted. */
export async function openConnection(options: HiveClientOptions, signal: AbortSignal): Promise<Connection> {
  const subject = serverName(options)
  return await withDeadline((both) => open(options, both), {
    ms: options.connect_timeout_ms,
    subject: `Opening a session on ${subject}`,
    cure: mismatchCure(options),
    signal,
  })
}

async function open(options: HiveClientOptions, signal: AbortSignal): Promise<Connection> {
  const subject = serverName(options)
  const transport = await openTransport(options, signal)
  let under: AbortSignal = signal
  const service = await serviceOver((message) => transport.exchange(message, under))
  let turn: Promise<unknown> = Promise.resolve()

  /** Calls wait for their turn: the server reads the next message of a connection after it answered the last. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work)
    turn = mine.catch(() => {})
    return mine
  }

  const ask = async <T>(run: (service: Service) => Promise<T>, what: string, limit: AbortSignal): Promise<T> => {
    under = limit
    try {
      return await run(service)
    } catch (error) {
      if (limit.aborted) throw limit.reason
      // Who answers what was not asked may do so again, and the next answer would be taken for that of another call.
      if (error instanceof ThriftFormatError) transport.destroy()
      throw connectionError(error, `${what} on ${subject}`)
    }
  }

  let session: SessionHandle
  try {
    const answer = await ask((each) => each.openSession(openRequest(options)), 'Opening a session', signal)
    requireSuccess(answer.status, `Opening a session on ${subject}`)
    session = required(answer.sessionHandle, subject, 'a session')
  } catch (error) {
    transport.destroy()
    if (signal.aborted) throw signal.reason
    throw openingError(error, `Opening a session on ${subject}`, options)
  }

  const call: Connection['call'] = (run, { what, signal: outer, timeoutMs = options.call_timeout_ms }) =>
    inTurn(async () => {
      outer?.throwIfAborted()
      const cure = 'The server or the network in between hangs; look into the server’s log. It is tried again'
      return await withDeadline(
        async (clock) => {
          const grace = patience(outer)
          try {
            return await ask(run, what, grace === null ? clock : AbortSignal.any([clock, grace.signal]))
          } finally {
            grace?.stop()
          }
        },
        { ms: timeoutMs, subject: `${what} on ${subject}`, cure },
      )
    })

  return {
    session,
    lost: transport.lost,
    call,
    close: async () => {
      if (transport.lost() === null) {
        const goodbye = call((each) => each.closeSession({ sessionHandle: session }), { what: 'Closing', timeoutMs: GOODBYE_MS })
        await goodbye.catch(() => {})
      }
      transport.destroy()
    },
    destroy: transport.destroy,
  }
}

/** Aborts some time after `signal` did. */
function patience(signal: AbortSignal | undefined): { readonly signal: AbortSignal; readonly stop: () => void } | null {
  if (signal === undefined) return null
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = (): void => {
    timer = setTimeout(() => late.abort(signal.reason), GRACE_MS)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return {
    signal: late.signal,
    stop: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}

/** Settings that make values and names mean the same whatever the server's own are. */
const SESSION: Readonly<Record<HiveClientOptions['dialect'], Readonly<Record<string, string>>>> = {
  hive: {
    'set:hiveconf:hive.local.time.zone': 'UTC',
    // Columns are named as the query names them, not `table.column`.
    'set:hiveconf:hive.resultset.use.unique.column.names': 'false',
  },
  spark: { 'set:hiveconf:spark.sql.session.timeZone': 'UTC' },
}

function openRequest(options: HiveClientOptions): Parameters<Service['openSession']>[0] {
  return {
    client_protocol: options.protocol - 1,
    username: options.user,
    ...(options.password === undefined ? {} : { password: options.password }),
    configuration: { ...SESSION[options.dialect], ...settingsOf(options.session) },
  }
}

/** As HiveServer2 takes them with a session: a plain name is a setting, `set:…` and `use:…` are passed on. */
function settingsOf(session: HiveClientOptions['session']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(session).map(([name, value]) => [/^(?:set|use):/.test(name) ? name : `set:hiveconf:${name}`, value]),
  )
}

/** Throws what the server said. `TStatusCode`: 0 success, 1 with information, 2 still executing, 3 error, 4 invalid handle. */
export function requireSuccess(answered: Status | null, subject: string): void {
  const status = required(answered, subject, 'a status')
  if (required(status.statusCode, subject, 'the code of a status') <= 2) return
  const message = status.errorMessage ?? status.infoMessages?.[0]
  if (status.statusCode === 4 || /Invalid SessionHandle/.test(message ?? ''))
    throw new HandleForgotten(message ?? 'invalid handle')
  throw serverError(
    { errorCode: orAbsent(status.errorCode), sqlState: orAbsent(status.sqlState), message: orAbsent(message) },
    subject,
  )
}

/** The generated code writes null where nothing was sent. */
export const orAbsent = <T>(value: T | null | undefined): T | undefined => value ?? undefined

/** The server does not know the session (any more): what was asked did not happen. */
export class HandleForgotten extends ConnectorError {
  constructor(cause: string) {
    super(
      'CONNECTION',
      'The server does not know the session any more: it was idle too long, or the server was started again. It is tried again',
      {
        cause: new Error(cause),
      },
    )
  }
}
