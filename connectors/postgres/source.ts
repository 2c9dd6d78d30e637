/** The `Source` port over one Postgres database. Nothing is connected before the first call that needs it. */

import { createBufferPool } from '../buffer-pool.ts'
import type { Position } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { Environment, Prepared, PrepareRequest, Source, SourceScope } from '../ports.ts'
import { type CatalogueTable, readCatalogue } from './catalogue.ts'
import { check } from './check.ts'
import { checksum } from './checksum.ts'
import { planChunks, readChunk } from './chunks.ts'
import type { Session } from './connect.ts'
import { cutAt, decodePosition } from './decode/position.ts'
import { discover } from './discover.ts'
import { follow } from './follow.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'
import { readIdentity, refuseOlder, refuseOther } from './identity.ts'
import { createLeftOut } from './left-out.ts'
import { emitMessage, flushedLsn, insertedLsn } from './log-end.ts'
import type { PostgresOptions } from './options.ts'
import { readPlannedTables } from './planned-table.ts'
import { ensurePublication, isOurs, publishedOids, readPublication } from './publication.ts'
import type { ReplicationStream } from './replication-stream.ts'
import { connectorError } from './server-error.ts'
import { Sessions } from './sessions.ts'
import { ensureSlot, readSlot, slotInUse } from './slot.ts'
import { holdSnapshot } from './snapshot.ts'
import { tableErrors } from './table-problems.ts'

/** Enough for the batches that readers and the stream hold in turn. */
const MAX_IDLE_BYTES = 24 * 1024 ** 2

export function createPostgresSource(options: PostgresOptions, scope: SourceScope, environment: Environment): Source {
  const sessions = new Sessions(options, scope.integration)
  const pool = createBufferPool({ maxIdleBytes: MAX_IDLE_BYTES })
  const leftOut = createLeftOut(scope, (message) => environment.log('error', message))
  const readTables = async (session: Session) => await readPlannedTables(session, scope, await leftOut.judge(session))
  let epoch = 1
  let stream: ReplicationStream | null = null
  let acknowledged: bigint | null = null

  const prepare = async (request: PrepareRequest, signal: AbortSignal, onWait: (message: string) => void): Promise<Prepared> => {
    epoch = request.epoch
    // A stream that was left open for late acknowledgements still holds the slot.
    await endStream()
    await using control = await sessions.acquire(signal)
    const identity = await identityOf(control, signal)
    if (request.identity !== null) refuseOther(request.identity, identity, scope.integration)
    const catalogue = await withoutLeftOut(control, request.known)
    refuseTables(scope, catalogue)
    // Before the slot: decoding looks the publication up in the catalogue as of each change.
    await ensurePublication(control, { name: scope.publication, integration: scope.integration, tables: catalogue })
    await refuseUnpublished(control, catalogue)
    const from = request.from === null ? null : decodePosition(request.from).lsn
    if (from !== null) refuseOlder(from, await flushedLsn(control), scope.integration)
    const slot = await ensureSlot(
      { name: scope.slot, integration: scope.integration, database: identity.database, from, takeOver: request.takeOver },
      { control, replication: () => sessions.replication(signal), terminate, environment, onWait, signal },
    )
    const tables = await readTables(control)
    return { identity, tables: tables.map((table) => table.source), start: request.from ?? cutAt(epoch, slot) }
  }

  /** Where nothing is known yet, everything that cannot be carried is refused. */
  const withoutLeftOut = async (control: Session, known: readonly string[] | undefined): Promise<readonly CatalogueTable[]> => {
    const catalogue = await readCatalogue(control, scope)
    leftOut.keep(known ?? catalogue.map(({ oid }) => oid))
    const leaveOut = await leftOut.judge(control)
    return catalogue.filter((table) => !leaveOut(table))
  }

  const refuseUnpublished = async (
    control: Parameters<typeof publishedOids>[0],
    catalogue: readonly CatalogueTable[],
  ): Promise<void> => {
    const published = await publishedOids(control, scope.publication)
    const missing = catalogue.find((table) => !published.has(table.oid))
    if (missing === undefined) return
    throw new ConnectorError(
      'SOURCE_SETUP',
      `Publication "${scope.publication}" does not carry "${missing.schema}.${missing.name}". Add the table to it, or name another publication`,
    )
  }

  const identityOf = async (control: Parameters<typeof readIdentity>[1], signal: AbortSignal) => {
    await using replication = await sessions.replication(signal)
    return await readIdentity(replication, control)
  }

  const terminate = (session: Session): Promise<void> => sessions.terminate(session)

  const endStream = async (): Promise<void> => {
    const ending = stream
    stream = null
    await ending?.[Symbol.asyncDispose]()
  }

  return {
    kind: 'postgres',
    identity: async (signal) => {
      await using control = await sessions.acquire(signal)
      return await identityOf(control, signal)
    },
    discover: async (signal) => {
      await using control = await sessions.acquire(signal)
      return await discover(control, scope)
    },
    check: (signal) => check(sessions, scope, signal),
    prepare,
    describe: async (signal) => {
      await using control = await sessions.acquire(signal)
      const tables = await readTables(control)
      // After the catalogue: what it showed was committed, and commit records precede visibility.
      const at = cutAt(epoch, await insertedLsn(control))
      return { tables: tables.map((table) => table.source), at }
    },
    holdSnapshot: async (signal, onWait) => {
      await using control = await sessions.acquire(signal)
      const session = await sessions.replication(signal)
      return await holdSnapshot({ session, control, epoch, environment, onWait, signal, terminate })
    },
    planChunks: (table, signal) => planChunks(sessions, table, signal),
    readChunk: (request, signal) => readChunk({ sessions, scope, pool }, request, signal),
    checksum: (request, signal) => checksum({ sessions, scope }, request, signal),
    follow: async function* (request, signal) {
      await endStream()
      const onStream = (started: ReplicationStream): void => {
        stream = started
        if (acknowledged !== null) started.acknowledge(acknowledged)
      }
      yield* follow({ sessions, scope, environment, pool, readTables, onStream }, request, signal)
    },
    acknowledge: async (cut: Position) => {
      const { lsn } = decodePosition(cut)
      if (acknowledged === null || lsn > acknowledged) acknowledged = lsn
      stream?.acknowledge(lsn)
    },
    health: async (signal) => {
      await using control = await sessions.acquire(signal)
      const slot = await readSlot(control, scope.slot)
      return {
        retainedBytes: slot?.retainedBytes ?? null,
        lagBytes: slot?.lagBytes ?? null,
        walStatus: slot?.walStatus ?? null,
        active: slot === null ? null : slot.activePid !== null,
        acknowledged: slot === null || slot.confirmed === null ? null : cutAt(epoch, slot.confirmed),
      }
    },
    head: async (signal) => {
      await using control = await sessions.acquire(signal)
      return cutAt(epoch, await emitMessage(control, 'head'))
    },
    remove: async ({ dryRun }, signal) => {
      await endStream()
      await using control = await sessions.acquire(signal)
      return await remove(control, scope, dryRun)
    },
    [Symbol.asyncDispose]: async () => {
      await endStream()
      await sessions[Symbol.asyncDispose]()
    },
  }
}

function refuseTables(scope: SourceScope, tables: readonly CatalogueTable[]): void {
  if (tables.length === 0) {
    throw new ConnectorError(
      'NOT_FOUND',
      `No table matches ${scope.tables.map((pattern) => `"${pattern}"`).join(', ')}. Correct source.tables`,
    )
  }
  const found = tables.flatMap((table) =>
    tableErrors(table).map((finding) => `Table "${table.schema}.${table.name}" ${finding.problem}. Cure: ${finding.cure}`),
  )
  if (found.length === 0) return
  const reserved = tables.some((table) =>
    tableErrors(table).some((finding) => finding.problem.includes('keeps for its own metadata')),
  )
  throw new ConnectorError(reserved ? 'SCHEMA' : 'SOURCE_SETUP', found.join('; '))
}

async function remove(control: Parameters<typeof readSlot>[0], scope: SourceScope, dryRun: boolean): Promise<readonly string[]> {
  const steps: { readonly says: string; readonly sql: string | null }[] = []
  const slot = await readSlot(control, scope.slot)
  if (slot !== null) {
    if (slot.activePid !== null) throw await slotInUse(control, scope.slot, slot.activePid)
    steps.push({
      says: `drop replication slot "${scope.slot}"`,
      sql: `select pg_drop_replication_slot(${quoteLiteral(scope.slot)})`,
    })
  }
  if ((await readPublication(control, scope.publication)) !== null) {
    const ours = await isOurs(control, scope.publication, scope.integration)
    steps.push(
      ours
        ? {
            says: `drop publication "${scope.publication}"`,
            sql: `drop publication if exists ${quoteIdentifier(scope.publication)}`,
          }
        : { says: `keep publication "${scope.publication}": it was not made by Portage`, sql: null },
    )
  }
  if (!dryRun) {
    for (const { says, sql } of steps) {
      if (sql === null) continue
      try {
        await control.client.query(sql)
      } catch (error) {
        throw connectorError(error, `To ${says}`)
      }
    }
  }
  return steps.map((step) => step.says)
}
