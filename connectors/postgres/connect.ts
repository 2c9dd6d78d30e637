/** Opens sessions: settings pinned so that no server, database or role default changes what values look like or how long we wait. */
import pg from 'pg'
import { DECODE_SETTINGS } from './decode/session-settings.ts'
import { endpointName, endpointOf, type PostgresOptions } from './options.ts'
import { connectorError } from './server-error.ts'

const CLOSE_MS = 2000

export type SessionKind = 'sql' | 'replication'

/** One client session; ended on disposal. `lost` settles when the server or network ended it. */
export type Session = AsyncDisposable & {
  readonly client: pg.Client
  readonly pid: number
  /** Set once the session can no longer be used. */
  readonly broken: () => Error | null
  /** Rows of one statement; failures as `ConnectorError` about `subject`. */
  readonly rows: <Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[], subject?: string) => Promise<Row[]>
}

/** Settings of every session, as startup options. Values are quoted for `-c name=value`. */
export function pinnedSettings(options: PostgresOptions, kind: SessionKind): Readonly<Record<string, string>> {
  const replication = kind === 'replication'
  const { client_encoding: _, ...decoding } = DECODE_SETTINGS
  return {
    ...decoding,
    xmloption: 'content',
    search_path: '',
    // Compiling a catalogue query takes a hundred times as long as running it.
    jit: 'off',
    default_transaction_isolation: 'read committed',
    // A slot creation waits for other transactions, and a stream runs, for as long as it takes; catalogue statements may not.
    statement_timeout: replication ? '0' : String(options.statement_timeout_ms),
    lock_timeout: replication ? '0' : String(options.lock_timeout_ms),
    idle_in_transaction_session_timeout: '0',
    idle_session_timeout: '0',
    // Our status messages come every 10 s; a server default of seconds would cut a busy consumer off.
    ...(replication ? { wal_sender_timeout: '60000' } : {}),
  }
}

/**
 * A connected session named `portage:<integration>`. Throws `AUTHENTICATION`, `TLS`, `CONNECTION`, `TIMEOUT`, `THROTTLED`
 * or `SOURCE_SETUP` (a pooler), naming host, port and database only.
 */
export async function connect(
  options: PostgresOptions,
  { integration, kind, signal }: { readonly integration: string; readonly kind: SessionKind; readonly signal: AbortSignal },
): Promise<Session> {
  const endpoint = endpointOf(options)
  const subject = `Connecting to PostgreSQL at "${endpointName(endpoint)}" as "${endpoint.user}"`
  if (signal.aborted) throw connectorError(signal.reason, subject, signal)
  const settings = pinnedSettings(options, kind)
  const config = {
    host: endpoint.host,
    port: endpoint.port,
    user: endpoint.user,
    password: endpoint.password ?? '',
    database: endpoint.database,
    ssl: endpoint.ssl,
    application_name: `portage:${integration}`,
    client_encoding: DECODE_SETTINGS.client_encoding,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`)
      .join(' '),
    connectionTimeoutMillis: options.connect_timeout_ms,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    // The server ends a statement first; this is for a network that swallows the answer.
    ...(kind === 'replication' || options.statement_timeout_ms === 0
      ? {}
      : { query_timeout: options.statement_timeout_ms + options.connect_timeout_ms }),
    ...(kind === 'replication' ? { replication: 'database' } : {}),
  }
  const client = new pg.Client(config as pg.ClientConfig)
  let failure: Error | null = null
  // Without a listener a broken idle session would end the process.
  client.on('error', (error) => {
    failure ??= error
  })
  client.once('end', () => {
    failure ??= new Error('Connection terminated')
  })
  const stop = () => socketOf(client).destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await client.connect()
    // An abort from now on is the caller's business; one that came just before would be nobody's.
    signal.throwIfAborted()
  } catch (error) {
    socketOf(client).destroy()
    throw connectorError(error, subject, signal)
  } finally {
    signal.removeEventListener('abort', stop)
  }
  return {
    client,
    pid: processIdOf(client),
    broken: () => failure,
    rows: async <Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = [], what = 'A catalogue query') => {
      try {
        const result = values.length === 0 ? await client.query<Row>(sql) : await client.query<Row>(sql, [...values])
        return result.rows
      } catch (error) {
        // The answer may still come, and would be taken for that of the next statement.
        if (/Query read timeout/.test(String(error))) socketOf(client).destroy()
        throw connectorError(error, `${what} on "${endpointName(endpoint)}"`)
      }
    },
    [Symbol.asyncDispose]: async () => {
      // A peer that is gone would never answer the goodbye.
      socketOf(client).setTimeout(CLOSE_MS, () => socketOf(client).destroy())
      await client.end().catch(() => {})
    },
  }
}

type Internals = { readonly connection: { readonly stream: import('node:net').Socket }; readonly processID: number | null }

/** The session's socket (TLS when on): pg has no public way to it. */
export function socketOf(client: pg.Client): import('node:net').Socket {
  return (client as unknown as Internals).connection.stream
}

const processIdOf = (client: pg.Client): number => (client as unknown as Internals).processID ?? 0
