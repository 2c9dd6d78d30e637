/** From what is registered to what should be, table by table. Pure: what must be asked of the account is asked in between. */
import type { RegisterRequest, RelationSql, TableRegistration } from '../ports.ts'
import {
  type Aliases,
  type FoundColumn,
  type PartFiles,
  partFiles,
  type StoredColumn,
  scanOf,
  storedColumns,
} from './external-table.ts'
import type { Ledger, LedgerTable } from './ledger.ts'
import { currentRule, historyRule, PARTS, type Part, qualified } from './names.ts'
import { hash, type PartChange, planPart, stateOf } from './plan-part.ts'
import type { Policy } from './policies.ts'
import { grantStatements, type RelationView, relationViews, ruleStatement } from './relation-views.ts'
import type { StagePlace } from './stage.ts'

/** A table that is not as the request wants it, and what must be known to change that. */
export type TableDraft = {
  readonly table: TableRegistration
  readonly old: LedgerTable | undefined
  readonly columns: readonly StoredColumn[]
  readonly columnsHash: string
  readonly shape: string
  readonly views: readonly RelationView[]
  readonly relationsHash: string
  readonly files: Readonly<Record<Part, PartFiles>>
  readonly asks: {
    /** Parts whose registered files must be known. */
    readonly files: readonly Part[]
    /** Parts whose columns must be known. */
    readonly columns: readonly Part[]
    /** Views that exist and will be replaced: their policies must be known. */
    readonly policies: readonly string[]
  }
}

/** What the account answered. A part that is missing there is null. */
export type Findings = {
  readonly files: Readonly<Partial<Record<Part, ReadonlySet<string> | null>>>
  readonly columns: Readonly<Partial<Record<Part, readonly FoundColumn[]>>>
  readonly policies: ReadonlyMap<string, readonly Policy[]>
}

export type PlanOptions = {
  readonly stage: StagePlace
  readonly grants: readonly string[]
  /** Make and prove everything anew. */
  readonly everything: boolean
  /** A view of this integration has the name already. */
  readonly exists: (view: string) => boolean
}

export type PartPlan = {
  readonly part: Part
  /** Qualified and quoted. */
  readonly table: string
  readonly location: string
  readonly dated: boolean
  readonly columns: readonly StoredColumn[]
  readonly aliases: Aliases
  /** Paths from the bucket's root. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** What must be proven: files that the relations did not show before. */
  readonly proven: PartFiles
}

export type TablePlan = {
  readonly table: TableRegistration
  /** Before any file is touched: external tables and columns that are missing. */
  readonly prepare: readonly string[]
  readonly parts: readonly PartPlan[]
  /** What people see, replaced at last. */
  readonly show: readonly string[]
  /** Columns that nothing reads any more. */
  readonly tidy: readonly string[]
  /** External tables that nothing reads any more, as Snowflake keeps their names. */
  readonly retired: readonly string[]
  readonly entry: LedgerTable
  readonly filesAdded: number
  readonly filesRemoved: number
}

const requested = (table: TableRegistration): Readonly<Record<Part, TableRegistration['base'] | null>> => ({
  base: table.base,
  changes: table.changes,
  renewed: table.renewed?.files ?? null,
})

/** Null: the table is as it should be. Throws `SCHEMA`, `CONFIGURATION`. */
export function draftTable(
  request: RegisterRequest,
  table: TableRegistration,
  ledger: Ledger | null,
  options: PlanOptions,
): TableDraft | null {
  const old = ledger?.tables.get(table.relation)
  const columns = storedColumns(table.schema)
  const columnsHash = hash(JSON.stringify(columns))
  const wanted = requested(table)
  const files = Object.fromEntries(PARTS.map((part) => [part, partFiles(wanted[part] ?? [], options.stage)])) as Record<
    Part,
    PartFiles
  >
  const placeholder = { base: 'base', changes: 'changes' }
  const sql = request.relationSql(
    table,
    table.renewed === undefined ? placeholder : { ...placeholder, renewed: { base: 'renewed', changes: 'changes' } },
  )
  const views = relationViews(request, table, sql)
  const shape = hash([sql.current, sql.changes].join('\n'))
  const relationsHash = hash(views.map(({ definition }) => definition).join('\n'))
  const stale = PARTS.filter((part) => (old?.parts[part]?.state ?? stateOf([])) !== stateOf(files[part].keys()))
  const same =
    old !== undefined &&
    !options.everything &&
    stale.length === 0 &&
    old.columns === columnsHash &&
    old.rules.shape === shape &&
    old.relations === relationsHash
  if (same) return null
  const existing = PARTS.filter((part) => old?.parts[part] !== undefined)
  const made = options.everything || old?.relations !== relationsHash
  return {
    table,
    old,
    columns,
    columnsHash,
    shape,
    views,
    relationsHash,
    files,
    asks: {
      // Bases are never changed in place, so nobody needs to know what they hold.
      files: existing.filter((part) => options.everything || (part === 'changes' && stale.includes(part))),
      columns: options.everything || old?.columns !== columnsHash ? existing : [],
      policies: made ? views.map(({ name }) => name).filter(options.exists) : [],
    },
  }
}

export function planTable(request: RegisterRequest, draft: TableDraft, findings: Findings, options: PlanOptions): TablePlan {
  const { table, old, columns } = draft
  const baseMoves = PARTS.some(
    (part) => part === 'base' && old?.parts[part] !== undefined && old.parts[part].state !== stateOf(draft.files[part].keys()),
  )
  const changes = Object.fromEntries(
    PARTS.map((part) => [part, planPart(request, draft, findings, options, { part, baseMoves })]),
  ) as Record<Part, PartChange>
  const scan = (part: Part) => {
    const entry = changes[part].entry
    return scanOf(entry === undefined ? null : qualified(request.schema, entry.name), columns, entry?.aliases ?? {})
  }
  const sql = request.relationSql(table, {
    base: scan('base'),
    changes: scan('changes'),
    ...(table.renewed === undefined ? {} : { renewed: { base: scan('renewed'), changes: scan('changes') } }),
  })
  const rules = { shape: draft.shape, current: hash(sql.current), history: hash(sql.changes) }
  const all = Object.values(changes)
  return {
    table,
    prepare: all.flatMap(({ prepare }) => prepare),
    parts: all.flatMap(({ plan }) => plan ?? []),
    show: [...ruleStatements(request, draft, sql, rules, options), ...viewStatements(request, draft, findings, options)],
    tidy: all.flatMap(({ tidy }) => tidy),
    retired: all.flatMap(({ retired }) => retired),
    entry: {
      relation: table.relation,
      table: table.table,
      version: table.schema.version,
      commit: request.commit,
      parts: Object.fromEntries(
        PARTS.flatMap((part) => (changes[part].entry === undefined ? [] : [[part, changes[part].entry]])),
      ),
      columns: draft.columnsHash,
      rules,
      relations: draft.relationsHash,
    },
    filesAdded: all.reduce((sum, { added }) => sum + added, 0),
    filesRemoved: all.reduce((sum, { removed }) => sum + removed, 0),
  }
}

function ruleStatements(
  request: RegisterRequest,
  draft: TableDraft,
  sql: RelationSql,
  rules: LedgerTable['rules'],
  options: PlanOptions,
): readonly string[] {
  const { table, old } = draft
  const again = options.everything || old === undefined
  const statement = (name: string, body: string) => ruleStatement(request.schema, name, body, table, request.integration)
  return [
    ...(again || old.rules.current !== rules.current ? [statement(currentRule(table.relation), sql.current)] : []),
    ...(again || old.rules.history !== rules.history ? [statement(historyRule(table.relation), sql.changes)] : []),
  ]
}

function viewStatements(
  request: RegisterRequest,
  draft: TableDraft,
  findings: Findings,
  options: PlanOptions,
): readonly string[] {
  const { old, views, relationsHash } = draft
  if (!options.everything && old?.relations === relationsHash) return []
  return views.flatMap((view) => [
    view.statement({ known: options.exists(view.name), policies: findings.policies.get(view.name) ?? [] }),
    ...grantStatements(request.schema, view.name, options.grants),
  ])
}
