/** How one message goes to the server and its answer comes back; what can go wrong on the way. */
import { ConnectorError } from '../../errors.ts'
import { openingError } from './failure.ts'
import { type HiveClientOptions, serverName } from './options.ts'

/** Longest answer that is taken in: a page of results is far below. */
export const MAX_MESSAGE_BYTES = 512 * 1024 * 1024

/** One connection. Messages go one at a time. */
export interface Transport {
  /** Why it cannot be used any more, or null. */
  readonly lost: () => ConnectorError | null
  /**
   * Sends a message and waits for the answer. Rejects as soon as the connection is lost; an abort by `signal` gives the
   * connection up, because the answer might still come, and rejects with the signal's reason.
   */
  exchange(message: Buffer, signal: AbortSignal): Promise<Buffer>
  /** Lets go of the connection at once; idempotent. */
  destroy(): void
}

/** What a transport is opened with; `signal` ends the attempt with its reason. */
export type OpenTransport = (options: HiveClientOptions, signal: AbortSignal) => Promise<Transport>

/**
 * Runs `work` with a signal that ends by the deadline too; `TIMEOUT` names the subject and what may cure it.
 *
 * @param patience.cure a sentence.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  {
    ms,
    subject,
    cure,
    signal,
  }: { readonly ms: number; readonly subject: string; readonly cure: string; readonly signal?: AbortSignal },
): Promise<T> {
  const clock = new AbortController()
  const timer = setTimeout(
    () => clock.abort(new ConnectorError('TIMEOUT', `${subject} got no answer within ${ms} ms. ${cure}`)),
    ms,
  )
  try {
    return await work(signal === undefined ? clock.signal : AbortSignal.any([signal, clock.signal]))
  } finally {
    clearTimeout(timer)
  }
}

/** The way to the server that the options ask for. Kerberos is refused before anything is opened unless its package is there. */
export async function openTransport(options: HiveClientOptions, signal: AbortSignal): Promise<Transport> {
  try {
    const open: OpenTransport =
      options.transport === 'http'
        ? (await import('./http-transport.ts')).openHttp
        : (await import('./socket-transport.ts')).openSocket
    return await open(options, signal)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw openingError(error, `Connecting to ${serverName(options)}`, options)
  }
}
