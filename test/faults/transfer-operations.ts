/** Transfers into a lake table, through a store with faults: all rows or none, and a repeat writes nothing twice. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { tableName } from '../../connectors/change.ts'
import { columnData } from '../../connectors/column-values.ts'
import { openMemoryStore } from '../../connectors/memory/store.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { TableBatch, TransferColumn, TransferMode } from '../../connectors/tables.ts'
import { openLander } from '../../integrations/land/lander.ts'
import { openLog } from '../../integrations/land/log/log.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { createParquetWriter } from '../../integrations/land/parquet/writer.ts'
import { openLakeWriter } from '../../integrations/transfer/lake-writer.ts'
import { environment, LAKE, lakeRows } from '../integrations/capture/capture-harness.ts'
import { type FaultPlan, storeWithFaults } from './failpoints.ts'
import type { Operation } from './matrix.ts'

const COLUMNS: readonly TransferColumn[] = [
  { name: 'id', type: { kind: 'int64' }, sourceType: 'bigint', nullable: false },
  { name: 'name', type: { kind: 'utf8', format: 'text' }, sourceType: 'text', nullable: true },
]
const MEMBER = tableName('public', 'member')

function batchOf(ids: readonly number[]): TableBatch {
  const children = [
    columnData({ kind: 'int64' }, ids.map(BigInt)),
    columnData(
      { kind: 'utf8', format: 'text' },
      ids.map((id) => `n${id}`),
    ),
  ]
  const fields = children.map(({ type }, index) => new Field(COLUMNS[index]?.name ?? '', type, true))
  const struct = makeData({ type: new Struct(fields), length: ids.length, nullCount: 0, children })
  return { batch: new RecordBatch(new Schema(fields), struct), release: () => {} }
}

async function* batches(ids: readonly number[]): AsyncIterable<TableBatch> {
  for (let from = 0; from < ids.length; from += 5) yield batchOf(ids.slice(from, from + 5))
}

async function transfer(store: ObjectStore, mode: TransferMode, name: string, ids: readonly number[]): Promise<void> {
  const signal = AbortSignal.timeout(60_000)
  const log = await openLog({ store, ...LAKE, environment, by: 'test', role: 'maintenance', signal })
  const format = { name: 'parquet', extension: 'parquet', createWriter: createParquetWriter } as const
  const lander = openLander({ store, log, format, compression: 'zstd', targetFileBytes: 1 << 20, metadata: new Map() })
  await using writer = openLakeWriter({
    log,
    lander,
    table: MEMBER,
    columns: COLUMNS,
    mode,
    fillMissing: false,
    batch: () => name,
    again: false,
    takeRejects: () => [],
    environment,
  })
  await writer.write(batches(ids), signal)
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, id) => id)

const operation = (mode: TransferMode, expects: readonly string[]): Operation => ({
  name: `transfer, ${mode}`,
  expects,
  prepare: async () => {
    const store = openMemoryStore(environment)
    await transfer(store, 'replace', 'first', upTo(4))
    return {
      attempt: (plan: FaultPlan) => transfer(storeWithFaults(store, plan), mode, 'second', upTo(12)),
      problems: async () => {
        const rows = (await lakeRows(store, MEMBER)).length
        const expected = mode === 'append' ? 16 : 12
        const { number } = await loadState(store, LAKE, { signal: AbortSignal.timeout(20_000) })
        await transfer(store, mode, 'second', upTo(12))
        const again = (await lakeRows(store, MEMBER)).length
        return [
          ...(rows === expected ? [] : [`${rows} rows, expected ${expected}`]),
          ...(again === expected ? [] : [`${again} rows after a repeat (commit ${number} before it)`]),
        ]
      },
      [Symbol.asyncDispose]: async () => {},
    }
  },
})

export const TRANSFERS: readonly Operation[] = [
  operation('replace', ['put commit', 'open base file', 'write base file', 'close base file']),
  operation('append', ['put commit', 'open change file', 'write change file', 'close change file']),
]
