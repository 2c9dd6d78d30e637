/** Tables that a warehouse cannot hold: they stay as it showed them before, and the others go on. Pure. */
import type { TableName } from '../../connectors/change.ts'
import { ConnectorError, type ErrorCode } from '../../connectors/errors.ts'
import type { Registered, TableRegistration, Warehouse } from '../../connectors/ports.ts'
import type { LogState } from '../land/log/commit.ts'
import { isCurrent, parseState } from './directory/state.ts'
import { registrationOf } from './registration.ts'
import { historyName } from './relation-names.ts'

export type RefusedTable = {
  readonly table: TableName
  /** Whether the warehouse goes on showing it as it did before; else it does not show it. */
  readonly shown: boolean
  readonly code: ErrorCode
  /** What it cannot hold, and the cure. */
  readonly reason: string
}

/** Errors by table; each is about that table alone. */
export type Refusals = Map<TableName, ConnectorError>

const OF_ONE_TABLE: ReadonlySet<ErrorCode> = new Set(['BAD_VALUE', 'SCHEMA', 'UNSUPPORTED'])

/** True for what another table does not suffer from: no connection, proof or setting that they share. */
export const isOfOneTable = (error: unknown): error is ConnectorError =>
  error instanceof ConnectorError && OF_ONE_TABLE.has(error.code)

/** Those that the engine cannot hold whatever their rows are. */
export function refusalsOf(tables: readonly TableRegistration[], warehouse: Pick<Warehouse, 'refusal'>): Refusals {
  const refusals: Refusals = new Map()
  for (const table of tables) {
    const error = warehouse.refusal?.(table) ?? null
    if (error !== null) refusals.set(table.table, error)
  }
  return refusals
}

/** Relations of a warehouse that reads directories which stay although the request does not name them. */
export function keptRelations(
  refused: ReadonlySet<TableName>,
  shown: Pick<Registered, 'projected'> | null,
  tables: readonly Pick<TableRegistration, 'relation'>[],
): ReadonlyMap<TableName, string> {
  const names = (relation: string) => [relation, historyName(relation)].map((name) => name.toLowerCase())
  const taken = new Set(tables.flatMap(({ relation }) => names(relation)))
  const kept = new Map<TableName, string>()
  for (const [relation, text] of shown?.projected ?? []) {
    const table = parseState(text)?.table
    if (table === undefined || !refused.has(table) || names(relation).some((name) => taken.has(name))) continue
    kept.set(table, relation)
  }
  return kept
}

/** In the order of names. */
export function refusedTables(refusals: Refusals, kept: ReadonlyMap<TableName, string>): readonly RefusedTable[] {
  return [...refusals]
    .map(([table, { code, message }]) => ({ table, shown: kept.has(table), code, reason: message }))
    .toSorted((a, b) => (a.table < b.table ? -1 : 1))
}

/** Of these, what a warehouse that reads directories does not show as it is at that commit; empty for any other warehouse. */
export function behindTables(
  tables: readonly TableRegistration[],
  { projected }: Pick<Registered, 'projected'>,
): readonly TableName[] {
  if (projected === undefined) return []
  return tables.filter((table) => !isCurrent(table, projected.get(table.relation))).map(({ table }) => table)
}

/** What the warehouse itself says: tables of the commit that it names which it shows as of an earlier one, or not at all. */
export function keptBack(
  state: LogState,
  { integration, schema }: { readonly integration: string; readonly schema: string },
  warehouse: Pick<Warehouse, 'dialect' | 'refusal'>,
  shown: Pick<Registered, 'commit' | 'projected'> | null,
): readonly { readonly table: TableName; readonly reason: string | null }[] {
  const store = { address: (key: string) => key, get: async () => null }
  const { tables } = registrationOf(state, { integration, schema, dialect: warehouse.dialect, store, dryRun: true }) ?? {
    tables: [],
  }
  const refusals = refusalsOf(tables, warehouse)
  const late = shown?.commit === state.number ? behindTables(tables, shown) : []
  const behind = new Set([...refusals.keys(), ...late])
  return [...behind].toSorted().map((table) => ({ table, reason: refusals.get(table)?.message ?? null }))
}

/** The error of a refused table, as if it had been thrown. */
export const refusedError = ({ code, reason }: RefusedTable): ConnectorError => new ConnectorError(code, reason)
