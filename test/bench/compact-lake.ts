/** A lake with one payment table: base files of a snapshot and small change files above it, as runs leave them. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { fileSchema, type Position, type TableName, type TableSchema } from '../../connectors/change.ts'
import { columnData } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { FileEntry } from '../../integrations/land/log/commit.ts'
import { baseKey, changesKey } from '../../integrations/land/log/keys.ts'
import { type CommitLog, openLog } from '../../integrations/land/log/log.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { logicalTypeOf } from '../../integrations/types/arrow-types.ts'
import { quietEnvironment } from '../support/lake.ts'
import { BATCH_ROWS, PAYMENT_SCHEMA, paymentBatch } from './payments.ts'

export const LAKE = { prefix: 'raw', integration: 'bench' } as const
export const PAYMENT = 'public.payment' as TableName

const CUT = '0000-00000000016b3748-00000000' as Position
const METADATA = 4
const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

export const SCHEMA: TableSchema = {
  table: PAYMENT,
  id: '1',
  version: 1,
  since: CUT,
  columns: PAYMENT_SCHEMA.fields.slice(METADATA).map((field, index) => ({
    id: index + 1,
    name: field.name,
    physical: field.name,
    type: logicalTypeOf(field.type, field.name),
    sourceType: '',
    nullable: true,
  })),
  key: ['id'],
  identity: 'default',
}

const place = (commit: number, ordinal: number): Position =>
  `0000-${(0x16b3748 + commit).toString(16).padStart(16, '0')}-${ordinal.toString(16).padStart(8, '0')}` as Position

/** Writes `rows` base rows and `changes` changes in commits of `perCommit`. */
export async function makeLake(
  store: ObjectStore,
  { rows, changes, perCommit }: { readonly rows: number; readonly changes: number; readonly perCommit: number },
): Promise<void> {
  const signal = AbortSignal.timeout(600_000)
  const log = await openLog({ store, ...LAKE, environment: quietEnvironment(7), by: 'bench', signal })
  await log.claim(signal)
  await log.append(() => ({ kind: 'schema', position: CUT, tables: { [PAYMENT]: { schema: SCHEMA } } }), signal)
  const plan = [{ id: 'all', from: null, to: null, by: 'ctid' }]
  const added: FileEntry[] = []
  for (let first = 0, part = 0; first < rows; part++) {
    const last = Math.min(rows, first + 16 * BATCH_ROWS)
    const key = baseKey(LAKE, PAYMENT, { commit: 3, writer: log.writer, part, extension: 'parquet' })
    added.push(await writeFile(store, key, 'base', baseBatches(first, last), [CUT, CUT]))
    first = last
  }
  const snapshot = { generation: 1, start: { storage: 's', plan }, done: { all: CUT }, complete: true }
  await log.append(() => ({ kind: 'snapshot', tables: { [PAYMENT]: { added, snapshot } } }), signal)
  for (let first = 0, commit = 1; first < changes; first += perCommit, commit++) {
    await changeCommit(store, log, { first, count: Math.min(perCommit, changes - first), commit, rows }, signal)
  }
}

function* baseBatches(first: number, last: number): Generator<RecordBatch> {
  for (let at = first; at < last; at += BATCH_ROWS) yield paymentBatch(at, Math.min(BATCH_ROWS, last - at))
}

/** Seven of ten changes are updates of any row, two are inserts, one is a delete. */
async function changeCommit(
  store: ObjectStore,
  log: CommitLog,
  { first, count, commit, rows }: { first: number; count: number; commit: number; rows: number },
  signal: AbortSignal,
): Promise<void> {
  const batch = paymentBatch(rows + first, count)
  const each = <T>(make: (row: number) => T): T[] => Array.from({ length: count }, (_, i) => make(first + i))
  const op = (row: number): string => (row % 10 < 7 ? 'u' : row % 10 < 9 ? 'c' : 'd')
  const id = (row: number): bigint => BigInt(op(row) === 'c' ? rows + row + 1 : ((row * 7919) % rows) + 1)
  const metadata = [
    columnData(TEXT, each(op)),
    columnData(
      TEXT,
      each((row) => place(commit, row - first + 1)),
    ),
    columnData(
      { kind: 'timestamp', utc: true },
      each((row) => 1_767_225_600_000_000n + BigInt(row) * 1000n),
    ),
    columnData(
      TEXT,
      each(() => null),
    ),
    columnData({ kind: 'int64' }, each(id)),
  ]
  const children = [...metadata, ...batch.data.children.slice(metadata.length)]
  const fields = fileSchema(SCHEMA, 'changes').fields.map(
    (field, index) => new Field(field.name, children[index]?.type ?? field.type, true, field.metadata),
  )
  const rowsOf = new RecordBatch(
    new Schema(fields),
    makeData({ type: new Struct(fields), length: count, nullCount: 0, children }),
  )
  const key = changesKey(LAKE, PAYMENT, '2026-01-01', { commit, writer: log.writer, part: 0, extension: 'parquet' })
  const added = [await writeFile(store, key, 'changes', [rowsOf], [place(commit, 1), place(commit, count)])]
  await log.append(
    () => ({ kind: 'changes', position: place(commit + 1, 0), changes: count, tables: { [PAYMENT]: { added } } }),
    signal,
  )
}

async function writeFile(
  store: ObjectStore,
  key: string,
  part: 'base' | 'changes',
  batches: Iterable<RecordBatch>,
  [minPosition, maxPosition]: readonly [Position, Position],
): Promise<FileEntry> {
  await using object = await store.openWriter(key)
  const schema = fileSchema(SCHEMA, part)
  const writer = createParquetWriter({ schema, sink: object, compression: 'zstd', metadata: new Map() })
  for (const batch of batches) await writer.append(batch)
  const { rows, columns: summaries } = await writer.finish()
  const { size, sha256 } = await object.close()
  const columns = Object.fromEntries(Object.entries(summaries).filter(([name]) => !name.startsWith('_')))
  return {
    key,
    part,
    size,
    sha256,
    rows,
    format: 'parquet',
    profile: 'lake',
    schemaVersion: 1,
    minPosition,
    maxPosition,
    columns,
  }
}
