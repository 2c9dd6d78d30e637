/**
 * What is registered, kept in the warehouse itself: a view `portage__<integration>` whose body lists the relations and whose comment
 * names the commit. People may select from it; we read it from `SHOW VIEWS`, which takes no virtual warehouse. Pure.
 */
import type { Position } from '../change.ts'
import { type Aliases, lineage, readLineage } from './external-table.ts'
import { ledgerName, PARTS, type Part, qualified, storedName, text } from './names.ts'

/** An external table of ours. */
export type LedgerPart = {
  /** As Snowflake keeps it. */
  readonly name: string
  readonly files: number
  /** Hash of the registered paths. */
  readonly state: string
  readonly location: string
  readonly dated: boolean
  readonly aliases: Aliases
}

export type LedgerTable = {
  readonly relation: string
  readonly table: string
  readonly version: number
  /** Commit at which something of it changed last. */
  readonly commit: number
  /** The commit that it shows, when that is not the ledger's: the table was refused since. */
  readonly behind?: number
  readonly parts: Readonly<Partial<Record<Part, LedgerPart>>>
  /** Hashes: of the external tables' columns; of the rules whatever tables they read, and of both views with them; of what people see. */
  readonly columns: string
  readonly rules: { readonly shape: string; readonly current: string; readonly history: string }
  readonly relations: string
}

export type Ledger = {
  readonly integration: string
  readonly commit: number
  readonly position: Position
  /** Hash of the stage's options. */
  readonly stage: string
  readonly tables: ReadonlyMap<string, LedgerTable>
  /** External tables that nobody reads any more; dropped by the next registration, so that running queries finish. */
  readonly retired: readonly string[]
}

/** A row of `SHOW VIEWS`. */
export type FoundView = { readonly name: string; readonly comment: string | null; readonly text: string | null }

export function ledgerStatement(schema: string, ledger: Ledger, at: Date, known: boolean): string {
  const { integration, commit, position, stage, retired } = ledger
  const rows = [...ledger.tables.values()].map((table) => {
    const { relation, table: source, version, commit: since, ...state } = table
    return `  (${text(relation)}, ${text(source)}, ${version}, ${since}, ${text(JSON.stringify(state))})`
  })
  const columns = '"RELATION", "SOURCE_TABLE", "SCHEMA_VERSION", "CHANGED_AT_COMMIT", "STATE"'
  const none = 'SELECT NULL, NULL, NULL, NULL, NULL WHERE FALSE'
  const said = `Integration ${integration} is registered up to its commit ${commit}, at ${at.toISOString()}.`
  const comment = `${said} ${JSON.stringify({ ...(JSON.parse(lineage({ integration, commit, position, stage })) as object), retired })}`
  return [
    `CREATE OR REPLACE VIEW ${qualified(schema, ledgerName(integration))} (${columns})${known ? ' COPY GRANTS' : ''}`,
    `COMMENT = ${text(comment)}`,
    'AS',
    rows.length === 0 ? none : `SELECT * FROM (VALUES\n${rows.join(',\n')}\n) AS t (${columns})`,
  ].join('\n')
}

/** Null when the view is no ledger, or one that nobody understands any more: then everything is registered anew. */
export function readLedger(view: FoundView): Ledger | null {
  const said = readLineage(view.comment)
  const integration = said?.integration
  if (typeof integration !== 'string' || storedName(ledgerName(integration)) !== view.name) return null
  const { commit, position, stage, retired } = said as Record<string, unknown>
  if (typeof commit !== 'number' || typeof position !== 'string') return null
  const tables = new Map<string, LedgerTable>()
  for (const values of ledgerRows(view.text ?? '')) {
    const table = ledgerTable(values)
    if (table !== null) tables.set(table.relation, table)
  }
  const names = Array.isArray(retired) ? retired.filter((each) => typeof each === 'string') : []
  return {
    integration,
    commit,
    position: position as Position,
    stage: typeof stage === 'string' ? stage : '',
    tables,
    retired: names,
  }
}

function ledgerTable([relation, table, version, commit, state]: readonly string[]): LedgerTable | null {
  try {
    const { parts, columns, rules, relations, behind } = JSON.parse(state ?? '') as LedgerTable
    if (typeof relation !== 'string' || typeof table !== 'string' || typeof parts !== 'object') return null
    const late = typeof behind === 'number' ? { behind } : {}
    return { relation, table, version: Number(version), commit: Number(commit), parts, columns, rules, relations, ...late }
  } catch {
    return null
  }
}

/** The constants of each line of the view's `VALUES`. */
function ledgerRows(body: string): readonly (readonly string[])[] {
  return body.split('\n').flatMap((line) => {
    if (!/^\s*\('/.test(line)) return []
    const constants = line.matchAll(/'((?:[^'\\]|''|\\.)*)'|(?<=[(,]\s*)(-?\d+)(?=\s*[,)])/g)
    return [[...constants].map(([, quotedText, number]) => (quotedText === undefined ? (number ?? '') : unescaped(quotedText)))]
  })
}

const unescaped = (body: string): string =>
  body.replace(/''|\\(.)/gs, (all, escaped: string | undefined) => (all === "''" ? "'" : (escaped ?? '')))

export const ledgerParts = (table: LedgerTable): readonly (readonly [Part, LedgerPart])[] =>
  PARTS.flatMap((part) => (table.parts[part] === undefined ? [] : [[part, table.parts[part]] as const]))

/** By relation, those that stayed as they were, and as of which commit. */
export const behindOf = ({ tables }: Ledger): ReadonlyMap<string, number> =>
  new Map([...tables.values()].flatMap(({ relation, behind }) => (behind === undefined ? [] : [[relation, behind] as const])))

/** What is recorded of a table that is left as it is although the ledger goes on. */
export const leftBehind = (entry: LedgerTable, { commit }: Ledger): LedgerTable => ({ ...entry, behind: entry.behind ?? commit })

/** What is recorded of a table that is as of the ledger's commit. */
export function upToDate({ behind: _, ...entry }: LedgerTable): LedgerTable {
  return entry
}
