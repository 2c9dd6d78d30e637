/** RefusedTables that a process remembers: a refused table is not read, written and asked for anew at every registration. */
import type { TableName } from '../../connectors/change.ts'
import type { ConnectorError } from '../../connectors/errors.ts'
import type { Registered, TableRegistration } from '../../connectors/ports.ts'
import type { RefusedTables } from '../../connectors/refused-table.ts'

/** Lives as long as whoever registers in one warehouse. */
export type Remembered = {
  /** Of tables whose rows were read, each with what it holds for. */
  readonly values: Map<TableName, { readonly of: string; readonly error: ConnectorError }>
  /** Of tables that the engine refused, which a person may have cured meanwhile. */
  readonly engine: Map<TableName, EngineRefusal>
}

type EngineRefusal = {
  readonly of: string
  readonly error: ConnectorError
  /** Registrations that leave the table out before it is tried again. */
  readonly pause: number
  left: number
}

const LONGEST_PAUSE = 64

export const newRemembered = (): Remembered => ({ values: new Map(), engine: new Map() })

/** Adds what the engine refused lately; each call counts as a registration. */
export function recall(
  { engine }: Remembered,
  refusals: RefusedTables,
  tables: readonly TableRegistration[],
  shown: Registered | null,
): void {
  for (const table of tables) {
    const known = engine.get(table.table)
    if (known === undefined || known.left === 0 || known.of !== markOf(table, shown)) continue
    known.left -= 1
    if (!refusals.has(table.table)) refusals.set(table.table, known.error)
  }
}

/** What the engine said to the tables that it was asked for. */
export function remember(
  { engine }: Remembered,
  refused: ReadonlyMap<TableName, ConnectorError>,
  tables: readonly TableRegistration[],
  shown: Registered | null,
): void {
  for (const table of tables) {
    const error = refused.get(table.table)
    const of = markOf(table, shown)
    const known = engine.get(table.table)
    const pause = known?.of === of ? Math.min(known.pause * 2, LONGEST_PAUSE) : 1
    if (error === undefined) engine.delete(table.table)
    else engine.set(table.table, { of, error, pause, left: pause })
  }
}

/** Another when the table has another shape, or somebody registered it. */
function markOf({ relation, schema }: TableRegistration, shown: Registered | null): string {
  const recorded = shown?.projected?.get(relation) ?? shown?.behind?.get(relation) ?? shown?.relations.includes(relation) ?? false
  return JSON.stringify([schema.id, schema.version, recorded])
}
