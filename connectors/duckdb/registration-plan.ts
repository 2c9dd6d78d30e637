/** From what is registered to what should be: the statements of one registration, table by table. Pure. */
import { ConnectorError } from '../errors.ts'
import type { RegisteredFile, RegisterRequest, TableRegistration } from '../ports.ts'
import {
  forgetRelation,
  LEDGER_SCHEMA,
  type Ledger,
  type LedgerRelation,
  PARTS,
  type Part,
  recordFiles,
  recordRelation,
} from './ledger.ts'
import { identifier, text } from './quote.ts'
import { refusal, scanSql } from './scan.ts'

export type Change = {
  /** What an analyst would see change: views made, replaced and dropped, and their comments. */
  readonly statements: readonly string[]
  /** Book-keeping that goes with them. */
  readonly ledger: readonly string[]
  readonly filesAdded: number
  readonly filesRemoved: number
}

export type TableChange = Change & {
  /** Files that were not registered before. */
  readonly newFiles: readonly RegisteredFile[]
}

/** The files that a part's view lists. A table without a renewed base has no views of the last two parts. */
function partFiles(table: TableRegistration, part: Part): readonly RegisteredFile[] {
  if (part === 'renewed') return table.renewed?.files ?? []
  return part === 'recent' ? (table.renewed?.recent ?? []) : table[part]
}

const isShown = (table: TableRegistration, part: Part): boolean =>
  table.renewed !== undefined || part === 'base' || part === 'changes'

/** The schema, and relations that are not asked for any more. */
export function planPlace(request: RegisterRequest, before: Ledger): Change {
  const statements: string[] = [`create schema if not exists ${identifier(request.schema)}`]
  const ledger: string[] = []
  let filesRemoved = 0
  const wanted = new Set([...request.tables.map((table) => table.relation), ...(request.kept ?? [])])
  for (const [relation, old] of before.relations) {
    if (wanted.has(relation)) continue
    statements.push(...dropRelation(request.schema, relation))
    ledger.push(...forgetRelation(request, relation))
    filesRemoved += old.files.base.size + old.files.changes.size + old.files.renewed.size
  }
  return { statements, ledger, filesAdded: 0, filesRemoved }
}

/** With `everything`, views that are already right are made again and all files count as new: a repair. Throws `CONFIGURATION`, `UNSUPPORTED`. */
export function planTable(request: RegisterRequest, table: TableRegistration, before: Ledger, everything: boolean): TableChange {
  const error = refusal(table)
  if (error !== null) throw error
  refuseForeign(request, table, before)
  const recorded = before.relations.get(table.relation)
  const old = everything ? undefined : recorded
  const definition = relationStatements(request, table)
  // The types of the scan belong to it: a wider column must make the views anew.
  const shape = JSON.stringify([...definition, scanSql(table.schema, [])])
  const redefined = old?.definition !== shape
  const statements: string[] = []
  const ledger: string[] = []
  const newFiles: RegisteredFile[] = []
  let [filesAdded, filesRemoved] = [0, 0]
  for (const part of PARTS) {
    const change = fileChange(table, part, recorded)
    const files = partFiles(table, part)
    if (part !== 'recent') {
      newFiles.push(...(everything ? files : change.added))
      filesAdded += change.added.length
      filesRemoved += change.removed.length
    }
    if (redefined || change.added.length + change.removed.length > 0) {
      const view = scanView(request.schema, table.relation, part)
      if (isShown(table, part)) statements.push(`create or replace view ${view} as ${scanSql(table.schema, files)}`)
      ledger.push(...recordFiles(request, table.relation, part, change))
    }
  }
  if (redefined) {
    statements.push(...definition)
    ledger.push(recordRelation(request, table.relation, table.table, shape))
  }
  return { statements, ledger, newFiles, filesAdded, filesRemoved }
}

export function dropRelation(schema: string, relation: string): readonly string[] {
  return [
    ...[relation, `${relation}_changes`].map((name) => `drop view if exists ${identifier(schema)}.${identifier(name)}`),
    ...PARTS.map((part) => `drop view if exists ${scanView(schema, relation, part)}`),
  ]
}

/** The view that holds a table's file list, so that the relations themselves stay short and stable. */
function scanView(schema: string, relation: string, part: Part): string {
  return `${LEDGER_SCHEMA}.${identifier(`${schema}.${relation}.${part}`)}`
}

function relationStatements(request: RegisterRequest, table: TableRegistration): readonly string[] {
  const scan = (part: Part) => scanView(request.schema, table.relation, part)
  const renewed = table.renewed === undefined ? {} : { renewed: { base: scan('renewed'), changes: scan('recent') } }
  const sql = request.relationSql(table, { base: scan('base'), changes: scan('changes'), ...renewed })
  const view = (name: string) => `${identifier(request.schema)}.${identifier(name)}`
  const current = view(table.relation)
  const changes = view(`${table.relation}_changes`)
  const purpose = `rows of ${table.table} (integration ${request.integration})`
  return [
    `create or replace view ${current} as\n${sql.current}`,
    `create or replace view ${changes} as\n${sql.changes}`,
    `comment on view ${current} is ${text(table.schema.comment ?? `Current ${purpose}`)}`,
    `comment on view ${changes} is ${text(`Every change to ${purpose}`)}`,
    ...[...sql.comments].flatMap(([column, comment]) =>
      [current, changes].map((name) => `comment on column ${name}.${identifier(column)} is ${text(comment)}`),
    ),
  ]
}

function fileChange(table: TableRegistration, part: Part, old: LedgerRelation | undefined) {
  const known = old?.files[part] ?? new Map<string, string>()
  const files = partFiles(table, part)
  const live = new Set(files.map((file) => file.address))
  return {
    added: files.filter((file) => !known.has(file.address)),
    removed: [...known.keys()].filter((address) => !live.has(address)),
  }
}

function refuseForeign(request: RegisterRequest, { relation }: TableRegistration, before: Ledger): void {
  for (const name of [relation, `${relation}_changes`]) {
    const integration = before.foreign.get(name.toLowerCase())
    if (integration === undefined) continue
    throw new ConnectorError(
      'CONFIGURATION',
      `Relation "${request.schema}.${name}" already belongs to the integration "${integration}". Give "${request.integration}" another schema under "register"`,
    )
  }
}
