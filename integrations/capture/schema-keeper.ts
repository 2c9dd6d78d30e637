/**
 * Keeps the table book and the log in step: every shape that the catalogue or the stream shows becomes a committed schema
 * version before a file is written under it, and tables whose landed rows it made stale are queued for a new snapshot.
 */
import type { Position, SourceTable, TableName, TableSchema } from '../../connectors/change.ts'
import type { TableCommit } from '../land/log/commit.ts'
import type { CommitDraft, CommitLog } from '../land/log/log.ts'
import type { Emit } from './events.ts'
import type { SchemaDifference } from './physical-columns.ts'
import { snapshotWanted } from './snapshot-wanted.ts'
import { encodeTokens, rowsRewritten } from './storage-token.ts'
import { TableBook } from './table-book.ts'

export class SchemaKeeper {
  readonly #log: CommitLog
  readonly #book: TableBook
  readonly #emit: Emit
  readonly #onResync: (table: TableName, reason: string) => void

  constructor(log: CommitLog, emit: Emit, onResync: (table: TableName, reason: string) => void) {
    this.#log = log
    this.#book = new TableBook(log.state())
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

  /** Tables that the log does not know yet, and the place where the source's log is taken up: one commit. */
  async begin(
    tables: readonly SourceTable[],
    begin: Pick<CommitDraft, 'position' | 'source'>,
    position: Position,
    signal: AbortSignal,
  ): Promise<void> {
    const added = tables.filter(({ table }) => this.#book.latest(table) === null)
    const schemas = added.map((table) => this.#book.note(table, position).schema)
    const commits: Record<TableName, TableCommit> = Object.fromEntries(schemas.map((schema) => [schema.table, { schema }]))
    await this.#log.append(() => ({ kind: 'schema', ...begin, tables: commits }), signal)
    for (const { table, version } of schemas) this.#emit({ kind: 'schema', table, version, changes: ['table added'] })
  }

  /** Takes note of one table's shape; `rewritten` when the source knows that stored rows changed without events. */
  async note(source: SourceTable, position: Position, signal: AbortSignal, rewritten = false): Promise<void> {
    const before = this.#book.latest(source.table)
    const { schema, differences, resync } = this.#book.note(source, position)
    const stale = before !== null && (resync || rewritten)
    if (schema === before && !stale) return
    // One commit says both: a crash after it still finds the table in need of a snapshot.
    await this.#log.append((state) => {
      const step = stale ? { snapshot: snapshotWanted(state.tables[source.table]) } : {}
      return { kind: 'schema', tables: { [source.table]: { ...(schema === before ? {} : { schema }), ...step } } }
    }, signal)
    const changes = differences.map(describe)
    if (schema !== before) this.#emit({ kind: 'schema', table: source.table, version: schema.version, changes })
    if (stale) this.#onResync(source.table, changes.join(', ') || 'its rows were rewritten')
  }

  /**
   * Compares the catalogue, read at a cut that the stream has passed, with what the log knows: changes that no row has
   * shown yet become schema versions; storage that moved without an explanation means a new snapshot.
   */
  async noteCatalogue(tables: readonly SourceTable[], at: Position, signal: AbortSignal): Promise<void> {
    for (const table of tables) {
      const known = this.#log.state().tables[table.table]
      const latest = this.#book.latest(table.table)
      if (known === undefined || latest === null || at < latest.since) continue
      const rewritten = rowsRewritten(known.storage, table)
      await this.note(table, at, signal, rewritten)
      const storage = encodeTokens(table)
      // A rewrite is explained only by the snapshot that follows, whose start records the new storage.
      if (rewritten || known.storage === null || known.storage === storage) continue
      await this.#log.append(() => ({ kind: 'schema', tables: { [table.table]: { storage } } }), signal)
    }
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
