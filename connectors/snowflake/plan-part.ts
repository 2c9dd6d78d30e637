/** One part of a table (base, changes, renewed base): what becomes of its external table. Pure. */
import { createHash } from 'node:crypto'
import type { RegisterRequest } from '../ports.ts'
import { addColumn, columnChanges, createExternalTable, dropColumn, type PartPlace, partPlace } from './external-table.ts'
import type { LedgerPart } from './ledger.ts'
import { type Part, partName, qualified, storedName } from './names.ts'
import type { Findings, PartPlan, PlanOptions, TableDraft } from './registration-plan.ts'

export const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** Equal for equal lists of files. */
export const stateOf = (paths: Iterable<string>): string => hash([...paths].sort().join('\n'))

export type PartChange = {
  readonly plan: PartPlan | null
  readonly entry: LedgerPart | undefined
  readonly prepare: readonly string[]
  readonly tidy: readonly string[]
  readonly retired: readonly string[]
  readonly added: number
  readonly removed: number
}

const NO_CHANGE = { plan: null, prepare: [], tidy: [], retired: [], added: 0, removed: 0 }

/**
 * Files come and go in place where readers see the same rows at every step; else a new external table takes the old one's place
 * when the views are replaced.
 */
export function planPart(
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
    return {
      ...made(request, draft, part, place, { known: listed ?? new Set(), trusted, removed: gone }, old.name),
      retired: [old.name],
    }
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
  before: {
    readonly known: ReadonlySet<string>
    readonly trusted: ReadonlySet<string>
    readonly removed: number
  },
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
