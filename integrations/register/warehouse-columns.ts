/** What a warehouse really has of a table, beside what was registered there. Pure. */
import { type Column, METADATA_COLUMNS, METADATA_TYPES, type TableName } from '../../connectors/change.ts'
import type { Dialect, Registered, WarehouseRelation } from '../../connectors/ports.ts'
import type { LogState } from '../land/log/commit.ts'
import { shownTable } from '../land/log/shown.ts'
import { storedAs } from './directory/formats.ts'
import { directoriesOf, parseState } from './directory/state.ts'
import { stateRelationNames } from './registration.ts'
import { relationColumns } from './relation-columns.ts'
import { historyName } from './relation-names.ts'

export type ComparedWarehouse = {
  readonly connection: string
  readonly schema: string
  readonly dialect: Dialect
  /** The log as of the commit that the warehouse shows; null when it shows nothing, or could not be asked. */
  readonly state: LogState | null
  readonly relations: readonly WarehouseRelation[]
  /** As recorded in a warehouse that reads directories. */
  readonly projected?: Registered['projected']
  /** Where the directories of a table are to lie, as `ObjectStore.address` says it; absent: not compared. */
  readonly directoriesAt?: (table: TableName) => string
  /** It cannot hold these: what it shows of them, if anything, is of an earlier commit. Absent: none. */
  readonly keptBack?: ReadonlySet<TableName>
}

/** A column as a warehouse has it; `column` null when nothing of ours has that name. */
export type ColumnInWarehouse = { readonly column: Column | null; readonly name: string; readonly type: string }

type Expected = { readonly column: Column | null; readonly name: string; readonly type: string }

/** The columns of the relation of current rows, as they are now. */
export function shownColumns(warehouse: ComparedWarehouse, table: TableName): readonly ColumnInWarehouse[] {
  const expected = expectedRelations(warehouse, table)
  if (expected === null) return []
  const ours = new Map(expected.current.map((each) => [each.name.toLowerCase(), each.column]))
  const found = foundRelation(warehouse, expected.relation)?.columns ?? []
  return found.map(({ name, type }) => ({ column: ours.get(name.toLowerCase()) ?? null, name, type }))
}

/** Every way in which the relations of a table are not what was registered. */
export function relationFindings(warehouse: ComparedWarehouse, table: TableName): readonly string[] {
  const expected = expectedRelations(warehouse, table)
  if (expected === null || warehouse.keptBack?.has(table) === true) return []
  return [
    ...findings(warehouse, expected.relation, expected.current),
    ...findings(warehouse, historyName(expected.relation), expected.history),
    ...storedFindings(warehouse, expected.relation),
  ]
}

/** What is wrong with the table over directories that the relations read. */
function storedFindings(warehouse: ComparedWarehouse, relation: string): readonly string[] {
  const text = warehouse.projected?.get(relation)
  const recorded = text === undefined ? null : parseState(text)
  const found = foundRelation(warehouse, relation)
  if (recorded === null || found === null) return []
  const wanted = directoriesOf(recorded)
  const subject = `${warehouse.connection} ${warehouse.schema}.${relation}`
  const { stored } = found
  if (stored === undefined || (stored === null && wanted.length === 0)) return []
  if (stored === null) return [`${subject} has lost the table of its files: run "portage register --repair"`]
  const table = `${warehouse.connection} ${warehouse.schema}.${stored.name}`
  const known = new Set(stored.directories)
  const missing = wanted.filter((name) => !known.has(name))
  const wrong: string[] = missing.map((name) => `has lost its partition "${name}"`)
  const format = storedAs(recorded.format)
  if (stored.format !== format) wrong.push(`is ${stored.format ?? 'of another format'}, registered as ${format}`)
  const address = warehouse.directoriesAt?.(recorded.table).replace(/\/+$/, '')
  if (address !== undefined && stored.address !== null && stored.address !== address) {
    wrong.push(`is at "${stored.address}", registered at "${address}"`)
  }
  for (const [name, found] of stored.addresses) {
    if (address === undefined || !wanted.includes(name) || found === `${address}/${name}`) continue
    wrong.push(`has its partition "${name}" at "${found}", registered at "${address}/${name}"`)
  }
  if (!stored.keepsFiles) wrong.push('would delete its files when it is dropped (external.table.purge)')
  if (stored.discovers) wrong.push('lets the metastore add and drop its partitions (discover.partitions)')
  return wrong.map((each) => `${table} ${each}: run "portage register --repair"`)
}

function findings(warehouse: ComparedWarehouse, relation: string, expected: readonly Expected[]): readonly string[] {
  const subject = `${warehouse.connection} ${warehouse.schema}.${relation}`
  const found = foundRelation(warehouse, relation)
  if (found === null) return [`${subject} is missing`]
  const types = new Map(found.columns.map(({ name, type }) => [name.toLowerCase(), type]))
  const wrong = expected.flatMap(({ name, type }) => {
    const now = types.get(name.toLowerCase())
    if (now === undefined) return [`${subject} has no column "${name}", registered as ${type}`]
    return now === type ? [] : [`${subject} has column "${name}" as ${now}, registered as ${type}`]
  })
  const ours = new Set(expected.map(({ name }) => name.toLowerCase()))
  const foreign = found.columns.filter(({ name }) => !ours.has(name.toLowerCase()))
  return [...wrong, ...foreign.map(({ name, type }) => `${subject} has a column "${name}" ${type} that was never registered`)]
}

function foundRelation({ relations }: ComparedWarehouse, relation: string): WarehouseRelation | null {
  return relations.find((each) => each.relation.toLowerCase() === relation.toLowerCase()) ?? null
}

/** Null when the warehouse should not show the table. */
function expectedRelations({ state, dialect }: ComparedWarehouse, table: TableName) {
  const known = state?.tables[table]
  const shown = known === undefined ? null : shownTable(known)
  const relation = state === null ? undefined : stateRelationNames(state, dialect).get(table)
  if (shown === null || relation === undefined) return null
  const current: readonly Expected[] = relationColumns(shown.schema).map(({ column, name }) => ({
    column,
    name,
    type: dialect.typeOf(column.type),
  }))
  const metadata = METADATA_COLUMNS.map((name) => ({ column: null, name, type: dialect.typeOf(METADATA_TYPES[name]) }))
  return { relation, current, history: [...metadata, ...current] }
}
