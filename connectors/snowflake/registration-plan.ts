/** From what is registered to what should be, table by table. Pure: what must be asked of the account is asked in between. */
import { createHash } from 'node:crypto'
import type { RegisterRequest, RelationSql, TableRegistration } from '../ports.ts'
import {
  type Aliases,
  addColumn,
  columnChanges,
  createExternalTable,
  dropColumn,
  type FoundColumn,
  type PartFiles,
  type PartPlace,
  partFiles,
  partPlace,
  type StoredColumn,
  scanOf,
  storedColumns,
} from './external-table.ts'
import type { Ledger, LedgerPart, LedgerTable } from './ledger.ts'
import { currentRule, historyRule, PARTS, type Part, partName, qualified, storedName } from './names.ts'
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

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

const requested = (table: TableRegistration): Readonly<Record<Part, TableRegistration['base'] | null>> => ({
  base: table.base,
  changes: table.changes,
  renewed: table.renewed?.files ?? null,
})

const stateOf = (paths: Iterable<string>): string => hash([...paths].sort().join('\n'))

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
  const relationsHash = hash([...views.map(({ definition }) => definition), ...options.grants].join('\n'))
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

type PartChange = {
  readonly plan: PartPlan | null
  readonly entry: LedgerPart | undefined
  readonly prepare: readonly string[]
  readonly tidy: readonly string[]
  readonly retired: readonly string[]
  readonly added: number
  readonly removed: number
}

const NO_CHANGE = { plan: null, prepare: [], tidy: [], retired: [], added: 0, removed: 0 }

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

/**
 * Files come and go in place where readers see the same rows at every step; else a new external table takes the old one's place
 * when the views are replaced.
 */
function planPart(
  request: RegisterRequest,
  draft: TableDraft,
  findings: Findings,
  { stage, everything }: PlanOptions,
  { part, baseMoves }: { readonly part: Part; readonly baseMoves: boolean },
): PartChange {
  const { table } = draft
  const files = draft.files[part]
  const old = draft.old?.parts[part]
  const known = old === undefined ? new Set<string>() : findings.files[part]
  const place = partPlace(table, part, files, stage)
  if (old === undefined) {
    return place === null
      ? { ...NO_CHANGE, entry: undefined }
      : made(request, draft, part, place, { known: new Set(), trusted: new Set(), removed: 0 })
  }
  const stale = old.state !== stateOf(files.keys())
  if (part === 'renewed' && table.renewed === undefined) {
    return { ...NO_CHANGE, entry: undefined, retired: [old.name], removed: old.files }
  }
  const missing = known === null
  const listed = known ?? null
  // A registration that died between adding and proving, or somebody else: nothing there is known to be right.
  const trusted = listed !== null && stateOf(listed) === old.state && !everything ? listed : new Set<string>()
  const removed = listed === null ? [] : [...listed].filter((path) => !files.has(path))
  const inside = place === null || (place.location.startsWith(old.location) && (place.dated || !old.dated))
  const keyless = table.schema.key.length === 0
  const swaps = part === 'changes' ? removed.length > 0 && (keyless || baseMoves) : stale
  if (missing || !inside || swaps) {
    if (place === null) return { ...NO_CHANGE, entry: undefined, retired: [old.name], removed: old.files }
    const gone = listed === null ? (stale ? old.files : 0) : removed.length
    const change = made(request, draft, part, place, { known: listed ?? new Set(), trusted, removed: gone }, old.name)
    return missing ? change : { ...change, retired: [old.name] }
  }
  const name = qualified(request.schema, old.name)
  const found = findings.columns[part]
  const changed = found === undefined ? null : columnChanges(draft.columns, found, old.aliases)
  const added = listed === null ? [] : [...files.keys()].filter((path) => !listed.has(path))
  const aliases = changed?.aliases ?? old.aliases
  const proven = listed === null ? new Map() : new Map([...files].filter(([path]) => !trusted.has(path)))
  return {
    entry: { ...old, files: files.size, state: stateOf(files.keys()), aliases },
    prepare: (changed?.added ?? []).map((column) => addColumn(name, column)),
    tidy: (changed?.dropped ?? []).map((column) => dropColumn(name, column)),
    retired: [],
    added: added.length,
    removed: removed.length,
    plan: {
      part,
      table: name,
      location: old.location,
      dated: old.dated,
      columns: draft.columns,
      aliases,
      added,
      removed,
      proven,
    },
  }
}

function made(
  request: RegisterRequest,
  draft: TableDraft,
  part: Part,
  place: PartPlace,
  before: { readonly known: ReadonlySet<string>; readonly trusted: ReadonlySet<string>; readonly removed: number },
  oldName?: string,
): PartChange {
  const { table, columns } = draft
  const files = draft.files[part]
  const plain = partName(table.relation, part, String(request.commit))
  // A repair of the commit that made the table: its readers keep it until the swap.
  const name = storedName(plain) === oldName ? `${plain}r` : plain
  const fresh = [...files.keys()].filter((path) => !before.known.has(path))
  const { location, dated } = place
  return {
    entry: { name: storedName(name), files: files.size, state: stateOf(files.keys()), location, dated, aliases: {} },
    prepare: [createExternalTable(request, table, name, columns, place)],
    tidy: [],
    retired: [],
    added: fresh.length,
    removed: before.removed,
    plan: {
      part,
      table: qualified(request.schema, name),
      location,
      dated,
      columns,
      aliases: {},
      added: [...files.keys()],
      removed: [],
      proven: new Map([...files].filter(([path]) => !before.trusted.has(path))),
    },
  }
}
