/** A small source, its lake in a directory, and a warehouse beside it, for tests of changes of shape. */
import type { TableName } from '../../../connectors/change.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { MemoryDatabase } from '../../../connectors/memory/database.ts'
import { openMemoryWarehouse } from '../../../connectors/memory/warehouse.ts'
import type { ObjectStore, Warehouse } from '../../../connectors/ports.ts'
import type { LogState } from '../../../integrations/land/log/commit.ts'
import { openLog } from '../../../integrations/land/log/log.ts'
import { loadState } from '../../../integrations/land/log/read.ts'
import { heldTables } from '../../../integrations/register/held-tables.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { readLakeFile } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { environment, LAKE } from './capture-harness.ts'

export const INT32: LogicalType = { kind: 'int32' }
export const INT64: LogicalType = { kind: 'int64' }
export const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
export const LOAN = 'public.loan' as TableName
export const CLIENT = 'public.client'

export type Place = { readonly store: ObjectStore; readonly database: MemoryDatabase; readonly warehouse?: Warehouse }

export function loanBook(): MemoryDatabase {
  const database = new MemoryDatabase()
  database.commit((t) => {
    t.createTable(LOAN, {
      columns: [
        { name: 'id', type: INT64 },
        { name: 'a', type: TEXT },
        { name: 'b', type: INT32 },
      ],
      key: ['id'],
    })
    t.createTable(CLIENT, { columns: [{ name: 'id', type: INT32 }], key: ['id'] })
    for (let id = 1; id <= 5; id++) t.insert(LOAN, { id, a: `row ${id}`, b: id })
    t.insert(CLIENT, { id: 1 })
  })
  return database
}

export const signal = () => AbortSignal.timeout(20_000)
export const stateOf = (store: ObjectStore): Promise<LogState> => loadState(store, LAKE, { signal: signal() })

/** Brings the place's warehouse, or a new one, to the newest commit. */
export async function register(place: Place): Promise<Required<Place>> {
  const { store } = place
  const warehouse = place.warehouse ?? openMemoryWarehouse(readLakeFile)
  const state = await stateOf(store)
  await registerCommit({ integration: 'test', schema: 'test', state, store, warehouse, dryRun: false }, signal())
  return { ...place, warehouse }
}

/** Rows of a source table's relation in the warehouse. */
export function shown({ warehouse }: Place, table: string): Promise<readonly string[]> {
  if (warehouse === undefined) throw new Error('nothing was registered yet')
  return queryRows(warehouse, `select * from test.${table.replace('public.', '')}`)
}

/** The source's rows as the warehouse would print them. */
export function source(database: MemoryDatabase, table: string): readonly string[] {
  const columns = database.tables().find((each) => each.table === table)?.columns ?? []
  const rows = database
    .contents(table)
    .map((row) => columns.map(({ name }) => ((row[name] ?? null) === null ? '␀' : String(row[name]))))
  return rows.map((row) => row.join(' | ')).toSorted()
}

/** What `portage apply` commits, by another process. */
export async function accept(store: ObjectStore): Promise<void> {
  const log = await openLog({ store, ...LAKE, environment, by: 'apply', role: 'maintenance', signal: signal() })
  await log.append((state) => {
    const tables = heldTables(state).map(({ table, newest, since }) => [
      table,
      since === null ? { dropped: true as const } : { accepted: newest },
    ])
    return { kind: 'maintenance', tables: Object.fromEntries(tables) }
  }, signal())
}
