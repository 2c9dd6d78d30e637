/**
 * COPY out and COPY both on a connected session, without an object per message: the session's socket is read here from
 * the statement to ReadyForQuery, then given back to pg. Source: PostgreSQL "Frontend/Backend Protocol", message formats.
 */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type pg from 'pg'
import { socketOf } from './connect.ts'
import { type Bytes, bytesOf } from './decode/bytes.ts'

/** What a sink answers: go on; taken, but nothing more before `resume`; not taken, offer it again after `resume`. */
export const TAKE = { more: 0, pause: 1, again: 2 } as const
export type Take = (typeof TAKE)[keyof typeof TAKE]

/** Receives CopyData payloads: `bytes[start, end)`, valid during the call only. */
export type CopySink = (bytes: Bytes, start: number, end: number) => Take

const HEADER = 5
const PARTIAL_BYTES = 64 * 1024
/** A server that copies is never this quiet; a stream's status updates are answered every few seconds. */
const SILENCE_MS = 300_000
const MAX_KEPT_BYTES = 1024 * 1024
const COPY_DATA = 0x64
const COPY_DONE = 0x63
const COPY_OUT_RESPONSE = 0x48
const COPY_BOTH_RESPONSE = 0x57
const READY_FOR_QUERY = 0x5a
const ERROR_RESPONSE = 0x45
const NOTICE_RESPONSE = 0x4e
const QUERY = 0x51

/** An ErrorResponse in the shape of pg's DatabaseError. */
class ServerFailure extends Error {
  override readonly name = 'error'
  readonly code: string
  readonly severity: string
  constructor(fields: ReadonlyMap<string, string>) {
    super(fields.get('M') ?? 'the server reported an error without a message')
    this.code = fields.get('C') ?? ''
    this.severity = fields.get('V') ?? fields.get('S') ?? ''
  }
}

export class CopyStream {
  readonly #socket: Socket
  readonly #sink: CopySink
  readonly #onNotice: (message: string) => void
  readonly #ours: (chunk: Buffer) => void
  readonly #failed: (error: Error) => void
  readonly #closed: () => void
  readonly #started = Promise.withResolvers<void>()
  readonly #done = Promise.withResolvers<void>()
  #theirs: ((chunk: Buffer) => void)[] = []
  /** The beginning of a message whose rest has not arrived, in a buffer of its own. */
  #partial: Bytes = bytesOf(Buffer.allocUnsafeSlow(PARTIAL_BYTES))
  #partialLength = 0
  /** What was received behind the message at which the sink asked for a pause. */
  #held: Buffer | null = null
  #suspended = false
  #failure: Error | null = null
  #over = false
  readonly #silent = () => {
    // A paused socket is silent because of us.
    if (this.#suspended) return
    this.#finish(new Error(`Connection terminated: no bytes for ${SILENCE_MS / 1000} s`))
    this.#socket.destroy()
  }
  /** When bytes last arrived, in `performance.now()` milliseconds. */
  receivedAt = performance.now()

  /** `onNotice` is given the text of a WARNING or NOTICE; what it throws ends the stream. */
  constructor(client: pg.Client, sink: CopySink, onNotice: (message: string) => void = () => {}) {
    this.#onNotice = onNotice
    this.#socket = socketOf(client)
    this.#sink = sink
    this.#ours = (chunk) => this.#receive(chunk)
    this.#failed = (error) => this.#finish(error)
    this.#closed = () => this.#finish(new Error('Connection terminated unexpectedly'))
    this.#done.promise.catch(() => {})
    this.#started.promise.catch(() => {})
  }

  /** Settles when the copy has ended and the session can be queried again; rejects with the server's or socket's error. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  get over(): boolean {
    return this.#over
  }

  get suspended(): boolean {
    return this.#suspended
  }

  /** Sends the statement; settles when the server has begun to copy. */
  async begin(sql: string): Promise<void> {
    this.#theirs = this.#socket.listeners('data') as ((chunk: Buffer) => void)[]
    this.#socket.removeAllListeners('data')
    this.#socket.on('data', this.#ours)
    this.#socket.on('error', this.#failed)
    this.#socket.on('close', this.#closed)
    this.#socket.setTimeout(SILENCE_MS)
    this.#socket.on('timeout', this.#silent)
    if (this.#socket.destroyed) this.#closed()
    const text = Buffer.from(`${sql}\0`)
    this.#socket.write(Buffer.concat([header(QUERY, text.length), text]))
    await this.#started.promise
  }

  /** Sends one CopyData message (COPY both). */
  send(payload: Buffer): void {
    if (!this.#socket.writable) return
    this.#socket.cork()
    this.#socket.write(header(COPY_DATA, payload.length))
    this.#socket.write(payload)
    this.#socket.uncork()
  }

  /** Says that we send no more; the server then ends its side. */
  finishSending(): void {
    if (this.#socket.writable) this.#socket.write(header(COPY_DONE, 0))
  }

  /** Goes on after the sink answered false. */
  resume(): void {
    if (!this.#suspended) return
    this.#suspended = false
    const held = this.#held
    this.#held = null
    if (held !== null) this.#guarded(held)
    if (!this.#suspended && !this.#over) this.#socket.resume()
  }

  /** Lets the socket run dry of what the sink no longer wants. */
  destroy(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.receivedAt = performance.now()
    if (this.#suspended) {
      // A read that was under way when the socket was paused.
      this.#held = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
      return
    }
    this.#guarded(chunk)
  }

  /** An error of the sink ends the stream: what it refused cannot be skipped. */
  #guarded(chunk: Buffer): void {
    try {
      this.#parse(chunk)
    } catch (error) {
      this.#finish(error instanceof Error ? error : new Error(String(error)))
      this.#socket.destroy()
    }
  }

  #parse(chunk: Buffer): void {
    let at = 0
    const end = chunk.length
    const bytes = bytesOf(chunk)
    if (this.#partialLength > 0) {
      at = this.#completePartial(chunk)
      if (at < 0) return
      if (this.#stopAt(chunk, at)) return
    }
    while (end - at >= HEADER) {
      const length = bytes.view.getInt32(at + 1) + 1
      if (at + length > end) break
      const type = chunk[at]
      const from = at
      at += length
      if (type !== COPY_DATA) this.#control(type, chunk, from + HEADER, at)
      else {
        const answer = this.#sink(bytes, from + HEADER, at)
        if (answer === TAKE.more) continue
        if (answer === TAKE.again) at = from
        this.#suspend()
      }
      if (this.#stopAt(chunk, at)) return
    }
    if (at < end) this.#keep(chunk, at, end)
  }

  /** True when the rest of the chunk must wait (suspended) or is no longer ours. */
  #stopAt(chunk: Buffer, at: number): boolean {
    if (this.#over) {
      if (at < chunk.length) for (const listener of this.#theirs) listener(chunk.subarray(at))
      return true
    }
    if (!this.#suspended) return false
    if (at < chunk.length) this.#held = chunk.subarray(at)
    return true
  }

  #suspend(): void {
    this.#suspended = true
    this.#socket.pause()
  }

  /** Completes and handles the partial message; where the next begins, or -1 when this chunk does not complete it. */
  #completePartial(chunk: Buffer): number {
    let at = 0
    if (this.#partialLength < HEADER) {
      at = Math.min(HEADER - this.#partialLength, chunk.length)
      this.#keep(chunk, 0, at)
      if (this.#partialLength < HEADER) return -1
    }
    const length = this.#partial.view.getInt32(1) + 1
    const take = Math.min(length - this.#partialLength, chunk.length - at)
    this.#keep(chunk, at, at + take, length)
    if (this.#partialLength < length) return -1
    this.#partialLength = 0
    const type = this.#partial.buffer[0]
    if (type !== COPY_DATA) this.#control(type, this.#partial.buffer, HEADER, length)
    else {
      const answer = this.#sink(this.#partial, HEADER, length)
      if (answer !== TAKE.more) this.#suspend()
      if (answer === TAKE.again) {
        this.#held = Buffer.concat([this.#partial.buffer.subarray(0, length), chunk.subarray(at + take)])
        return -1
      }
    }
    // One huge row must not keep its memory for the rest of the stream.
    if (length > MAX_KEPT_BYTES) this.#partial = bytesOf(Buffer.allocUnsafeSlow(PARTIAL_BYTES))
    return at + take
  }

  #keep(chunk: Buffer, start: number, end: number, capacity = 0): void {
    const needed = Math.max(this.#partialLength + end - start, capacity)
    const { buffer } = this.#partial
    if (needed > buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2))
      buffer.copy(grown, 0, 0, this.#partialLength)
      this.#partial = bytesOf(grown)
    }
    chunk.copy(this.#partial.buffer, this.#partialLength, start, end)
    this.#partialLength += end - start
  }

  #control(type: number | undefined, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case COPY_OUT_RESPONSE:
      case COPY_BOTH_RESPONSE:
        this.#started.resolve()
        return
      case ERROR_RESPONSE:
        this.#failure = new ServerFailure(errorFields(bytes, start, end))
        // A walsender that was told to end sends no ReadyForQuery.
        if ((this.#failure as ServerFailure).severity === 'FATAL') this.#finish(this.#failure)
        return
      case READY_FOR_QUERY:
        this.#finish(this.#failure)
        return
      case NOTICE_RESPONSE:
        this.#onNotice(errorFields(bytes, start, end).get('M') ?? '')
        return
      default:
        // CopyDone, CommandComplete and ParameterStatus need no answer.
        return
    }
  }

  #finish(error: Error | null): void {
    if (this.#over) return
    this.#over = true
    this.#socket.off('data', this.#ours)
    this.#socket.off('error', this.#failed)
    this.#socket.off('close', this.#closed)
    this.#socket.off('timeout', this.#silent)
    this.#socket.setTimeout(0)
    for (const listener of this.#theirs) this.#socket.on('data', listener)
    this.#socket.resume()
    if (error === null) {
      this.#started.reject(new Error('the statement did not begin a copy'))
      this.#done.resolve()
    } else {
      const failure = this.#failure ?? error
      this.#started.reject(failure)
      this.#done.reject(failure)
    }
  }
}

function header(type: number, payloadLength: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER)
  bytes[0] = type
  bytes.writeInt32BE(payloadLength + 4, 1)
  return bytes
}

function errorFields(bytes: Buffer, start: number, end: number): Map<string, string> {
  const fields = new Map<string, string>()
  let at = start
  while (at < end && bytes[at] !== 0) {
    const stop = bytes.indexOf(0, at + 1)
    fields.set(String.fromCharCode(bytes[at] ?? 0), bytes.toString('utf8', at + 1, stop))
    at = stop + 1
  }
  return fields
}
