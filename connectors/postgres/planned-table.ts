/** A catalogue table as the port describes it, with the plan of how each column travels. */
import { METADATA_COLUMNS, type SourceColumn, type SourceTable, tableName } from '../change.ts'
import { ConnectorError } from '../errors.ts'
import type { SourceScope } from '../ports.ts'
import { type CatalogueColumn, type CatalogueTable, readCatalogue } from './catalogue.ts'
import type { Session } from './connect.ts'
import type { ColumnPlan } from './decode/column-plan.ts'
import { initialValue } from './decode/initial-value.ts'
import type { PgTypes } from './decode/pg-type.ts'
import { planColumn } from './decode/plan-column.ts'
import { pgTypes, TYPES_SQL, type TypeRow } from './decode/type-catalogue.ts'

export type PlannedTable = {
  readonly source: SourceTable
  /** One per column of `source`, in its order. */
  readonly plans: readonly ColumnPlan[]
  readonly catalogue: CatalogueTable
}

/** Which of the catalogue's tables are left out. */
export type LeaveOut = (table: CatalogueTable) => boolean

/** The tables of the scope as they are now, without those left out. Throws `SCHEMA` for names that cannot be carried, `CONFIGURATION` for types that cannot. */
export async function readPlannedTables(
  session: Session,
  scope: SourceScope,
  leaveOut: LeaveOut = () => false,
): Promise<readonly PlannedTable[]> {
  const { tables, types } = await readTypedCatalogue(session, scope, leaveOut)
  return tables.map((table) => planTable(table, types, scope))
}

const READ_ATTEMPTS = 5

/** The scope's tables as they are now, without those left out, and the types of their columns. */
export async function readTypedCatalogue(
  session: Session,
  scope: SourceScope,
  leaveOut: LeaveOut = () => false,
): Promise<{ readonly tables: readonly CatalogueTable[]; readonly types: PgTypes }> {
  for (let attempt = 1; ; attempt++) {
    const tables = (await readCatalogue(session, scope)).filter((table) => !leaveOut(table))
    const types = await readTypes(
      session,
      tables.map((table) => table.oid),
    )
    // Two statements, two snapshots: a column that was altered in between has a type that the second did not look for.
    const known = tables.every(({ columns }) => columns.every(({ typeOid }) => types.has(typeOid)))
    if (known || attempt === READ_ATTEMPTS) return { tables, types }
  }
}

export async function readTypes(session: Session, oids: readonly string[]): Promise<PgTypes> {
  return pgTypes(await session.rows<TypeRow>(TYPES_SQL, [oids], 'Reading the types of the catalogue'))
}

/** The description and plans of one table. Throws `SCHEMA` when it cannot be carried. */
export function planTable(catalogue: CatalogueTable, types: PgTypes, scope: SourceScope): PlannedTable {
  const problem = schemaProblems(catalogue)[0]
  const name = tableName(catalogue.schema, catalogue.name)
  if (problem !== undefined) throw new ConnectorError('SCHEMA', `Table "${name}" ${problem.problem}. ${problem.cure}`)
  return describeTable(catalogue, types, scope)
}

/** The same for looking at a table that may not be carried as it is. */
export function describeTable(catalogue: CatalogueTable, types: PgTypes, scope: SourceScope): PlannedTable {
  const name = tableName(catalogue.schema, catalogue.name)
  const plans = catalogue.columns.map((column) => planCatalogueColumn(name, column, types, scope))
  const source: SourceTable = {
    table: name,
    id: catalogue.oid,
    storage: catalogue.storage,
    definition: catalogue.definition,
    columns: catalogue.columns.map((column, index) => described(name, column, plans[index])),
    key: catalogue.key,
    identity: catalogue.identity,
    ...(catalogue.comment === null ? {} : { comment: catalogue.comment }),
  }
  return { source, plans, catalogue }
}

/** How a column travels under the scope's choices for `schema.table.column`. */
export function planCatalogueColumn(
  table: SourceTable['table'],
  column: Pick<CatalogueColumn, 'id' | 'name' | 'typeOid' | 'typmod' | 'sourceType' | 'notNull'>,
  types: PgTypes,
  scope: SourceScope,
): ColumnPlan {
  const { id, name, typeOid, typmod, sourceType, notNull } = column
  return planColumn({ id, name, typeOid, typmod, sourceType, nullable: !notNull }, types, {
    table,
    options: scope.columns.get(`${table}.${name}`),
    onBadValue: scope.onBadValue,
  })
}

function described(table: SourceTable['table'], column: CatalogueColumn, plan: ColumnPlan | undefined): SourceColumn {
  if (plan === undefined) throw new ConnectorError('INTERNAL', `Column "${column.name}" has no plan`)
  return {
    ...plan.column,
    ...(column.comment === null ? {} : { comment: column.comment }),
    ...(column.missing === null ? {} : { initial: initialValue(table, plan, column.missing) }),
  }
}

/** What keeps a table from being carried, each with its cure. */
export function schemaProblems(table: CatalogueTable): readonly { readonly problem: string; readonly cure: string }[] {
  const name = `${table.schema}.${table.name}`
  const problems: { problem: string; cure: string }[] = []
  for (const column of table.columns) {
    if (!(METADATA_COLUMNS as readonly string[]).includes(column.name)) continue
    problems.push({
      problem: `has a column "${column.name}", a name that Portage keeps for its own metadata`,
      cure: `Rename it in the source, or leave the table out with "!${name}" under source.tables`,
    })
  }
  const generatedKey = table.key.find((id) => !table.columns.some((column) => column.id === id))
  if (generatedKey !== undefined) {
    problems.push({
      problem: 'has a generated column in its key, which the log does not carry',
      cure: `Choose another unique index with "alter table ${name} replica identity using index …", or leave the table out with "!${name}"`,
    })
  }
  return problems
}
