/** Reads a table in chunks under an exported snapshot, each in a transaction of its own that proves its row addresses still hold. */

import type { BufferPool } from '../buffer-pool.ts'
import type { RowBatch, SourceTable } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import { typeName } from '../logical-type.ts'
import type { Chunk, Source, SourceScope } from '../ports.ts'
import { readCatalogue, readStorage } from './catalogue.ts'
import { bucketCondition } from './checksum-sql.ts'
import { chunkCondition, type Heap, leafOf, planHeaps, WHOLE } from './chunk-plan.ts'
import { CopyStream, TAKE } from './copy-stream.ts'
import type { ColumnPlan } from './decode/column-plan.ts'
import { createCopyDecoder } from './decode/copy-decoder.ts'
import { quoteLiteral } from './identifiers.ts'
import { planCatalogueColumn, readTypes } from './planned-table.ts'
import { connectorError, sqlState } from './server-error.ts'
import type { Lease, Sessions } from './sessions.ts'

/**
 * Chunks of about `chunkBytes`. A partitioned table is read leaf by leaf when every leaf may be read directly, else as
 * one chunk.
 */
export async function planChunks(sessions: Sessions, table: SourceTable, signal: AbortSignal): Promise<readonly Chunk[]> {
  await using session = await sessions.acquire(signal)
  const rows = await session.rows<{
    leaf: string | null
    relkind: string
    readable: boolean
    main: string
    total: string
    block_size: string
  }>(
    /* sql */ `select case when l.oid = c.oid then null else l.oid::text end as leaf, l.relkind,
        has_table_privilege(l.oid, 'select') as readable,
        pg_relation_size(l.oid)::text as main, pg_table_size(l.oid)::text as total, current_setting('block_size') as block_size
      from pg_class c
      join lateral (
        select c.oid where c.relkind <> 'p'
        union all select t.relid from pg_partition_tree(c.oid) t where c.relkind = 'p' and t.isleaf
      ) parts(oid) on true
      join pg_class l on l.oid = parts.oid
      where c.oid = $1::oid order by l.oid`,
    [table.id],
    `Planning the chunks of "${table.table}"`,
  )
  if (rows.length === 0) return [WHOLE]
  if (rows.some((row) => row.leaf !== null && (!row.readable || row.relkind !== 'r'))) return [WHOLE]
  const blockSize = Number(rows[0]?.block_size ?? 8192)
  const heaps = rows.map(
    (row): Heap => ({ leaf: row.leaf, blocks: Math.ceil(Number(row.main) / blockSize), bytes: Number(row.total) }),
  )
  return planHeaps(heaps, { blockSize, chunkBytes: sessions.options.chunk_bytes })
}

type ChunkRequest = Parameters<Source['readChunk']>[0]

/** See `Source.readChunk`. The statement's order matters: snapshot, lock, proof, copy. */
export async function* readChunk(
  tools: { readonly sessions: Sessions; readonly scope: SourceScope; readonly pool: BufferPool },
  request: ChunkRequest,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  const subject = `Reading chunk ${request.chunk.id} of "${request.table.table}"`
  // Ends the session when the consumer stops half-way: the copy cannot be taken back otherwise.
  const stopping = new AbortController()
  const either = AbortSignal.any([signal, stopping.signal])
  const session = await tools.sessions.acquire(either)
  let finished = false
  try {
    const { relation, plans } = await openChunk(session, tools, request, either)
    const select = plans.map((plan) => plan.select).join(', ')
    const only = request.only === undefined ? null : bucketCondition(plans, request.only)
    const where = [chunkCondition(request.chunk), only].filter((condition) => condition !== null)
    const rows = `${relation}${where.length === 0 ? '' : ` where ${where.join(' and ')}`}`
    const sql = `copy (select ${select} from ${rows}) to stdout (format binary)`
    yield* copyBatches(session, sql, { ...request, plans, pool: tools.pool })
    await session.client.query('commit')
    finished = true
  } catch (error) {
    throw connectorError(error, subject, signal)
  } finally {
    if (!finished) stopping.abort()
    await session[Symbol.asyncDispose]()
  }
}

/** Begins the chunk's transaction. Throws `SNAPSHOT_GONE`, `TABLE_REWRITTEN`. */
export async function openChunk(
  session: Lease,
  { sessions, scope }: { readonly sessions: Sessions; readonly scope: SourceScope },
  { table, chunk, token }: Pick<ChunkRequest, 'table' | 'chunk' | 'token'>,
  signal: AbortSignal,
): Promise<{ readonly relation: string; readonly plans: readonly ColumnPlan[] }> {
  const { client } = session
  await client.query('begin isolation level repeatable read read only')
  await importSnapshot(session, token)
  await client.query(`set local statement_timeout = ${sessions.options.chunk_timeout_ms}`)
  const relation = await lockTable(session, table)
  // As of the snapshot: rows that were rewritten after it are invisible to it, and the table would look empty.
  const then = await readStorage(session, scope, table.id)
  // Another session sees the catalogue as it is now; the lock keeps it from changing.
  await using outside = await sessions.acquire(signal)
  const [now] = await readCatalogue(outside, scope, [table.id])
  if (now === undefined || now.storage !== table.storage || then !== table.storage) {
    throw new ConnectorError(
      'TABLE_REWRITTEN',
      `Table "${table.table}" was rewritten, truncated or repartitioned since its chunks were planned or its snapshot was taken ` +
        `(storage ${then ?? 'absent'}, now ${now?.storage ?? 'absent'}, expected ${table.storage}); its snapshot starts over`,
    )
  }
  const types = await readTypes(outside, [table.id])
  const plans = table.columns.map((column) => {
    const live = now.columns.find((candidate) => candidate.id === column.id)
    const plan = live === undefined ? null : planCatalogueColumn(table.table, live, types, scope)
    if (plan !== null && typeName(plan.column.type) === typeName(column.type)) return plan
    throw new ConnectorError(
      'TABLE_REWRITTEN',
      `Column "${column.name}" of "${table.table}" was dropped or changed its type since its chunks were planned; its snapshot starts over`,
    )
  })
  const leaf = leafOf(chunk)
  if (leaf === null) return { relation: now.kind === 'partitioned' ? relation : `only ${relation}`, plans }
  const leafRelation = await currentName(session, leaf)
  if (leafRelation === null)
    throw new ConnectorError('TABLE_REWRITTEN', `A partition of "${table.table}" is gone; its snapshot starts over`)
  return { relation: leafRelation, plans }
}

async function importSnapshot(session: Lease, token: string): Promise<void> {
  try {
    await session.client.query(`set transaction snapshot ${quoteLiteral(token)}`)
  } catch (error) {
    const state = sqlState(error)
    if (state === null || state.startsWith('57') || state.startsWith('08')) throw error
    throw new ConnectorError(
      'SNAPSHOT_GONE',
      `Snapshot "${token}" no longer exists; the remaining chunks are read under a new one`,
      {
        cause: error,
      },
    )
  }
}

/** Locks by the name that the table has now; the lock keeps rewrites away until the transaction ends. */
async function lockTable(session: Lease, table: SourceTable): Promise<string> {
  for (;;) {
    const name = await currentName(session, table.id)
    if (name === null) throw new ConnectorError('TABLE_REWRITTEN', `Table "${table.table}" was dropped; its snapshot starts over`)
    await session.client.query(`lock table ${name} in access share mode`)
    if ((await currentName(session, table.id)) === name) return name
  }
}

/** Quoted and qualified, from the live catalogue rather than the snapshot (regclass output does that); null when it is gone. */
async function currentName(session: Lease, oid: string): Promise<string | null> {
  const [row] = await session.rows<{ name: string }>(
    /* sql */ `select $1::oid::regclass::text as name`,
    [oid],
    'Looking up a table',
  )
  return row === undefined || /^\d+$/.test(row.name) ? null : row.name
}

export type CopyRequest = Pick<ChunkRequest, 'table' | 'position' | 'onReject'> & {
  readonly plans: readonly ColumnPlan[]
  readonly pool: BufferPool
}

/** Batches of the statement; the socket is paused while the consumer works. */
export async function* copyBatches(
  session: Lease,
  sql: string,
  { table, position, plans, pool, onReject }: CopyRequest,
): AsyncGenerator<RowBatch> {
  const decoder = createCopyDecoder({ table, plans, position, pool, onReject })
  const ready: RowBatch[] = []
  let wake = Promise.withResolvers<void>()
  const copy = new CopyStream(session.client, (bytes, start, end) => {
    const batches = decoder.take(bytes, start, end)
    if (batches.length === 0) return TAKE.more
    ready.push(...batches)
    wake.resolve()
    return TAKE.pause
  })
  let over = false
  let failure: unknown = null
  copy.done.then(
    () => {
      over = true
      wake.resolve()
    },
    (error) => {
      over = true
      failure = error
      wake.resolve()
    },
  )
  try {
    await copy.begin(sql)
    for (;;) {
      const batch = ready.shift()
      if (batch !== undefined) {
        // The next rows are decoded while the consumer works; one more batch at most.
        if (ready.length === 0) copy.resume()
        yield batch
        continue
      }
      if (over) break
      await wake.promise
      wake = Promise.withResolvers<void>()
    }
    if (failure !== null) throw failure
    yield* decoder.finish()
  } finally {
    for (const batch of ready) batch.release()
    decoder.abandon()
  }
}
