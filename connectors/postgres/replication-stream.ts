/**
 * One START_REPLICATION session: XLogData and keep-alives in, status updates out. Source: PostgreSQL "Streaming
 * Replication Protocol". The flush position moves by `acknowledge` alone; status updates go out on a clock of their own, so
 * a slow consumer never looks dead to the server.
 */
import { Buffer } from 'node:buffer'
import { ConnectorError } from '../errors.ts'
import type { Environment } from '../ports.ts'
import { type Session, socketOf } from './connect.ts'
import { CopyStream, TAKE, type Take } from './copy-stream.ts'
import type { Bytes } from './decode/bytes.ts'
import { formatLsn } from './decode/position.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'

export type StreamSink = {
  /** One pgoutput message, `bytes[start, end)`, valid during the call. */
  readonly message: (bytes: Bytes, start: number, end: number) => Take
  /** Everything that commits before `walEnd` has been sent. */
  readonly keepAlive: (walEnd: bigint) => Take
}

export type StreamRequest = {
  readonly slot: string
  readonly publication: string
  readonly from: bigint
  readonly binary: boolean
}

const XLOG_DATA = 0x77
const KEEP_ALIVE = 0x6b
const XLOG_HEADER = 25
const STATUS_MS = 10_000
/** The server answers each status update at once; a longer silence is a dead connection. */
const SILENCE_MS = 60_000
const POSTGRES_EPOCH_MS = 946_684_800_000

export class ReplicationStream implements AsyncDisposable {
  readonly #session: Session
  readonly #copy: CopyStream
  readonly #environment: Environment
  readonly #closing = new AbortController()
  readonly #beating: Promise<void>
  readonly #from: bigint
  /** 0 = nothing was acknowledged on this session; the server then leaves the slot alone. */
  #flushed = 0n
  #sink: StreamSink | null

  private constructor(session: Session, copy: CopyStream, environment: Environment, from: bigint) {
    this.#session = session
    this.#copy = copy
    this.#environment = environment
    this.#from = from
    this.#sink = null
    this.#beating = this.#beat()
  }

  /** Starts streaming. The session belongs to the stream from here on. */
  static async start(
    session: Session,
    request: StreamRequest,
    sink: StreamSink,
    environment: Environment,
  ): Promise<ReplicationStream> {
    const holder: { stream: ReplicationStream | null } = { stream: null }
    const copy = new CopyStream(
      session.client,
      (bytes, start, end) => holder.stream?.take(bytes, start, end) ?? TAKE.again,
      refuseSkipping,
    )
    const options = [
      "proto_version '2'",
      `publication_names ${quoteLiteral(quoteIdentifier(request.publication))}`,
      "messages 'true'",
      ...(request.binary ? ["binary 'true'"] : []),
    ].join(', ')
    await copy.begin(`START_REPLICATION SLOT ${quoteIdentifier(request.slot)} LOGICAL ${formatLsn(request.from)} (${options})`)
    const stream = new ReplicationStream(session, copy, environment, request.from)
    stream.#sink = sink
    holder.stream = stream
    copy.resume()
    return stream
  }

  /** Rejects when the server or the network ends the stream. */
  get done(): Promise<void> {
    return this.#copy.done
  }

  get over(): boolean {
    return this.#copy.over
  }

  resume(): void {
    this.#copy.resume()
  }

  /** Lets the server drop its log before `lsn`. */
  acknowledge(lsn: bigint): void {
    if (lsn <= this.#flushed) return
    this.#flushed = lsn
    this.#sendStatus(false)
  }

  /** Stops delivery; the session stays for late acknowledgements until disposal. */
  detach(): void {
    this.#sink = null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#beating
    const socket = socketOf(this.#session.client)
    if (this.#copy.over || socket.destroyed) {
      await this.#session[Symbol.asyncDispose]()
      return
    }
    this.#sendStatus(false)
    // What is still under way is read and dropped, so that the server sees our last status before the end.
    this.#sink = { message: () => TAKE.more, keepAlive: () => TAKE.more }
    const ended = this.#copy.done.catch(() => {})
    socket.write(TERMINATE)
    socket.end()
    this.#copy.resume()
    // A pause that nobody waits for any more would keep the process alive.
    const waiting = new AbortController()
    await Promise.race([ended, this.#environment.sleep(CLOSE_MS, waiting.signal).catch(() => {})])
    waiting.abort()
    socket.destroy()
  }

  take(bytes: Bytes, start: number, end: number): Take {
    const sink = this.#sink
    if (sink === null) return TAKE.again
    const kind = bytes.view.getUint8(start)
    if (kind === XLOG_DATA) return sink.message(bytes, start + XLOG_HEADER, end)
    if (kind !== KEEP_ALIVE)
      throw new ConnectorError('INTERNAL', `The server sent a replication message of the unknown kind ${kind}`)
    if (bytes.view.getUint8(start + 17) === 1) this.#sendStatus(false)
    return sink.keepAlive(bytes.view.getBigUint64(start + 1))
  }

  async #beat(): Promise<void> {
    const { signal } = this.#closing
    try {
      while (!this.#copy.over) {
        await this.#environment.sleep(STATUS_MS, signal)
        this.#sendStatus(true)
        if (this.#copy.suspended || performance.now() - this.#copy.receivedAt < SILENCE_MS) continue
        socketOf(this.#session.client).destroy(
          new ConnectorError(
            'CONNECTION',
            `The replication stream has been silent for ${SILENCE_MS / 1000} s. It is started again`,
          ),
        )
      }
    } catch {
      // Only the sleep rejects, at disposal.
    }
  }

  #sendStatus(wantReply: boolean): void {
    const status = Buffer.allocUnsafe(34)
    // Behind what was sent, so that the server tells an idle stream where it stands.
    const written = this.#from > this.#flushed ? this.#from : this.#flushed
    status[0] = 0x72
    status.writeBigUInt64BE(written, 1)
    status.writeBigUInt64BE(this.#flushed, 9)
    status.writeBigUInt64BE(this.#flushed, 17)
    status.writeBigInt64BE(BigInt(this.#environment.now().getTime() - POSTGRES_EPOCH_MS) * 1000n, 25)
    status[33] = wantReply ? 1 : 0
    this.#copy.send(status)
  }
}

/** PostgreSQL 18 passes over the changes of a publication that is not there, with a warning; older servers end the stream. */
function refuseSkipping(notice: string): void {
  if (!notice.includes('skipped loading publication')) return
  throw new ConnectorError('UNAVAILABLE', `The server leaves out changes (${notice}). The publication is set up again`)
}

const CLOSE_MS = 2000
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4])
