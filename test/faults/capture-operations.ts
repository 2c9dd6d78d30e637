/** Snapshot and stream of the memory source, through ports with faults. */
import type { MemoryDatabase } from '../../connectors/memory/database.ts'
import { openMemoryStore } from '../../connectors/memory/store.ts'
import type { ObjectStore, Source } from '../../connectors/ports.ts'
import {
  changePositions,
  environment,
  lakeRows,
  runCapture,
  sourceRows,
  unnamedFiles,
} from '../integrations/capture/capture-harness.ts'
import { EVENT_BAG, LOAN_TABLE, loanBook } from '../integrations/capture/killed-capture.ts'
import { type FaultPlan, portWithFaults, storeWithFaults } from './failpoints.ts'
import type { Operation, World } from './matrix.ts'

const SOURCE_CALLS: Partial<Record<keyof Source, string>> = {
  prepare: 'source: prepare',
  describe: 'source: describe',
  holdSnapshot: 'source: hold a snapshot',
  planChunks: 'source: plan chunks',
  acknowledge: 'source: acknowledge',
}

const TABLES = [LOAN_TABLE, EVENT_BAG] as const

function captureWorld(database: MemoryDatabase, store: ObjectStore): World {
  return {
    attempt: async (plan: FaultPlan) => {
      const before = (source: Source): Source => portWithFaults(source, SOURCE_CALLS, plan)
      await runCapture(database, storeWithFaults(store, plan), { before })
    },
    problems: async () => [
      ...(await differences(database, store)),
      ...(await unnamedFiles(store)).map((key) => `unnamed ${key}`),
    ],
    [Symbol.asyncDispose]: async () => {},
  }
}

/** How the lake's tables differ from the source, in words. */
export async function differences(database: MemoryDatabase, store: ObjectStore): Promise<readonly string[]> {
  const problems: string[] = []
  for (const table of TABLES) {
    const [lake, source] = [await lakeRows(store, table), sourceRows(database, table)]
    if (JSON.stringify(lake) !== JSON.stringify(source)) problems.push(`${table}: ${lake.length} rows, expected ${source.length}`)
    const positions = await changePositions(store, table)
    if (new Set(positions).size !== positions.length) problems.push(`${table}: a change is in two live files`)
  }
  return problems
}

/** A captured book and changes of every kind that the lake does not have yet. */
export async function changedBook(): Promise<{ readonly database: MemoryDatabase; readonly store: ObjectStore }> {
  const [database, store] = [loanBook(20), openMemoryStore(environment)]
  await runCapture(database, store)
  change(database)
  return { database, store }
}

export function change(database: MemoryDatabase, from = 0): void {
  const label = from === 0 ? 'a' : 'label'
  database.commit((t) => {
    for (let id = from; id < from + 12; id++) t.insert(LOAN_TABLE, { id: 100 + id, [label]: `new ${id}`, b: id })
    t.insert(EVENT_BAG, { x: 7 })
  })
  database.commit((t) => {
    t.update(LOAN_TABLE, { id: 3 }, { b: 33 + from })
    t.update(LOAN_TABLE, { id: 4 }, { id: 1004 + from })
    t.delete(LOAN_TABLE, { id: 5 })
    t.delete(EVENT_BAG, { x: 1 })
  })
  if (from === 0) database.commit((t) => t.renameColumn(LOAN_TABLE, 'a', 'label'))
  database.commit((t) => {
    t.truncate(EVENT_BAG)
    t.insert(EVENT_BAG, { x: 8 })
    t.update(LOAN_TABLE, { id: 6 }, { b: 66 + from })
  })
}

export const SNAPSHOT: Operation = {
  name: 'snapshot',
  expects: ['put commit', 'open base file', 'write base file', 'close base file', ...Object.values(SOURCE_CALLS)],
  prepare: async () => captureWorld(loanBook(20), openMemoryStore(environment)),
}

export const STREAM: Operation = {
  name: 'stream',
  expects: ['put commit', 'get commit', 'open change file', 'write change file', 'close change file', 'source: acknowledge'],
  prepare: async () => {
    const { database, store } = await changedBook()
    return captureWorld(database, store)
  },
}
