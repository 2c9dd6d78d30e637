/** What the log says: the fold of its commits. Pure; every rule of the log is enforced here, for readers and writers alike. */
import type { Position, TableName, TableSchema } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { Commit, CommitKind, FileEntry, LogState, SnapshotStep, TableCommit, TableState } from './commit.ts'
import { acceptance, shownFiles } from './shown.ts'

/** Before the first commit. */
export const EMPTY_STATE: LogState = {
  number: 0,
  position: null,
  source: null,
  through: null,
  tables: {},
  counts: { transactions: 0, changes: 0, rejects: 0 },
  claim: null,
}

/** Kinds that any writer may commit; all others need the newest claim. */
const UNCLAIMED: ReadonlySet<CommitKind> = new Set(['claim', 'intent', 'maintenance'])

export const needsClaim = (kind: CommitKind): boolean => !UNCLAIMED.has(kind)

/** The state after the commit. Throws `CORRUPT` when the commit breaks a rule of the log; the state is unchanged. */
export function applyCommit(state: LogState, commit: Commit): LogState {
  const check = checker(`Commit ${commit.number} of integration "${commit.integration}"`)
  check(commit.number === state.number + 1, `follows commit ${state.number}, expected number ${state.number + 1}`)
  check(
    commit.previous === state.position,
    `starts at position ${commit.previous}, expected ${state.position}, where the commit before it ended`,
  )
  check(
    state.position === null || (commit.position !== null && commit.position >= state.position),
    `goes back from position ${state.position} to ${commit.position}`,
  )
  check(
    !needsClaim(commit.kind) || commit.writer === state.claim,
    `was written by "${commit.writer}" while the log belongs to ${state.claim === null ? 'nobody' : `"${state.claim}"`}`,
  )
  const tables: Record<TableName, TableState> = { ...state.tables }
  for (const [name, change] of Object.entries(commit.tables)) {
    const table = name as TableName
    const next = applyTable(tables[table], change, checker(`Commit ${commit.number}, table "${table}"`))
    if (next === null) delete tables[table]
    else tables[table] = next
  }
  return {
    number: commit.number,
    position: commit.position,
    source: commit.source,
    through: commit.through,
    tables,
    counts: {
      transactions: state.counts.transactions + commit.counts.transactions,
      changes: state.counts.changes + commit.counts.changes,
      rejects: state.counts.rejects + commit.counts.rejects,
    },
    claim: commit.kind === 'claim' ? commit.writer : state.claim,
    ...vacuumedBelow(state, commit, check),
  }
}

function vacuumedBelow({ vacuumed }: LogState, commit: Commit, check: Check): Pick<LogState, 'vacuumed'> {
  if (commit.vacuumed === undefined) return vacuumed === undefined ? {} : { vacuumed }
  check(commit.vacuumed.below <= commit.number, `vacuums states up to commit ${commit.vacuumed.below}, later than itself`)
  return { vacuumed: Math.max(vacuumed ?? 0, commit.vacuumed.below) }
}

type Check = (holds: boolean, problem: string) => void

const checker =
  (subject: string): Check =>
  (holds, problem) => {
    if (holds) return
    throw new ConnectorError('CORRUPT', `${subject} ${problem}. Something else wrote to the log; restore it from a backup`)
  }

function applyTable(before: TableState | undefined, change: TableCommit, check: Check): TableState | null {
  const kept = change.dropped ? undefined : before
  const schema = nextSchema(kept?.schema, change.schema, check)
  if (schema === undefined) {
    check(change.dropped === true, 'has no schema yet')
    check(change.added === undefined && change.snapshot === undefined, 'adds files to a table that it drops')
    return null
  }
  const versions = { ...kept?.versions, [schema.version]: schema }
  const lists = change.removed === undefined ? fileLists(kept) : withoutRemoved(fileLists(kept), change.removed, check)
  const added = change.added ?? []
  checkAdded(added, lists, versions, check)
  const addedBase = added.filter(({ part }) => part === 'base')
  check(
    change.snapshot !== undefined || addedBase.length === 0 || lists.base !== null,
    'adds base files outside a snapshot although it has no base',
  )
  const changes = [...lists.changes, ...added.filter(({ part }) => part === 'changes')]
  const { base, pending } =
    change.snapshot === undefined
      ? { base: maintainedBase({ ...lists, changes }, change, addedBase, check), pending: lists.pending }
      : applySnapshot(lists, change.snapshot, addedBase, check)
  const live = {
    schema,
    versions,
    storage: change.snapshot?.start?.storage ?? change.storage ?? kept?.storage ?? null,
    base,
    pending,
    changes,
  }
  return { ...live, ...acceptance(kept, change, live, check) }
}

/** Versions rise by one; the file columns only grow, so that a file's columns are always the first of any later version's. */
function nextSchema(before: TableSchema | undefined, next: TableSchema | undefined, check: Check): TableSchema | undefined {
  if (next === undefined) return before
  check(next.version === (before?.version ?? 0) + 1, `brings schema version ${next.version} after ${before?.version ?? 0}`)
  const names = next.columns.map(({ physical }) => physical)
  check(new Set(names).size === names.length, `schema version ${next.version} has two columns of one physical name`)
  for (const [index, { physical }] of (before?.columns ?? []).entries()) {
    check(names[index] === physical, `schema version ${next.version} moves or removes the physical column "${physical}"`)
  }
  check(
    next.key.every((key) => names.includes(key)),
    `schema version ${next.version} has a key column that it lacks`,
  )
  return next
}

type FileLists = Pick<TableState, 'base' | 'pending' | 'changes'>

const fileLists = (table: TableState | undefined): FileLists => table ?? { base: null, pending: null, changes: [] }

const everyFile = ({ base, pending, changes }: FileLists): readonly FileEntry[] => [
  ...(base?.files ?? []),
  ...(base?.renewed?.files ?? []),
  ...(pending?.files ?? []),
  ...changes,
]

function withoutRemoved(lists: FileLists, removed: readonly string[], check: Check): FileLists {
  const gone = new Set(removed)
  const live = everyFile(lists).filter(({ key }) => gone.has(key))
  check(live.length === removed.length, `removes ${removed.length} files, of which ${live.length} are live`)
  const stay = (files: readonly FileEntry[]) => files.filter(({ key }) => !gone.has(key))
  const { base } = lists
  const renewed = base?.renewed === undefined ? {} : { renewed: { ...base.renewed, files: stay(base.renewed.files) } }
  return {
    base: base === null ? null : { ...base, files: stay(base.files), ...renewed },
    pending: lists.pending === null ? null : { ...lists.pending, files: stay(lists.pending.files) },
    changes: stay(lists.changes),
  }
}

function checkAdded(added: readonly FileEntry[], lists: FileLists, versions: TableState['versions'], check: Check): void {
  if (added.length === 0) return
  const keys = new Set<string>()
  for (const { key, schemaVersion, minPosition, maxPosition } of added) {
    check(!keys.has(key), `adds the file "${key}" twice`)
    keys.add(key)
    check(schemaVersion in versions, `adds a file of schema version ${schemaVersion}, which is unknown`)
    check(minPosition <= maxPosition, `adds the file "${key}" with positions in the wrong order`)
  }
  // The live files are many and the added ones few: look for the many among the few.
  for (const files of [lists.base?.files ?? [], lists.base?.renewed?.files ?? [], lists.pending?.files ?? [], lists.changes]) {
    const taken = files.find(({ key }) => keys.has(key))
    check(taken === undefined, `adds the file "${taken?.key}" twice`)
  }
}

/** The base after a commit that is no step of a snapshot. `lists` are without what the commit removes. */
function maintainedBase(
  { base, changes }: FileLists,
  { renewed, history }: TableCommit,
  files: readonly FileEntry[],
  check: Check,
): FileLists['base'] {
  check(renewed === undefined || history === undefined, 'renews its base and shortens its history at once')
  check(base !== null || (renewed === undefined && history === undefined), 'renews a base that it does not have')
  if (base === null) return null
  if (renewed !== undefined) {
    const { boundary } = renewed
    check(boundary > base.boundary, `renews its base at ${boundary}, not after ${base.boundary}`)
    check(boundary >= (base.renewed?.boundary ?? boundary), 'renews its base at an earlier cut than before')
    check((base.renewed?.files ?? []).length === 0, 'renews its base and keeps files of the one before')
    check(
      files.every(({ maxPosition }) => maxPosition <= boundary),
      `renews its base with rows beyond ${boundary}`,
    )
    return { ...base, renewed: { boundary, files } }
  }
  if (history === undefined) return files.length === 0 ? base : { ...base, files: [...base.files, ...files] }
  const { from } = history
  check(from > base.boundary, `lets history begin at ${from}, not after ${base.boundary}`)
  check(base.files.length === 0, 'lets history begin later and keeps older base files')
  check(
    changes.every(({ minPosition }) => minPosition > from),
    `lets history begin at ${from} and keeps changes from before`,
  )
  const kept = base.renewed !== undefined && base.renewed.boundary > from
  check(kept || (base.renewed?.files ?? []).length === 0, 'lets history begin beyond its renewed base')
  return { generation: base.generation, boundary: from, files, ...(kept ? { renewed: base.renewed } : {}) }
}

function applySnapshot(
  lists: FileLists,
  step: SnapshotStep,
  files: readonly FileEntry[],
  check: Check,
): Pick<TableState, 'base' | 'pending'> {
  const { generation, start } = step
  const known = lists.pending?.generation === generation ? lists.pending : null
  const newest = Math.max(lists.base?.generation ?? 0, lists.pending?.generation ?? 0)
  check(start === undefined || generation > newest, `starts snapshot generation ${generation} after ${newest}`)
  check(start !== undefined || known !== null, `continues snapshot generation ${generation}, which is not under way`)
  const begun = start === undefined ? known : { generation, ...start, done: {}, files: [] }
  if (begun === null) return lists
  const planned = new Set(begun.plan.map(({ id }) => id))
  for (const id of Object.keys(step.done)) {
    check(planned.has(id), `finishes the chunk "${id}", which is not in the plan`)
    check(!(id in begun.done), `finishes the chunk "${id}" twice`)
  }
  const pending = { ...begun, done: { ...begun.done, ...step.done }, files: [...begun.files, ...files] }
  if (!step.complete) return { base: lists.base, pending }
  const cuts: readonly Position[] = Object.values(pending.done).toSorted()
  const [boundary] = cuts
  check(cuts.length === planned.size, `completes a snapshot with ${cuts.length} of ${planned.size} chunks`)
  if (boundary === undefined) {
    check(false, 'completes a snapshot without a chunk, so that its position is unknown')
    return lists
  }
  return { base: { generation, boundary, files: pending.files }, pending: null }
}

/** Keys of every file that the state names, those of snapshots under way and of what warehouses show of a held table included. */
export function namedKeys(state: LogState): Set<string> {
  const keys = new Set<string>()
  for (const table of Object.values(state.tables)) {
    for (const { key } of [...everyFile(table), ...shownFiles(table)]) keys.add(key)
  }
  return keys
}

/** Files of snapshots under way that the second state no longer has: they were never live, no reader of any commit needs them. */
export function voidedFiles(before: LogState, after: LogState): readonly string[] {
  return Object.entries(before.tables).flatMap(([name, { pending }]) => {
    const [first] = pending?.files ?? []
    if (pending === null || first === undefined) return []
    const now = after.tables[name as TableName]
    // A snapshot's files stay together: under way, or live.
    const kept = [now?.pending, now?.base].some((lists) => lists?.files.includes(first))
    return kept ? [] : pending.files.map(({ key }) => key)
  })
}
