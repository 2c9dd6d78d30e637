/**
 * What has to be written so that directories show a table: base and renewed base whole, of the changes those that came since
 * the last registration. Pure.
 */
import type { Position } from '../../../connectors/change.ts'
import type { RegisteredFile, TableRegistration } from '../../../connectors/ports.ts'
import type { DirectoryFormatName } from './formats.ts'
import {
  changesHash,
  encodeState,
  filesHash,
  shapeOf,
  shortHash,
  type TableState,
  type Written,
  type WrittenChanges,
} from './state.ts'

export type PlannedDirectory = {
  readonly part: 'base' | 'renewed' | 'changes'
  readonly name: string
  /** In the order in which their rows are written. */
  readonly files: readonly RegisteredFile[]
  /** Only rows above `after` and below `before`. */
  readonly after: Position | null
  readonly before: Position | null
}

export type ProjectionPlan = {
  readonly generation: number
  readonly base: (Written & { readonly of: string }) | PlannedDirectory | null
  readonly renewed: (Written & { readonly of: string }) | PlannedDirectory | null
  readonly kept: readonly WrittenChanges[]
  readonly added: { readonly directory: PlannedDirectory; readonly weight: number } | null
  /** Rows that the directories of changes must hold together; null: cannot be told from the log. */
  readonly changeRows: number | null
}

/** Directories of changes of one weight that become one of the next. */
const MERGED = 8
/** The weight of a directory with everything up to then. */
const WHOLE = MERGED ** 4
/** Directories of so many rows are large enough. */
const LARGE_ROWS = 5_000_000

export type PlanOptions = {
  readonly commit: number
  readonly format: DirectoryFormatName
  /** What is not taken over from the state before, not even its files. */
  readonly startOver: 'nothing' | 'changes' | 'everything'
}

/** Equal inputs give equal names, and a name says what is in the directory: a repeat finds its own. */
export function planProjection(table: TableRegistration, before: TableState | null, options: PlanOptions): ProjectionPlan {
  const { schema } = table
  const known = before !== null && before.table === table.table ? before : null
  const appends = known !== null && known.columns <= schema.columns.length && known.shape === shapeOf(schema, known.columns)
  const usable =
    known !== null && appends && known.id === shortHash([schema.id]) && known.format === options.format ? known : null
  const kept = options.startOver === 'everything' ? null : usable
  // A change of shape, and a repair, make another table of the files: the old one serves readers meanwhile.
  const generation = kept?.generation ?? (known?.generation ?? 0) + 1
  const salt = options.startOver !== 'nothing' && before !== null ? [encodeState(before)] : []
  const made = [options.format, shapeOf(schema, schema.columns.length), ...salt]
  const name = (part: string, content: readonly string[]): string =>
    `${part}-${options.commit}-${shortHash([...made, ...content]).slice(0, 8)}`
  const whole = (part: 'base' | 'renewed', files: readonly RegisteredFile[]): ProjectionPlan['base'] => {
    const filled = ordered(files.filter(({ rows }) => rows > 0))
    if (filled.length === 0) return null
    const of = filesHash(filled)
    const old = kept?.[part] ?? null
    if (old?.of === of) return old
    return { part, name: name(part, [of]), files: filled, after: null, before: null }
  }
  const base = whole('base', table.base)
  const renewed = table.renewed === undefined ? null : whole('renewed', table.renewed.files)
  const changes = planChanges(table, options.startOver === 'nothing' ? kept : null, name)
  return {
    generation,
    base,
    renewed,
    ...changes,
  }
}

function planChanges(
  table: TableRegistration,
  before: TableState | null,
  name: (part: string, content: readonly string[]) => string,
): Pick<ProjectionPlan, 'kept' | 'added' | 'changeRows'> {
  const { until } = table
  const files = ordered(table.changes.filter(({ rows }) => rows > 0))
  const isCut = files.some(({ maxPosition }) => until !== undefined && (maxPosition === undefined || maxPosition >= until))
  const total = isCut ? null : rowsOf(files)
  if (before !== null && before.changesOf === changesHash(table)) {
    return { kept: before.changes, added: null, changeRows: null }
  }
  const old = before === null || !continues(before.changes, files, total) ? [] : before.changes
  const above = (after: Position | null) =>
    files.filter(({ maxPosition }) => after === null || maxPosition === undefined || maxPosition > after)
  const through = old.at(-1)?.through ?? null
  if (above(through).length === 0) return { kept: old, added: null, changeRows: total }
  const { kept, weight } = merged(old)
  const after = kept.at(-1)?.through ?? null
  const some = above(after)
  const directory: PlannedDirectory = {
    part: 'changes',
    name: name('changes', [filesHash(some), after ?? '', until ?? '']),
    files: some,
    after,
    before: until ?? null,
  }
  return { kept, added: { directory, weight: old.length === 0 ? WHOLE : weight }, changeRows: total }
}

/**
 * Whether the directories still are what lies at or below their end. Rows may have come there (some taken again under an older
 * position) or gone (history that was dropped); then their number differs, because a change stands in one file.
 */
function continues(changes: readonly WrittenChanges[], files: readonly RegisteredFile[], total: number | null): boolean {
  const through = changes.at(-1)?.through
  if (through === undefined) return true
  if (total === null) return true
  const below = files.filter(({ maxPosition }) => maxPosition !== undefined && maxPosition <= through)
  const above = files.filter(({ minPosition }) => minPosition !== undefined && minPosition > through)
  const held = changes.reduce((sum, { rows }) => sum + rows, 0)
  // Files on both sides are known when they were read.
  return below.length + above.length === files.length ? rowsOf(below) === held : rowsOf(below) <= held && held <= total
}

/** The directories that stay when another is added, and the weight of that one. */
function merged(changes: readonly WrittenChanges[]): { readonly kept: readonly WrittenChanges[]; readonly weight: number } {
  let kept = changes
  let weight = 1
  for (;;) {
    const tail = kept.slice(-(MERGED - 1))
    const rows = tail.reduce((sum, each) => sum + each.rows, 0)
    if (tail.length < MERGED - 1 || tail.some((each) => each.weight !== weight) || rows > LARGE_ROWS) return { kept, weight }
    kept = kept.slice(0, -tail.length)
    weight *= MERGED
  }
}

const rowsOf = (files: readonly RegisteredFile[]): number => files.reduce((sum, { rows }) => sum + rows, 0)

function ordered(files: readonly RegisteredFile[]): readonly RegisteredFile[] {
  const place = ({ minPosition, key }: RegisteredFile) => `${minPosition ?? ''} ${key}`
  return files.toSorted((a, b) => (place(a) < place(b) ? -1 : 1))
}
