/** From a Relation message to the table it describes: catalogue, alignment, plans, and what changed since it was last recorded. */
import { METADATA_COLUMNS, type SourceColumn, type SourceTable, tableName } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { SourceScope } from '../ports.ts'
import { inScope } from '../table-patterns.ts'
import { type CatalogueColumn, type CatalogueTable, readCatalogue } from './catalogue.ts'
import type { Session } from './connect.ts'
import type { ColumnPlan } from './decode/column-plan.ts'
import { initialValue } from './decode/initial-value.ts'
import type { PgTypes } from './decode/pg-type.ts'
import type { Relation } from './decode/pgoutput.ts'
import { planForgottenColumn } from './decode/plan-column.ts'
import { pgTypes, TYPES_BY_OID_SQL, type TypeRow } from './decode/type-catalogue.ts'
import { planCatalogueColumn } from './planned-table.ts'
import { alignRelation } from './relation-align.ts'
import { evidenceOf } from './relation-evidence.ts'

export type ResolvedRelation = {
  readonly source: SourceTable
  /** One per column of `source`, in its order, which is the order of the tuples. */
  readonly plans: readonly ColumnPlan[]
  /** Where the rows are now; null when the table is gone. Names by attnum. */
  readonly current: { readonly schema: string; readonly name: string; readonly columns: ReadonlyMap<number, string> } | null
  /** Null when it is as recorded. */
  readonly change: { readonly rewritten: boolean } | null
}

/**
 * Null for a table outside the scope. `xid` is the transaction whose change follows. Throws `SCHEMA` when the columns cannot
 * be told apart: nothing has been handed over or acknowledged then.
 */
export async function resolveRelation(
  session: Session,
  scope: SourceScope,
  { relation, xid, known }: { readonly relation: Relation; readonly xid: number; readonly known: readonly SourceTable[] },
): Promise<ResolvedRelation | null> {
  const name = tableName(relation.schema, relation.name)
  if (!inScope(scope.tables, name)) return null
  const oid = String(relation.oid)
  const [catalogue = null] = await readCatalogue(session, scope, [oid])
  const spelled = await spellTypes(session, relation)
  const typeOids = relation.columns.map((column) => column.typeOid)
  const types = pgTypes(await session.rows<TypeRow>(TYPES_BY_OID_SQL, [typeOids], 'Reading the types of a changed table'))
  const recorded = known.find((table) => table.id === oid) ?? known.find((table) => table.table === name) ?? null
  return describeRelation({ name, relation, xid, scope, catalogue, spelled, types, recorded })
}

export type RelationFacts = {
  readonly name: SourceTable['table']
  readonly relation: Relation
  readonly xid: number
  readonly scope: SourceScope
  readonly catalogue: CatalogueTable | null
  /** `format_type` of each relation column. */
  readonly spelled: readonly string[]
  readonly types: PgTypes
  readonly recorded: SourceTable | null
}

/** The pure part of `resolveRelation`. */
export function describeRelation(facts: RelationFacts): ResolvedRelation {
  const { name, relation, scope, catalogue, spelled, types, recorded } = facts
  const id = String(relation.oid)
  const same = recorded !== null && recorded.id === id ? recorded : null
  const { ids, guessed } = align(facts, same)
  const before = new Map((same?.columns ?? []).map((column) => [column.id, column]))
  const now = new Map((catalogue?.columns ?? []).map((column) => [column.id, column]))
  const plans: ColumnPlan[] = []
  let doubtful = false
  const columns = relation.columns.map((column, index): SourceColumn => {
    const columnId = ids[index] ?? 0
    const live = now.get(columnId)
    const sourceType = spelled[index] ?? ''
    const { typeOid, typmod } = column
    const recordedColumn = before.get(columnId)
    // A reserved name stops a run; once the column was renamed or dropped, what was written before goes on under another.
    const columnName = isReserved(column.name) ? (live?.name ?? `${column.name}_${columnId}`) : column.name
    const plan = types.has(typeOid)
      ? planCatalogueColumn(
          name,
          {
            id: columnId,
            name: columnName,
            typeOid,
            typmod,
            sourceType,
            notNull: live?.notNull ?? recordedColumn?.nullable === false,
          },
          types,
          scope,
        )
      : planForgottenColumn(
          { id: columnId, name: columnName, typeOid, sourceType: recordedColumn?.sourceType ?? 'a dropped type' },
          recordedColumn?.type ?? null,
          scope.onBadValue,
        )
    plans.push(plan)
    const details = described(name, { plan, typeOid }, types.has(typeOid) ? live : undefined, recordedColumn)
    if (details === null) doubtful = true
    return { ...plan.column, ...(details ?? described(name, { plan, typeOid }, undefined, recordedColumn)) }
  })
  const comment = catalogue === null ? same?.comment : (catalogue.comment ?? undefined)
  const source: SourceTable = {
    table: name,
    id,
    storage: catalogue?.storage ?? same?.storage ?? '',
    definition: catalogue?.definition ?? same?.definition ?? '',
    columns,
    key: keyOf(relation, ids, catalogue, same),
    identity: relation.identity,
    ...(comment === undefined ? {} : { comment }),
  }
  const current =
    catalogue === null
      ? null
      : {
          schema: catalogue.schema,
          name: catalogue.name,
          columns: new Map(catalogue.columns.map((column) => [column.id, column.name])),
        }
  return { source, plans, current, change: changeOf(recorded, source, guessed || doubtful) }
}

const isReserved = (name: string): boolean => (METADATA_COLUMNS as readonly string[]).includes(name)

function align(facts: RelationFacts, same: SourceTable | null): { readonly ids: readonly number[]; readonly guessed: boolean } {
  const { name, relation, spelled, catalogue, xid } = facts
  const known = same?.columns ?? null
  const alignment = alignRelation({
    relation: relation.columns.map((column, index) => ({ name: column.name, sourceType: spelled[index] ?? '' })),
    known,
    catalogue: catalogue?.columns ?? null,
    dropped: catalogue?.dropped.map((column) => column.id) ?? [],
    evidence: evidenceOf({
      live: catalogue?.columns ?? [],
      dropped: catalogue?.dropped ?? [],
      known: known === null ? null : new Set(known.map((column) => column.id)),
      xid,
    }),
  })
  // What transaction ids decided is likely but not proven: the table is read again.
  if ('ids' in alignment) return { ids: alignment.ids, guessed: !alignment.certain }
  throw new ConnectorError(
    'SCHEMA',
    `Table "${name}" was altered in a way that its log records do not explain: they list the columns ` +
      `(${relation.columns.map((column) => `"${column.name}"`).join(', ')}), which match the catalogue in more than one way or in none. ` +
      `Nothing of it was taken over. Run "portage resync" for the table`,
  )
}

/** Null when the default that a column was added with is of a type that it did not have yet, and cannot be read as the older one. */
function described(
  table: SourceTable['table'],
  shown: { readonly plan: ColumnPlan; readonly typeOid: number },
  live: CatalogueColumn | undefined,
  before: SourceColumn | undefined,
): Partial<SourceColumn> | null {
  const comment = live === undefined ? before?.comment : (live.comment ?? undefined)
  const initial =
    live === undefined
      ? before?.initial
      : live.missing === null
        ? undefined
        : initialOf(table, shown, { typeOid: live.typeOid, missing: live.missing })
  if (initial === null) return null
  return { ...(comment === undefined ? {} : { comment }), ...(initial === undefined ? {} : { initial }) }
}

function initialOf(
  table: SourceTable['table'],
  { plan, typeOid }: { readonly plan: ColumnPlan; readonly typeOid: number },
  { typeOid: now, missing }: { readonly typeOid: number; readonly missing: string },
): ReturnType<typeof initialValue> | null {
  if (typeOid === now || plan.column.type.kind === 'utf8') return initialValue(table, plan, missing)
  try {
    return initialValue(table, { ...plan, onBadValue: 'error' }, missing)
  } catch (error) {
    if (error instanceof ConnectorError) return null
    throw error
  }
}

/** The identity's columns are marked in the message; their order, and a key under identity full, are the catalogue's. */
function keyOf(
  relation: Relation,
  ids: readonly number[],
  catalogue: CatalogueTable | null,
  recorded: SourceTable | null,
): readonly number[] {
  const marked = ids.filter((_, index) => relation.columns[index]?.key)
  const byMark = relation.identity === 'default' || relation.identity === 'index'
  for (const key of [catalogue?.key, recorded?.key]) {
    if (key === undefined || !key.every((id) => ids.includes(id))) continue
    if (!byMark || marked.length === 0 || (key.length === marked.length && marked.every((id) => key.includes(id)))) return key
  }
  return byMark ? marked : []
}

function changeOf(recorded: SourceTable | null, now: SourceTable, guessed: boolean): ResolvedRelation['change'] {
  if (recorded === null) return { rewritten: false }
  const explained = recorded.storage === now.storage && recorded.definition === now.definition
  if (explained && shape(recorded) === shape(now)) return null
  const redefined = recorded.storage !== now.storage && recorded.definition !== now.definition
  return { rewritten: guessed || recorded.id !== now.id || redefined }
}

function shape(table: SourceTable): string {
  const columns = table.columns.map(({ id, name, type, sourceType, nullable, comment }) => [
    id,
    name,
    type,
    sourceType,
    nullable,
    comment,
  ])
  return JSON.stringify([table.table, table.id, columns, table.key, table.identity, table.comment])
}

async function spellTypes(session: Session, relation: Relation): Promise<readonly string[]> {
  const rows = await session.rows<{ spelled: string | null }>(
    /* sql */ `select format_type(c.oid, c.typmod) as spelled from unnest($1::oid[], $2::int4[]) with ordinality c(oid, typmod, n) order by n`,
    [relation.columns.map((column) => column.typeOid), relation.columns.map((column) => column.typmod)],
    'Reading the types of a changed table',
  )
  return rows.map((row) => row.spelled ?? '')
}
