/**
 * The schema plan: every column of every table in the source, in the log and in each warehouse, what changed between them, and
 * what the policies make of it. Pure; whoever asks has read the source's catalogue, the log and the warehouses.
 */
import type { Position, SourceTable, TableName, TableSchema } from '../../connectors/change.ts'
import { typeName } from '../../connectors/logical-type.ts'
import { evolve } from '../capture/physical-columns.ts'
import type { LogState, TableState } from '../land/log/commit.ts'
import { stateRelationNames } from './registration.ts'
import { type SchemaChange, schemaChanges } from './schema-changes.ts'
import { acceptedSchema, type JudgedChange, judge, nothingToKeep, type SchemaPolicies, strictest } from './schema-policy.ts'
import { type ComparedWarehouse, relationFindings, shownColumns } from './warehouse-columns.ts'

/** `held`: landed, waits for `apply`. The others are in the source only: what the next run does about them. */
export type ChangeStatus = 'held' | 'next run applies' | 'next run holds' | 'next run fails'

export type PlannedChange = JudgedChange & { readonly status: ChangeStatus }

export type NamedType = { readonly name: string; readonly type: string }

export type PlannedColumn = {
  /** As the source has it now; null when it has not, or was not asked. */
  readonly source: NamedType | null
  /** Under its physical name, at the newest version; null when the newest version has not. */
  readonly log: NamedType | null
  /** As each warehouse has it now, in the order of the plan's warehouses. */
  readonly warehouses: readonly (NamedType | null)[]
}

export type TablePlan = {
  readonly table: TableName
  readonly relation: string
  /** Newest schema version in the log, 0 when the log does not know the table; and the one that warehouses may show. */
  readonly version: number
  readonly accepted: number
  /** True when something waits for `apply`, or would after the next run. */
  readonly held: boolean
  /** Accepted already, and shown as soon as its rows have been copied again. */
  readonly copying: boolean
  readonly changes: readonly PlannedChange[]
  readonly columns: readonly PlannedColumn[]
  /** What a warehouse has although nothing registered it so. */
  readonly findings: readonly string[]
  /** Why the source's table cannot be carried at all; null when it can. */
  readonly problem: string | null
}

export type PlanInput = {
  readonly state: LogState
  /** Null: the source was not asked. */
  readonly source: { readonly tables: readonly SourceTable[]; readonly at: Position } | null
  readonly policies: SchemaPolicies
  readonly warehouses: readonly ComparedWarehouse[]
}

/** One plan per table of the source or the log, in the order of names. */
export function schemaPlan({ state, source, policies, warehouses }: PlanInput): readonly TablePlan[] {
  const names = new Set([...Object.keys(state.tables), ...(source?.tables ?? []).map(({ table }) => table)] as TableName[])
  const relations = stateRelationNames(state)
  const first = Object.keys(state.tables).length === 0
  return [...names].toSorted().map((table) => {
    const known = state.tables[table]
    const now = source?.tables.find((each) => each.table === table) ?? null
    const isGone = source !== null && now === null
    const { next, problem } = nextSchema(known, now, source?.at ?? null)
    const landed = known === undefined ? [] : waiting(known)
    const all = [...(next === null ? [] : pending(known, next, first)), ...(isGone || known?.gone ? [DROPPED] : [])]
    const changes = withStatus(judge(table, all, policies), landed, nothingToKeep(known))
    return {
      table,
      relation: relations.get(table) ?? table.slice(table.indexOf('.') + 1),
      version: known?.schema.version ?? 0,
      accepted: known?.accepted ?? 0,
      held: changes.some(({ status }) => status !== 'next run applies'),
      copying: known !== undefined && known.shown !== null && known.accepted === known.schema.version,
      changes,
      columns: columnRows(known, now, next, table, warehouses),
      findings: warehouses.flatMap((warehouse) => relationFindings(warehouse, table)),
      problem,
    }
  })
}

/** Whether anything of the table is worth a look. */
export const isSettled = ({ changes, findings, problem, copying }: TablePlan): boolean =>
  changes.length === 0 && findings.length === 0 && problem === null && !copying

/**
 * The state that the log would have when everything was accepted and copied: what the DDL of a plan leads to. Tables that the source
 * adds are left out: they have no files yet.
 */
export function acceptedState({ state, source }: Pick<PlanInput, 'state' | 'source'>): LogState {
  const tables = Object.entries(state.tables).flatMap(([name, known]) => {
    const table = name as TableName
    const now = source?.tables.find((each) => each.table === table) ?? null
    if (known.gone !== null || (source !== null && now === null)) return []
    const { next } = nextSchema(known, now, source?.at ?? null)
    const schema = next ?? known.schema
    const versions = { ...known.versions, [schema.version]: schema }
    return [[table, { ...known, schema, versions, accepted: schema.version, shown: null }] as const]
  })
  return { ...state, tables: Object.fromEntries(tables) as LogState['tables'] }
}

const DROPPED: SchemaChange = { kind: 'drop_table', column: null, text: 'table dropped' }

/** The version that the next run would record; the newest one while the source was not asked or cannot be carried. */
function nextSchema(
  known: TableState | undefined,
  now: SourceTable | null,
  at: Position | null,
): { readonly next: TableSchema | null; readonly problem: string | null } {
  const newest = known?.schema ?? null
  if (now === null || at === null) return { next: newest, problem: null }
  try {
    return { next: evolve(newest, now, at).schema, problem: null }
  } catch (error) {
    return { next: newest, problem: error instanceof Error ? error.message : String(error) }
  }
}

/** All that lies between what warehouses have accepted and the next version. The tables of a first run are what was asked for. */
function pending(known: TableState | undefined, next: TableSchema, first: boolean): readonly SchemaChange[] {
  return known === undefined && first ? [] : schemaChanges(acceptedSchema(known), next)
}

/** What the log knows to wait. */
function waiting(known: TableState): readonly SchemaChange[] {
  const shape = known.accepted < known.schema.version ? schemaChanges(acceptedSchema(known), known.schema) : []
  return known.gone === null ? shape : [...shape, DROPPED]
}

function withStatus(
  changes: readonly JudgedChange[],
  landed: readonly SchemaChange[],
  nothingKept: boolean,
): readonly PlannedChange[] {
  const known = new Set(landed.map(({ text }) => text))
  const ahead = changes.filter(({ text }) => !known.has(text))
  const strict = strictest(ahead)
  const holds = (strict === 'hold' && !nothingKept) || landed.length > 0
  const status: ChangeStatus = strict === 'fail' ? 'next run fails' : holds ? 'next run holds' : 'next run applies'
  return changes.map((change) => ({ ...change, status: known.has(change.text) ? 'held' : status }))
}

/** A column's row: the same source column everywhere; of two tables of one name, the column of that name. */
function columnRows(
  known: TableState | undefined,
  now: SourceTable | null,
  next: TableSchema | null,
  table: TableName,
  warehouses: readonly ComparedWarehouse[],
): readonly PlannedColumn[] {
  const newest = known?.schema ?? null
  const ids = new Set([now?.id, newest?.id, ...warehouses.map((each) => each.state?.tables[table]?.schema.id)])
  ids.delete(undefined)
  const keyOf = (column: { readonly id: number; readonly name: string }): string =>
    ids.size > 1 ? column.name : String(column.id)
  const rows = new Map<string, { source: NamedType | null; log: NamedType | null; warehouses: (NamedType | null)[] }>()
  const row = (key: string) => {
    const made = rows.get(key) ?? { source: null, log: null, warehouses: warehouses.map(() => null) }
    rows.set(key, made)
    return made
  }
  for (const column of now?.columns ?? []) row(keyOf(column)).source = { name: column.name, type: column.sourceType }
  for (const column of newest?.columns ?? []) {
    if (!column.dropped) row(keyOf(column)).log = { name: column.physical, type: typeName(column.type) }
  }
  for (const [index, warehouse] of warehouses.entries()) {
    for (const { column, name, type } of shownColumns(warehouse, table)) {
      row(column === null ? `only ${name}` : keyOf(column)).warehouses[index] = { name, type }
    }
  }
  const order = new Map((next?.columns ?? []).map((column, index) => [keyOf(column), index]))
  return [...rows].toSorted(([a], [b]) => (order.get(a) ?? rows.size) - (order.get(b) ?? rows.size)).map(([, each]) => each)
}
