/** Tables that a warehouse cannot hold: they stay as it showed them before, and the others go on. Pure. */
import type { TableName } from '../../connectors/change.ts'
import { ConnectorError, type ErrorCode } from '../../connectors/errors.ts'
import type { Registered, TableRegistration, Warehouse } from '../../connectors/ports.ts'
import type { RefusedTables } from '../../connectors/refused-table.ts'
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

const OF_ONE_TABLE: ReadonlySet<ErrorCode> = new Set(['BAD_VALUE', 'SCHEMA', 'UNSUPPORTED'])

/**
 * True for what another table does not suffer from: no connection, proof or setting that they share. Narrower than `isAboutTable`: files
 * are written through the lake's store, where a missing right or object is no fault of a table.
 */
export const isOfOneTable = (error: unknown): error is ConnectorError =>
  error instanceof ConnectorError && OF_ONE_TABLE.has(error.code)

/** Those that the engine cannot hold whatever their rows are. */
export function refusalsOf(tables: readonly TableRegistration[], warehouse: Pick<Warehouse, 'refusal'>): RefusedTables {
  const refusals: RefusedTables = new Map()
  for (const table of tables) {
    const error = warehouse.refusal?.(table) ?? null
    if (error !== null) refusals.set(table.table, error)
  }
  return refusals
}

/** As the engine said it, with what to do when it is cured. */
export const engineRefusal = (integration: string, table: TableName, { code, message }: ConnectorError): ConnectorError =>
  new ConnectorError(
    code,
    `Table "${table}" was refused while its relations were made: ${message}. "portage register ${integration}" tries it again`,
  )

/** Relations of refused tables which the warehouse shows already, and goes on showing as they are. */
export function keptRelations(
  refused: ReadonlySet<TableName>,
  shown: Pick<Registered, 'relations' | 'projected'> | null,
  asked: readonly Pick<TableRegistration, 'table' | 'relation'>[],
): ReadonlyMap<TableName, string> {
  const kept = new Map<TableName, string>()
  if (shown?.projected === undefined) {
    const there = new Set(shown?.relations)
    for (const { table, relation } of asked) if (refused.has(table) && there.has(relation)) kept.set(table, relation)
    return kept
  }
  const names = (relation: string) => [relation, historyName(relation)].map((name) => name.toLowerCase())
  const taken = new Set(asked.flatMap(({ table, relation }) => (refused.has(table) ? [] : names(relation))))
  for (const [relation, text] of shown.projected) {
    const table = parseState(text)?.table
    if (table === undefined || !refused.has(table) || names(relation).some((name) => taken.has(name))) continue
    kept.set(table, relation)
  }
  return kept
}

/** In the order of names. */
export function refusedTables(refusals: RefusedTables, kept: ReadonlyMap<TableName, string>): readonly RefusedTable[] {
  return [...refusals]
    .map(([table, { code, message }]) => ({ table, shown: kept.has(table), code, reason: message }))
    .toSorted((a, b) => (a.table < b.table ? -1 : 1))
}

/** Of the tables of a commit, those that a warehouse which names it does not show as they are there. */
export function behindTables(
  tables: readonly TableRegistration[],
  { relations, behind, projected }: Pick<Registered, 'relations' | 'behind' | 'projected'>,
): readonly TableName[] {
  const there = new Set(relations)
  const isShown = (table: TableRegistration): boolean =>
    projected === undefined
      ? there.has(table.relation) && behind?.has(table.relation) !== true
      : isCurrent(table, projected.get(table.relation))
  return tables.filter((table) => !isShown(table)).map(({ table }) => table)
}

/** What the warehouse itself says: tables of the commit that it names which it shows as of an earlier one, or not at all. */
export function keptBack(
  state: LogState,
  { integration, schema }: { readonly integration: string; readonly schema: string },
  warehouse: Pick<Warehouse, 'dialect' | 'refusal'>,
  shown: Registered | null,
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
