/** Capture, killed at a call to the store, and what the next run makes of it; on any store. */
import { expect } from 'vitest'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { MemoryDatabase } from '../../../connectors/memory/database.ts'
import type { ObjectStore } from '../../../connectors/ports.ts'
import { faultyStore } from '../../support/faulty-store.ts'
import { changePositions, lakeRows, runCapture, sourceRows, unnamedFiles } from './capture-harness.ts'

export const LOAN_TABLE = 'public.loan'
export const EVENT_BAG = 'public.event'

/** A keyed table and a bag of so many rows. */
export function loanBook(rows = 30): MemoryDatabase {
  const int32: LogicalType = { kind: 'int32' }
  const database = new MemoryDatabase()
  database.commit((t) => {
    t.createTable(LOAN_TABLE, {
      columns: [
        { name: 'id', type: int32 },
        { name: 'a', type: { kind: 'utf8', format: 'text' } },
        { name: 'b', type: int32 },
      ],
      key: ['id'],
    })
    t.createTable(EVENT_BAG, { columns: [{ name: 'x', type: int32 }] })
  })
  database.commit((t) => {
    for (let id = 0; id < rows; id++) t.insert(LOAN_TABLE, { id, a: `a${id}`, b: id })
    for (let x = 0; x < rows; x++) t.insert(EVENT_BAG, { x: x % 5 })
  })
  return database
}

/** The same objects three times: for the run that is killed, for the next one, and, opened after both, for the comparison. */
export type KilledStores = {
  readonly first: ObjectStore
  readonly next: ObjectStore
  readonly judge: () => Promise<ObjectStore>
}

/**
 * Kills a run at its `at`-th call (even: before it, odd: after it), lets another one finish, and compares.
 * True when the run was done before that call.
 */
export async function killedAt(
  at: number,
  stores: KilledStores,
  limits: { readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  const database = loanBook(20)
  const store = faultyStore(stores.first, ({ index }) => (index === at ? { kind: at % 2 === 0 ? 'die' : 'die-after' } : null))
  let n = 0
  const work = (): void => {
    n++
    database.commit((t) => {
      t.update(LOAN_TABLE, { id: n % 20 }, { b: n, a: `n${n}` })
      t.insert(LOAN_TABLE, { id: 1000 + n, a: 'x', b: n })
      t.insert(EVENT_BAG, { x: n })
      if (n % 3 === 0) t.delete(LOAN_TABLE, { id: 1000 + n - 1 })
    })
  }
  const onEvent = (event: { readonly kind: string }) => event.kind === 'commit' && n < 12 && work()
  const done = await runCapture(database, store, { ...limits, onEvent }).then(
    () => true,
    () => false,
  )
  work()
  await runCapture(database, stores.next, limits)
  const lake = await stores.judge()
  for (const table of [LOAN_TABLE, EVENT_BAG]) {
    expect(await lakeRows(lake, table), `killed at call ${at}, ${table}`).toEqual(sourceRows(database, table))
    const positions = await changePositions(lake, table)
    expect(new Set(positions).size, `killed at call ${at}: a change is in two live files`).toBe(positions.length)
  }
  expect(await unnamedFiles(lake), `killed at call ${at}`).toEqual([])
  return done
}
