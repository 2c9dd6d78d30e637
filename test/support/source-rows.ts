/** Reads what a source hands over into plain rows, and keeps a replica of it, for tests. */
import type { ChangeSet, Position, RowBatch, SchemaChange } from '../../connectors/change.ts'
import type { FollowRequest, HeldSnapshot, Source } from '../../connectors/ports.ts'

/** `values` by source column id, as text. */
export type SeenRow = {
  readonly table: string
  readonly op: string
  readonly position: Position
  readonly committedAt: unknown
  readonly unchanged: string | null
  readonly values: Readonly<Record<number, string | null>>
}

/** Rows of a batch; releases it. */
export function readBatch(batch: RowBatch): SeenRow[] {
  const columns = batch.table.columns.map((column) => ({ id: column.id, vector: batch.batch.getChild(column.name) }))
  const op = batch.batch.getChild('_op')
  const position = batch.batch.getChild('_position')
  const committedAt = batch.batch.getChild('_source_committed_at')
  const unchanged = batch.batch.getChild('_unchanged')
  const rows = Array.from({ length: batch.batch.numRows }, (_, row) => ({
    table: batch.table.table,
    op: String(op?.get(row)),
    position: String(position?.get(row)) as Position,
    committedAt: committedAt?.get(row),
    unchanged: unchanged?.get(row) ?? null,
    values: Object.fromEntries(columns.map(({ id, vector }) => [id, asText(vector?.get(row))])),
  }))
  batch.release()
  return rows
}

const asText = (value: unknown): string | null => (value === null || value === undefined ? null : String(value))

/** A set with its rows in log order. */
export type SeenSet = Omit<ChangeSet, 'batches'> & { readonly rows: readonly SeenRow[]; readonly batchRows: readonly number[] }

export function readSet(set: ChangeSet): SeenSet {
  const { batches, ...rest } = set
  const batchRows = batches.map((batch) => batch.batch.numRows)
  const rows = batches.flatMap(readBatch).sort((a, b) => (a.position < b.position ? -1 : 1))
  return { ...rest, rows, batchRows }
}

export const NO_FLUSH = { intervalMs: 60_000, rows: 1_000_000, bytes: 1 << 30 } as const
export const EAGER = { intervalMs: 60_000, rows: 1, bytes: 1 << 30 } as const

/** Sets until one whose cut is at or behind `until` (default: the source's head now). */
export async function drain(
  source: Source,
  request: Partial<FollowRequest> & Pick<FollowRequest, 'from'>,
  until?: Position,
): Promise<SeenSet[]> {
  const stop = new AbortController()
  const target = until ?? (await source.head(stop.signal))
  const sets: SeenSet[] = []
  const known = request.known ?? (await source.describe(stop.signal)).tables
  for await (const set of source.follow(
    { flush: { ...NO_FLUSH, intervalMs: 20 }, heartbeatMs: 0, ...request, known },
    stop.signal,
  )) {
    sets.push(readSet(set))
    if (set.cut !== null && set.cut >= target) break
  }
  return sets
}

/** Every row of a table under the snapshot, chunk by chunk. */
export async function readSnapshot(source: Source, snapshot: HeldSnapshot, name: string): Promise<SeenRow[]> {
  const { signal } = new AbortController()
  const { tables } = await source.describe(signal)
  const table = tables.find((candidate) => candidate.table === name)
  if (table === undefined) throw new Error(`no table ${name}`)
  const rows: SeenRow[] = []
  for (const chunk of await source.planChunks(table, signal)) {
    const request = { table, chunk, token: snapshot.token, position: snapshot.position, onReject: () => {} }
    for await (const batch of source.readChunk(request, signal)) rows.push(...readBatch(batch))
  }
  return rows
}

/** Current rows by key, as a reader of base and changes would compute them: newest position per key, `t` voids everything below. */
export function replicate(base: readonly SeenRow[], changes: readonly SeenRow[], keyId: number): Map<string, SeenRow['values']> {
  const rows = new Map<string, SeenRow['values']>()
  for (const row of base) rows.set(String(row.values[keyId]), row.values)
  for (const row of changes) {
    if (row.op === 't') rows.clear()
    else if (row.op === 'd') rows.delete(String(row.values[keyId]))
    else rows.set(String(row.values[keyId]), row.values)
  }
  return rows
}

export const schemasOf = (sets: readonly SeenSet[]): readonly SchemaChange[] => sets.flatMap((set) => set.schemas)
