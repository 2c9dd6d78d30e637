/** Registrations planned without an account: what it would answer is given. */
import type { Position, TableName, TableSchema } from '../../../connectors/change.ts'
import type { RegisteredFile, RegisterRequest, TableRegistration } from '../../../connectors/ports.ts'
import { SNOWFLAKE_DIALECT } from '../../../connectors/snowflake/dialect.ts'
import type { Ledger } from '../../../connectors/snowflake/ledger.ts'
import { changeFiles } from '../../../connectors/snowflake/register-files.ts'
import {
  draftTable,
  type Findings,
  type PlanOptions,
  planTable,
  type TablePlan,
} from '../../../connectors/snowflake/registration-plan.ts'
import { relationSql } from '../../../integrations/register/view-sql.ts'
import { cut } from '../../support/warehouse-tables.ts'

export const STAGE = { bucket: 'bank', path: 'lake/' }

export const OPTIONS: PlanOptions = { stage: STAGE, grants: ['ANALYST'], everything: false, exists: () => false }

const root = 's3://bank/lake/raw/loans/public.loan'

export function baseFile(name: string, rows = 3, nulls: Readonly<Record<string, number>> = {}): RegisteredFile {
  return fileAt(`base/${name}/part-00000.parquet`, rows, nulls)
}

export function changeFile(day: string, name: string, rows = 2, nulls: Readonly<Record<string, number>> = {}): RegisteredFile {
  return fileAt(`changes/date=${day}/${name}.parquet`, rows, nulls)
}

function fileAt(path: string, rows: number, nulls: Readonly<Record<string, number>>): RegisteredFile {
  const address = `${root}/${path}`
  const columns = Object.fromEntries(Object.entries(nulls).map(([name, count]) => [name, { nulls: count }]))
  return { key: address.slice('s3://bank/lake/'.length), address, size: 1, sha256: '', rows, format: 'parquet', columns }
}

export const pathOf = ({ address }: RegisteredFile): string => address.slice('s3://bank/'.length)

export function tableOf(
  schema: TableSchema,
  base: readonly RegisteredFile[],
  changes: readonly RegisteredFile[],
  more: Partial<TableRegistration> = {},
): TableRegistration {
  const boundary = cut(10)
  return { table: 'public.loan' as TableName, relation: 'loan', schema, boundary, baseThrough: boundary, base, changes, ...more }
}

export function requestOf(commit: number, tables: readonly TableRegistration[]): RegisterRequest {
  return {
    integration: 'loans',
    schema: 'raw',
    commit,
    position: cut(1000) as Position,
    tables,
    relationSql: (table, scans) => relationSql(table, SNOWFLAKE_DIALECT, scans),
    readObject: async () => null,
    dryRun: true,
  }
}

const UNKNOWN: Findings = { files: {}, columns: {}, policies: new Map() }

/** The plan of the only table; null when nothing is to be done. */
export function planOf(
  request: RegisterRequest,
  ledger: Ledger | null,
  findings: Partial<Findings> = {},
  options: Partial<PlanOptions> = {},
): TablePlan | null {
  const all = { ...OPTIONS, ...options }
  const [table] = request.tables
  if (table === undefined) return null
  const draft = draftTable(request, table, ledger, all)
  return draft === null ? null : planTable(request, draft, { ...UNKNOWN, ...findings }, all)
}

/** The account's ledger after a plan was carried out. */
export function ledgerAfter(request: RegisterRequest, plan: TablePlan): Ledger {
  const { integration, commit, position } = request
  return { integration, commit, position, stage: '', tables: new Map([[plan.entry.relation, plan.entry]]), retired: plan.retired }
}

/** Every statement of a plan, in its order. */
export function statementsOf(plan: TablePlan, ledger: Ledger | null): readonly string[] {
  const existing = new Set(
    [...(ledger?.tables.values() ?? [])].flatMap(({ parts }) => Object.values(parts).map(({ name }) => `"RAW"."${name}"`)),
  )
  const phase = { plans: [plan], integration: 'loans', stage: STAGE, existing }
  return [...plan.prepare, ...changeFiles.statements(phase), ...plan.show, ...plan.tidy]
}
