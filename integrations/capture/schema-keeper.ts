/**
 * Keeps the table book and the log in step: every shape that the catalogue or the stream shows becomes a committed schema
 * version before a file is written under it, accepted or held as the policies say, and tables whose landed rows it made stale are
 * queued for a new snapshot.
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

/** What a look at the source's catalogue showed, and which version of each table was the newest when it began. */
export type Catalogue = {
  readonly tables: readonly SourceTable[]
  readonly at: Position
  readonly seen: ReadonlyMap<TableName, number>
  /** A cut before which every change of shape is in it; null when none is known. */
  readonly from: Position | null
}

export type SchemaKeeperOptions = {
  readonly log: CommitLog
  readonly policies: SchemaPolicies
  readonly emit: Emit
  readonly onResync: (table: TableName, reason: string) => void
}

export class SchemaKeeper {
  readonly #log: CommitLog
  readonly #book: TableBook
  readonly #policies: SchemaPolicies
  readonly #emit: Emit
  readonly #exclusive = openMutex()
  readonly #onResync: (table: TableName, reason: string) => void

  constructor({ log, policies, emit, onResync }: SchemaKeeperOptions) {
    this.#log = log
    this.#book = new TableBook(log.state())
    this.#policies = policies
    this.#emit = emit
    this.#onResync = onResync
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
    const added = tables.filter(({ table }) => this.#book.latest(table) === null)
    const first = Object.keys(this.#log.state().tables).length === 0
    const schemas = added.map((table) => this.#book.note(table, position).schema)
    const commits: Record<TableName, TableCommit> = Object.fromEntries(
      schemas.map((schema) => [schema.table, { schema, ...(first ? {} : this.#hold(undefined, schema)) }]),
    )
    await this.#log.append(() => ({ kind: 'schema', ...begin, tables: commits }), signal)
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
    this.#forgetRemoved()
  }

  async look(describe: () => Promise<Pick<Catalogue, 'tables' | 'at'>>, from: Position | null = null): Promise<Catalogue> {
    const seen = new Map(this.#book.tables().map((table) => [table, this.#book.latest(table)?.version ?? 0]))
    const { tables, at } = await describe()
    return { tables, at, seen, from }
  }

  /**
   * Takes note of one table's shape as the stream shows it; `rewritten` when the source knows that stored rows changed without
   * events. One at a time: it must be compared with what a look at the catalogue has already committed.
   */
  note(source: SourceTable, position: Position, signal: AbortSignal, rewritten = false): Promise<void> {
    return this.#exclusive(() => this.#note(source, position, signal, rewritten))
  }

  /** As `note`, for a table of a catalogue, unless the look may be older than what the stream has shown of the table since. */
  async noteSeen(source: SourceTable, catalogue: Catalogue, signal: AbortSignal, rewritten = false): Promise<void> {
    await this.#exclusive(async () => {
      if (!this.#isOvertaken(source.table, catalogue)) await this.#note(source, catalogue.at, signal, rewritten)
    })
  }

  #isOvertaken(table: TableName, { seen, from }: Catalogue): boolean {
    const latest = this.#book.latest(table)
    if (latest === null || latest.version === seen.get(table)) return false
    return from === null || latest.since >= from
  }

  /** Whether rows of this shape can be written: some version has a place for each column. */
  covers(source: SourceTable): boolean {
    return this.#book.covers(source)
  }

  async #note(source: SourceTable, position: Position, signal: AbortSignal, rewritten: boolean): Promise<void> {
    const { table } = source
    this.#forgetRemoved()
    const before = this.#book.latest(table)
    const { schema, differences, resync } = this.#book.note(source, position)
    const stale = before !== null && (resync || rewritten)
    if (schema !== before || stale) {
      // One commit says both: a crash after it still finds the table in need of a snapshot.
      await this.#log.append((state) => {
        const known = state.tables[table]
        const step = stale ? { snapshot: snapshotWanted(known) } : {}
        const version = schema === before ? {} : { schema, ...this.#hold(known, schema) }
        return { kind: 'schema', tables: { [table]: { ...version, ...step } } }
      }, signal)
    }
    await this.#holdEarlier(source, position, signal)
    const changes = differences.map(describe)
    if (schema !== before) this.#emit({ kind: 'schema', table, version: schema.version, changes })
    if (schema !== before) this.#tellHeld(table)
    if (stale) this.#onResync(table, changes.join(', ') || 'its rows were rewritten')
  }

  /**
   * Compares the catalogue, read at a cut that the stream has passed, with what the log knows: changes that no row has
   * shown yet become schema versions; storage that moved without an explanation means a new snapshot; tables that are missing
   * are gone.
   */
  async noteCatalogue(catalogue: Catalogue, signal: AbortSignal): Promise<void> {
    const { tables, at } = catalogue
    this.#forgetRemoved()
    for (const table of tables) {
      const known = this.#log.state().tables[table.table]
      const latest = this.#book.latest(table.table)
      if (known === undefined || latest === null || at < latest.since) continue
      if (this.#isOvertaken(table.table, catalogue)) continue
      // A table that was gone and is back may have changed while nobody looked.
      const rewritten = rowsRewritten(known.storage, table) || known.gone !== null
      await this.noteSeen(table, catalogue, signal, rewritten)
      const storage = encodeTokens(table)
      // A rewrite is explained only by the snapshot that follows, whose start records the new storage.
      if (rewritten || known.storage === null || known.storage === storage) continue
      await this.#log.append(() => ({ kind: 'schema', tables: { [table.table]: { storage } } }), signal)
    }
    const present = new Set(tables.map(({ table }) => table))
    const missing = (Object.keys(this.#log.state().tables) as TableName[]).filter((table) => !present.has(table))
    for (const table of missing) await this.#noteGone(table, at, signal)
  }

  /** Tables that left the log, also by someone else's commit: one of that name is a new table from then on. */
  #forgetRemoved(): void {
    const { tables } = this.#log.state()
    for (const table of this.#book.tables()) if (!(table in tables)) this.#book.forget(table)
  }

  async #noteGone(table: TableName, at: Position, signal: AbortSignal): Promise<void> {
    const known = this.#log.state().tables[table]
    if (known === undefined || known.gone !== null) return
    // A table that went before its first copy was complete was never shown: a hold would keep nothing.
    const kept = known.base !== null || known.shown?.base
    const asked = this.#ofDropping(table)
    const policy = asked === 'hold' && !kept ? 'apply' : asked
    if (policy === 'fail') {
      const change = { kind: 'drop_table', column: null, text: 'table dropped' } as const
      throw refusal(this.#log.lake.integration, table, judge(table, [change], this.#policies))
    }
    const commit: TableCommit = policy === 'apply' ? { dropped: true } : { gone: at }
    await this.#log.append(() => ({ kind: 'schema', tables: { [table]: commit } }), signal)
    const version = this.#log.state().tables[table]?.schema.version ?? 0
    this.#emit({ kind: 'schema', table, version, changes: ['table dropped'] })
    this.#tellHeld(table)
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
