/** SQL sessions that are used again; each is held by one user at a time, because transactions are a session's own. */
import { connect, type Session, socketOf } from './connect.ts'
import type { PostgresOptions } from './options.ts'
import { connectorError } from './server-error.ts'

/** A borrowed session. Disposal gives it back, unless it broke or `discard` was called; an abort ends it at once. */
export type Lease = Session & { readonly discard: () => void }

const MAX_IDLE = 4

export class Sessions implements AsyncDisposable {
  readonly #options: PostgresOptions
  readonly #integration: string
  readonly #idle: Session[] = []
  #closed = false

  constructor(options: PostgresOptions, integration: string) {
    this.#options = options
    this.#integration = integration
  }

  get options(): PostgresOptions {
    return this.#options
  }

  async acquire(signal: AbortSignal): Promise<Lease> {
    if (signal.aborted) throw connectorError(signal.reason, 'Opening a session', signal)
    let session = this.#idle.pop()
    while (session !== undefined && session.broken() !== null) session = this.#idle.pop()
    const held = session ?? (await connect(this.#options, { integration: this.#integration, kind: 'sql', signal }))
    let keep = true
    const stop = () => {
      keep = false
      socketOf(held.client).destroy()
    }
    signal.addEventListener('abort', stop, { once: true })
    return {
      ...held,
      rows: async (sql, values, subject) => {
        try {
          return await held.rows(sql, values, subject)
        } catch (error) {
          throw connectorError(error, subject ?? 'A catalogue query', signal)
        }
      },
      discard: () => {
        keep = false
      },
      [Symbol.asyncDispose]: async () => {
        signal.removeEventListener('abort', stop)
        if (keep && !this.#closed && held.broken() === null && this.#idle.length < MAX_IDLE) this.#idle.push(held)
        else if (keep) await held[Symbol.asyncDispose]()
        else socketOf(held.client).destroy()
      },
    }
  }

  /** A new replication session; the caller ends it. */
  replication(signal: AbortSignal): Promise<Session> {
    return connect(this.#options, { integration: this.#integration, kind: 'replication', signal })
  }

  /** Ends a session's backend, also one that waits for a lock and would not notice a closed socket. */
  async terminate(session: Session): Promise<void> {
    const signal = AbortSignal.timeout(this.#options.connect_timeout_ms)
    try {
      await using other = await connect(this.#options, { integration: this.#integration, kind: 'sql', signal })
      await other.rows(/* sql */ `select pg_terminate_backend($1)`, [session.pid], 'Ending a session')
    } finally {
      socketOf(session.client).destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all(this.#idle.splice(0).map((session) => session[Symbol.asyncDispose]()))
  }
}
