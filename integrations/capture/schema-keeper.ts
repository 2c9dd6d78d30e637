/**
 * Every shape that the catalogue or the stream shows becomes a committed schema version before a file is written under it,
 * accepted or held as the policies say, and tables whose landed rows it made stale are queued for a new snapshot. What a commit
 * says is made of the state that it follows: maintenance may have accepted, marked or removed a table a moment before.
 */
import type { Position, SourceTable, TableName, TableSchema } from '../../connectors/change.ts'
import type { LogState, TableCommit, TableState } from '../land/log/commit.ts'
import type { CommitDraft, CommitLog } from '../land/log/log.ts'
import { openMutex } from '../land/log/mutex.ts'
import { heldTable } from '../register/held-tables.ts'
import { schemaChanges } from '../register/schema-changes.ts'
import {
  acceptedSchema,
  decide,
  judge,
  refusal,
  type SchemaPolicies,
  type SchemaPolicy,
  strictest,
} from '../register/schema-policy.ts'
import type { Emit } from './events.ts'
import { type SchemaDifference, sameShape } from './physical-columns.ts'
import { snapshotWanted } from './snapshot-wanted.ts'
import { encodeTokens, rowsRewritten } from './storage-token.ts'
import { TableBook } from './table-book.ts'

/** What a look at the source's catalogue showed, and the newest version of each table when it began. */
export type Catalogue = {
  readonly tables: readonly SourceTable[]
  readonly at: Position
  readonly seen: ReadonlyMap<TableName, TableSchema>
  /** A cut before which every change of shape is in it; null when none is known. */
  readonly from: Position | null
}

export type SchemaKeeperOptions = {
  readonly log: CommitLog
  readonly policies: SchemaPolicies
  readonly emit: Emit
  readonly onResync: (table: TableName, reason: string) => void
}

/** What a shape makes of a table. `commit`: null when the log says it already. */
type Noted = {
  readonly commit: TableCommit | null
  /** Null when no version came with it. */
  readonly schema: TableSchema | null
  readonly changes: readonly string[]
  readonly stale: boolean
}

const NOTHING_NEW: Noted = { commit: null, schema: null, changes: [], stale: false }

export class SchemaKeeper {
  readonly #log: CommitLog
  readonly #policies: SchemaPolicies
  readonly #emit: Emit
  readonly #exclusive = openMutex()
  readonly #onResync: (table: TableName, reason: string) => void

  constructor({ log, policies, emit, onResync }: SchemaKeeperOptions) {
    this.#log = log
    this.#policies = policies
    this.#emit = emit
    this.#onResync = onResync
  }

  get #book(): TableBook {
    return new TableBook(this.#log.state())
  }

  latest(table: TableName): TableSchema | null {
    return this.#book.latest(table)
  }

  at(table: TableName, cut: Position): TableSchema | null {
    return this.#book.at(table, cut)
  }

  versionFor(source: SourceTable): TableSchema {
    return this.#book.versionFor(source)
  }

  /**
   * Tables that the log does not know yet, and the place where the source's log is taken up: one commit. The tables of the first
   * commit are what was asked for; later ones are added under their policy.
   */
  async begin(
    tables: readonly SourceTable[],
    begin: Pick<CommitDraft, 'position' | 'source'>,
    position: Position,
    signal: AbortSignal,
  ): Promise<void> {
    let schemas: readonly TableSchema[] = []
    await this.#log.append((state) => {
      const book = new TableBook(state)
      const added = tables.filter(({ table }) => book.latest(table) === null)
      const first = Object.keys(state.tables).length === 0
      schemas = added.map((table) => book.evolution(table, position).schema)
      const commits = schemas.map((schema) => [schema.table, { schema, ...(first ? {} : this.#hold(undefined, schema)) }])
      return { kind: 'schema', ...begin, tables: Object.fromEntries(commits) }
    }, signal)
    for (const { table, version } of schemas) {
      this.#emit({ kind: 'schema', table, version, changes: ['table added'] })
      this.#tellHeld(table)
    }
  }

  /**
   * What waited for a person and need not any more, because the configuration says `apply` now. Tells of what still waits.
   * `present`: the tables that the source has.
   */
  async review(present: ReadonlySet<TableName>, signal: AbortSignal): Promise<void> {
    const tables = Object.keys(this.#log.state().tables) as TableName[]
    const accepting = (state: LogState): Record<TableName, TableCommit> => {
      const commits = tables.map((table) => [table, this.#acceptNow(state.tables[table], table, present)] as const)
      return Object.fromEntries(commits.filter((each): each is [TableName, TableCommit] => each[1] !== null))
    }
    if (Object.keys(accepting(this.#log.state())).length > 0) {
      await this.#log.append((state) => ({ kind: 'schema', tables: accepting(state) }), signal)
    }
    for (const table of tables) this.#tellHeld(table)
  }

  async look(describe: () => Promise<Pick<Catalogue, 'tables' | 'at'>>, from: Position | null = null): Promise<Catalogue> {
    const seen = new Map(Object.values(this.#log.state().tables).map(({ schema }) => [schema.table, schema]))
    const { tables, at } = await describe()
    return { tables, at, seen, from }
  }

  /**
   * Takes note of one table's shape as the stream shows it; `rewritten` when the source knows that stored rows changed without
   * events. One at a time: it must be compared with what a look at the catalogue has already committed.
   */
  note(source: SourceTable, position: Position, signal: AbortSignal, rewritten = false): Promise<void> {
    return this.#exclusive(() => this.#note(source, { at: position, catalogue: null, rewritten }, signal))
  }

  /** As `note`, for a table of a catalogue, unless the look may be older than what the stream has shown of the table since. */
  noteSeen(source: SourceTable, catalogue: Catalogue, signal: AbortSignal, rewritten = false): Promise<void> {
    return this.#exclusive(() => this.#note(source, { at: catalogue.at, catalogue, rewritten }, signal))
  }

  /** Whether the table left the log after the look had begun, also when another of its name is there now. */
  isRemovedSince(table: TableName, { seen }: Catalogue): boolean {
    const then = seen.get(table)
    return then !== undefined && !this.#book.has(then)
  }

  /** Whether rows of this shape can be written: some version has a place for each column. */
  covers(source: SourceTable): boolean {
    return this.#book.covers(source)
  }

  async #note(
    source: SourceTable,
    look: { readonly at: Position; readonly catalogue: Catalogue | null; readonly rewritten: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { table } = source
    const noting = (state: LogState): Noted => {
      const book = new TableBook(state)
      if (look.catalogue !== null && isOvertaken(book, table, look.catalogue)) return NOTHING_NEW
      const before = book.latest(table)
      const { schema, differences, resync } = book.evolution(source, look.at)
      const stale = before !== null && (resync || look.rewritten)
      if (schema === before && !stale) return NOTHING_NEW
      const known = state.tables[table]
      const version = schema === before ? {} : { schema, ...this.#hold(known, schema) }
      // One commit says both: a crash after it still finds the table in need of a snapshot.
      const commit = { ...version, ...(stale ? { snapshot: snapshotWanted(known) } : {}) }
      return { commit, schema: schema === before ? null : schema, changes: differences.map(describe), stale }
    }
    let noted = noting(this.#log.state())
    if (noted.commit !== null) {
      await this.#log.append((state) => {
        noted = noting(state)
        return { kind: 'schema', tables: noted.commit === null ? {} : { [table]: noted.commit } }
      }, signal)
    }
    await this.#holdEarlier(source, look.at, signal)
    const { schema, changes, stale } = noted
    if (schema !== null) this.#emit({ kind: 'schema', table, version: schema.version, changes })
    if (schema !== null) this.#tellHeld(table)
    if (stale) this.#onResync(table, changes.join(', ') || 'its rows were rewritten')
  }

  /**
   * Compares the catalogue, read at a cut that the stream has passed, with what the log knows: changes that no row has
   * shown yet become schema versions; storage that moved without an explanation means a new snapshot; tables that are missing
   * are gone.
   */
  async noteCatalogue(catalogue: Catalogue, signal: AbortSignal): Promise<void> {
    const { tables, at } = catalogue
    for (const table of tables) {
      const state = this.#log.state()
      const known = state.tables[table.table]
      if (known === undefined || at < known.schema.since) continue
      if (isOvertaken(new TableBook(state), table.table, catalogue)) continue
      // A table that was gone and is back may have changed while nobody looked.
      const rewritten = rowsRewritten(known.storage, table) || known.gone !== null
      await this.noteSeen(table, catalogue, signal, rewritten)
      // A rewrite is explained only by the snapshot that follows, whose start records the new storage.
      if (!rewritten) await this.#explain(table, known.storage, signal)
    }
    const present = new Set(tables.map(({ table }) => table))
    const missing = (Object.keys(this.#log.state().tables) as TableName[]).filter((table) => !present.has(table))
    for (const table of missing) await this.#exclusive(() => this.#noteGone(table, at, signal))
  }

  /** Records the storage in place of what it was compared with, unless a snapshot has begun since or the table left. */
  async #explain(source: SourceTable, compared: string | null, signal: AbortSignal): Promise<void> {
    const { table } = source
    const storage = encodeTokens(source)
    if (compared === null || compared === storage) return
    const explained = ({ tables }: LogState) => (tables[table]?.storage === compared ? { [table]: { storage } } : {})
    if (!(table in explained(this.#log.state()))) return
    await this.#log.append((state) => ({ kind: 'schema', tables: explained(state) }), signal)
  }

  async #noteGone(table: TableName, at: Position, signal: AbortSignal): Promise<void> {
    const going = (state: LogState): TableCommit | null => this.#goingBy(state.tables[table], table, at)
    let commit = going(this.#log.state())
    if (commit === null) return
    await this.#log.append((state) => {
      commit = going(state)
      return { kind: 'schema', tables: commit === null ? {} : { [table]: commit } }
    }, signal)
    if (commit === null) return
    const version = this.#log.state().tables[table]?.schema.version ?? 0
    this.#emit({ kind: 'schema', table, version, changes: ['table dropped'] })
    this.#tellHeld(table)
  }

  /** What is committed of a table that a catalogue, read at `at`, does not have. Null when it is known, or came after that. */
  #goingBy(known: TableState | undefined, table: TableName, at: Position): TableCommit | null {
    if (known === undefined || known.gone !== null || at < known.schema.since) return null
    // A table that went before its first copy was complete was never shown: a hold would keep nothing.
    const kept = known.base !== null || known.shown?.base
    const asked = this.#ofDropping(table)
    const policy = asked === 'hold' && !kept ? 'apply' : asked
    if (policy === 'fail') {
      const change = { kind: 'drop_table', column: null, text: 'table dropped' } as const
      throw refusal(this.#log.lake.integration, table, judge(table, [change], this.#policies))
    }
    return policy === 'apply' ? { dropped: true } : { gone: at }
  }

  #hold(before: TableState | undefined, schema: TableSchema): Pick<TableCommit, 'held'> {
    const { heldFrom } = decide(this.#log.lake.integration, before, schema, this.#policies)
    return heldFrom === null ? {} : { held: heldFrom }
  }

  /** The catalogue had dated a held change; the stream shows rows of another shape than the shown one before that date. */
  async #holdEarlier(source: SourceTable, position: Position, signal: AbortSignal): Promise<void> {
    const { table } = source
    const isEarlier = ({ tables }: LogState): boolean => {
      const known = tables[table]
      const shown = known?.shown ?? null
      const schema = shown === null ? undefined : known?.versions[shown.version]
      return shown !== null && schema !== undefined && position < shown.until && !sameShape(schema, source)
    }
    if (!isEarlier(this.#log.state())) return
    await this.#log.append(
      (state) => ({ kind: 'schema', tables: isEarlier(state) ? { [table]: { held: position } } : {} }),
      signal,
    )
  }

  #acceptNow(known: TableState | undefined, table: TableName, present: ReadonlySet<TableName>): TableCommit | null {
    if (known === undefined) return null
    if (known.gone !== null && !present.has(table)) return this.#ofDropping(table) === 'apply' ? { dropped: true } : null
    const { accepted, schema } = known
    if (accepted >= schema.version) return null
    const changes = judge(table, schemaChanges(acceptedSchema(known), schema), this.#policies)
    return strictest(changes) === 'apply' ? { accepted: schema.version } : null
  }

  #ofDropping(table: TableName): SchemaPolicy {
    return this.#policies(table, 'drop_table').policy
  }

  #tellHeld(table: TableName): void {
    const state = this.#log.state().tables[table]
    const held = state === undefined ? null : heldTable(table, state)
    if (held !== null) this.#emit({ kind: 'held', ...held })
  }
}

/** Whether the log has learned of the table, since the look began, what the look may be too old to show. */
function isOvertaken(book: TableBook, table: TableName, { seen, from }: Catalogue): boolean {
  const [latest, then] = [book.latest(table), seen.get(table)]
  if (latest === null) return then !== undefined
  if (then !== undefined && then.version === latest.version && book.has(then)) return false
  // Of a table that left and came back nothing is known of when it did.
  return from === null || latest.since >= from || (then !== undefined && !book.has(then))
}

/** A schema difference in words, for progress and reports. */
export function describe(difference: SchemaDifference): string {
  switch (difference.kind) {
    case 'table_added':
      return 'table added'
    case 'table_recreated':
      return 'table dropped and created again'
    case 'add_column':
      return `column "${difference.column}" added`
    case 'drop_column':
      return `column "${difference.column}" dropped`
    case 'rename_column':
      return `column "${difference.column}" renamed to "${difference.to}"`
    case 'widen_column':
    case 'retype_column':
      return `column "${difference.column}" changed from ${difference.from} to ${difference.to}`
    case 'change_key':
      return 'key changed'
    case 'change_identity':
      return 'replica identity changed'
    case 'describe':
      return difference.column === null ? 'comment changed' : `description of column "${difference.column}" changed`
    default:
      return difference satisfies never
  }
}
