/** Follows the log: drives the stream through the assembler and hands sets over when they are due. */

import type { BufferPool } from '../buffer-pool.ts'
import type { ChangeSet, SourceTable } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { Environment, FollowRequest, SourceScope } from '../ports.ts'
import { ChangeAssembler, type OpenTable } from './change-assembler.ts'
import { type Session, socketOf } from './connect.ts'
import { TAKE, type Take } from './copy-stream.ts'
import type { Bytes } from './decode/bytes.ts'
import type { ColumnPlan } from './decode/column-plan.ts'
import { streamFormat } from './decode/column-plan.ts'
import { decodePosition } from './decode/position.ts'
import { emitMessage, flushedLsn } from './log-end.ts'
import type { PlannedTable } from './planned-table.ts'
import { resolveRelation } from './relation-resolver.ts'
import { ReplicationStream } from './replication-stream.ts'
import { connectorError, sqlState } from './server-error.ts'
import type { Sessions } from './sessions.ts'
import { slotInUse } from './slot.ts'
import { fillUnchanged } from './unchanged-values.ts'

export type FollowTools = {
  readonly sessions: Sessions
  readonly scope: SourceScope
  readonly environment: Environment
  readonly pool: BufferPool
  /** The tables that are followed. */
  readonly readTables: (session: Session) => Promise<readonly PlannedTable[]>
  /** Told of the stream as soon as it runs, so that acknowledgements reach it. */
  readonly onStream: (stream: ReplicationStream) => void
}

/** See `Source.follow`. Ends only by abort or error; a lost connection is an error. */
export async function* follow(tools: FollowTools, request: FollowRequest, signal: AbortSignal): AsyncGenerator<ChangeSet> {
  const subject = `Following replication slot "${tools.scope.slot}"`
  const follower = new Follower(tools, request, signal)
  try {
    await follower.start()
    for (;;) yield await follower.next()
  } catch (error) {
    throw connectorError(error, subject, signal)
  } finally {
    follower.stop()
  }
}

class Follower {
  readonly #tools: FollowTools
  readonly #request: FollowRequest
  readonly #signal: AbortSignal
  readonly #known: Map<string, SourceTable>
  readonly #assembler: ChangeAssembler
  #stream: ReplicationStream | null = null
  #binary = true
  #wake = Promise.withResolvers<void>()
  #failure: unknown = null
  #announced = false
  #lastCutAt = performance.now()
  #lastCut: bigint
  #headOfLastSet: bigint | null = null
  #heartbeatSent = false
  readonly #onAbort = () => this.#wake.resolve()

  constructor(tools: FollowTools, request: FollowRequest, signal: AbortSignal) {
    const { epoch, lsn } = decodePosition(request.from)
    this.#tools = tools
    this.#request = request
    this.#signal = signal
    this.#known = new Map(request.known.map((table) => [table.id, table]))
    this.#assembler = new ChangeAssembler({ epoch, from: lsn, flush: request.flush, pool: tools.pool })
    this.#lastCut = lsn
  }

  async start(): Promise<void> {
    const { sessions, scope, environment, onStream } = this.#tools
    this.#signal.addEventListener('abort', this.#onAbort, { once: true })
    await using sql = await sessions.acquire(this.#signal)
    const tables = await this.#tools.readTables(sql)
    this.#binary = streamFormat(tables.flatMap((table) => table.plans)) === 'binary'
    // The backlog ends here: what is committed now lies before the message that is written now.
    this.#assembler.target = await emitMessage(sql, 'follow')
    const session = await sessions.replication(this.#signal)
    const sink = {
      // While a request is being served nothing more is taken: a set must not grow, nor a request be replaced, meanwhile.
      message: (bytes: Bytes, start: number, end: number) => {
        if (this.#assembler.request !== null) return TAKE.again
        const empty = this.#assembler.openedAt === null
        const answer = this.#assembler.message(bytes, start, end)
        // The clock runs for the set from its first change on.
        if (empty && this.#assembler.openedAt !== null) this.#wake.resolve()
        return this.#noticed(answer)
      },
      keepAlive: (walEnd: bigint) =>
        this.#assembler.request === null ? this.#noticed(this.#assembler.keepAlive(walEnd)) : TAKE.again,
    }
    const { lsn: from } = decodePosition(this.#request.from)
    const stop = () => socketOf(session.client).destroy()
    this.#signal.addEventListener('abort', stop, { once: true })
    try {
      const options = { slot: scope.slot, publication: scope.publication, from, binary: this.#binary }
      this.#stream = await ReplicationStream.start(session, options, sink, environment)
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw await this.#startFailure(error)
    } finally {
      this.#signal.removeEventListener('abort', stop)
    }
    onStream(this.#stream)
    this.#stream.done.then(
      () => this.#fail(new ConnectorError('UNAVAILABLE', `The server ended the stream of replication slot "${scope.slot}"`)),
      (error) => this.#fail(this.#streamFailure(error)),
    )
  }

  /** The next set that is due. */
  async next(): Promise<ChangeSet> {
    for (;;) {
      if (this.#signal.aborted) throw connectorError(this.#signal.reason, 'Following the log', this.#signal)
      if (this.#failure !== null) throw this.#failure
      const { request } = this.#assembler
      if (request !== null) {
        const set = await this.#serve(request)
        if (set !== null) return set
        continue
      }
      const set = await this.#onTime()
      if (set !== null) return set
    }
  }

  stop(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#stream?.detach()
    this.#assembler.abandon()
  }

  async #serve(request: NonNullable<ChangeAssembler['request']>): Promise<ChangeSet | null> {
    switch (request.kind) {
      case 'relation': {
        const open = this.#assembler.openTable(request.relation.oid)
        if (open !== null) await this.#close(open)
        await using session = await this.#tools.sessions.acquire(this.#signal)
        const known = [...this.#known.values()]
        const resolved = await resolveRelation(session, this.#tools.scope, { ...request, known })
        if (resolved !== null) {
          this.#refuseFormat(resolved.plans, resolved.source.table)
          this.#known.set(resolved.source.id, resolved.source)
        }
        this.#assembler.define(request.relation, resolved)
        this.#goOn()
        return null
      }
      case 'fill':
        await this.#close(request.table)
        this.#goOn()
        return null
      case 'set':
        return this.#take()
      default:
        return request satisfies never
    }
  }

  /** Waits for the stream or for what is due by the clock. */
  async #onTime(): Promise<ChangeSet | null> {
    const { heartbeatMs, flush } = this.#request
    const now = performance.now()
    const flushAt = this.#assembler.openedAt === null ? Number.POSITIVE_INFINITY : this.#assembler.openedAt + flush.intervalMs
    const beatAt = heartbeatMs > 0 && !this.#heartbeatSent ? this.#lastCutAt + heartbeatMs : Number.POSITIVE_INFINITY
    if (now >= flushAt) {
      if (!this.#assembler.inTransaction) return this.#takeNow()
      this.#assembler.wanted = true
    } else if (now >= beatAt) {
      if (this.#assembler.position > this.#lastCut && !this.#assembler.inTransaction) return this.#takeNow()
      await this.#heartbeat()
      // The stream may have passed the message already; nothing else would make a set of it.
      const { request, target, position, inTransaction } = this.#assembler
      if (request === null && !inTransaction && target !== null && position >= target) return this.#takeNow()
    }
    const waitUntil = Math.min(
      now >= flushAt ? Number.POSITIVE_INFINITY : flushAt,
      now >= beatAt ? Number.POSITIVE_INFINITY : beatAt,
    )
    await this.#sleepOrWake(waitUntil - now)
    return null
  }

  /** Writes into the log, so that an idle database's slot can advance: the message's commit becomes a cut. */
  async #heartbeat(): Promise<void> {
    await using session = await this.#tools.sessions.acquire(this.#signal)
    this.#heartbeatSent = true
    this.#assembler.target = await emitMessage(session, 'heartbeat')
  }

  #takeNow(): Promise<ChangeSet> {
    this.#assembler.request = { kind: 'set' }
    return this.#take()
  }

  /** Only while a `set` request holds the stream. */
  async #take(): Promise<ChangeSet> {
    for (const table of this.#assembler.openTables()) await this.#close(table)
    const between = !this.#assembler.inTransaction
    const { position, target } = this.#assembler
    if (between && target !== null && position >= target) {
      this.#announced = true
      this.#headOfLastSet ??= target
      this.#assembler.target = null
    }
    const current = between && this.#announced && this.#headOfLastSet !== null && position >= this.#headOfLastSet
    if (between) {
      if (this.#announced) this.#headOfLastSet = await this.#head()
      this.#lastCutAt = performance.now()
      this.#lastCut = position
      this.#heartbeatSent = false
    }
    const set = this.#assembler.take(current)
    // The next set is gathered while the consumer works on this one.
    this.#goOn()
    return set
  }

  async #head(): Promise<bigint> {
    await using session = await this.#tools.sessions.acquire(this.#signal)
    return await flushedLsn(session)
  }

  /** Finishes a table's open batch with the values that the log left out. */
  async #close(table: OpenTable): Promise<void> {
    if (table.builder.pending().length > 0) {
      await using session = await this.#tools.sessions.acquire(this.#signal)
      await fillUnchanged(session, table, this.#tools.environment)
    }
    this.#assembler.closeBatch(table)
  }

  #goOn(): void {
    this.#assembler.request = null
    this.#stream?.resume()
  }

  #noticed(answer: Take): Take {
    if (answer !== TAKE.more) this.#wake.resolve()
    return answer
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#wake.resolve()
  }

  async #sleepOrWake(ms: number): Promise<void> {
    const wake = this.#wake
    if (this.#assembler.request === null && this.#failure === null && !this.#signal.aborted) {
      const waiting = new AbortController()
      const timer = Number.isFinite(ms)
        ? this.#tools.environment.sleep(Math.max(0, ms), waiting.signal).catch(() => {})
        : wake.promise
      await Promise.race([wake.promise, timer])
      waiting.abort()
    }
    this.#wake = Promise.withResolvers<void>()
  }

  /** One column can force the whole stream into text; which one is known only when it appears. */
  #refuseFormat(plans: readonly ColumnPlan[], table: string): void {
    if (!this.#binary || streamFormat(plans) === 'binary') return
    throw new ConnectorError(
      'UNAVAILABLE',
      `Table "${table}" gained a column whose type is sent as text; the stream starts again in text`,
    )
  }

  #streamFailure(error: unknown): unknown {
    const { scope } = this.#tools
    if (sqlState(error) !== '42704' || !/publication/.test(String(error))) return error
    return new ConnectorError(
      'SOURCE_SETUP',
      `Publication "${scope.publication}" was dropped: changes from before its next creation cannot be decoded. ` +
        `Run "portage resync ${scope.integration} --all" to take new snapshots`,
      { cause: error },
    )
  }

  async #startFailure(error: unknown): Promise<unknown> {
    const { scope, sessions } = this.#tools
    const state = sqlState(error)
    const message = error instanceof Error ? error.message : ''
    if (state === '55006') {
      await using session = await sessions.acquire(this.#signal)
      const pid = /PID (\d+)/.exec(message)?.[1]
      return await slotInUse(session, scope.slot, pid === undefined ? null : Number(pid))
    }
    if (state === '42704' || state === '55000') {
      const cure = `Run "portage resync ${scope.integration} --all" to take new snapshots`
      return new ConnectorError('SLOT_LOST', `Replication slot "${scope.slot}" cannot be followed: ${message}. ${cure}`, {
        cause: error,
      })
    }
    return error
  }
}
