/**
 * A source behind column policies: masks, left-out and renamed columns and row filters are applied before anything reaches files,
 * statistics, rejects or the log. Everything that capture sees of the source has been governed.
 */
import type { ChangeSet, SchemaChange, SourceTable, TableName, TableSchema } from '../../../connectors/change.ts'
import type { HeldSnapshot, Source } from '../../../connectors/ports.ts'
import { governBatch, governReject } from './govern-rows.ts'
import { type ColumnHistory, type GovernedTable, governTable, policyShape, ungovernTable } from './govern-table.ts'
import type { PolicyRules } from './rules.ts'

export type GovernedOptions = {
  readonly rules: PolicyRules
  /** The newest schema of each table in the log: what was hidden stays hidden. */
  readonly recorded: Iterable<TableSchema>
  readonly warn: (message: string) => void
}

/** The same port; disposing it disposes the source. Methods throw `CONFIGURATION` when the rules cannot be carried out. */
export function governedSource(source: Source, { rules, recorded, warn }: GovernedOptions): Source {
  const tables = new GovernedTables(rules, recorded, warn)
  const prepared = (found: readonly SourceTable[]): readonly SourceTable[] => {
    tables.see(found)
    return found.map((table) => tables.of(table).table)
  }
  return {
    kind: source.kind,
    identity: (signal) => source.identity(signal),
    discover: (signal) => source.discover(signal),
    check: (signal) => source.check(signal),
    prepare: async (request, signal, onWait) => {
      const answer = await source.prepare(request, signal, onWait)
      return { ...answer, tables: prepared(answer.tables) }
    },
    describe: async (signal) => {
      const { tables: found, at } = await source.describe(signal)
      return { tables: prepared(found), at }
    },
    holdSnapshot: (signal, onWait): Promise<HeldSnapshot> => source.holdSnapshot(signal, onWait),
    planChunks: (table, signal) => source.planChunks(tables.raw(table), signal),
    readChunk: async function* (request, signal) {
      const onReject: typeof request.onReject = (reject) => {
        const kept = governReject(reject, tables.of(tables.raw(request.table)))
        if (kept !== null) request.onReject(kept)
      }
      const { only, ...rest } = request
      const { masks } = tables.of(tables.raw(request.table))
      // The source knows keys as they are, not as they are masked.
      const wanted = only === undefined || only.key.some((id) => masks.has(id)) ? {} : { only }
      for await (const rows of source.readChunk({ ...rest, ...wanted, table: tables.raw(request.table), onReject }, signal)) {
        const batch = governBatch(rows, tables.of(rows.table))
        if (batch === null) rows.release()
        else yield batch
      }
    },
    checksum: async (request, signal) => {
      const { raw, masks, test } = tables.of(tables.raw(request.table))
      // No key of a mask goes to a server, and which rows are wanted is decided here.
      if (test !== null || [...request.columns, ...request.key].some((id) => masks.has(id))) return null
      return source.checksum({ ...request, table: raw }, signal)
    },
    follow: async function* (request, signal) {
      const landed = new Map(request.known.map((table) => [table.table, policyShape(table)]))
      const known = request.known.map((table) => tables.raw(table))
      for await (const set of source.follow({ ...request, known }, signal)) yield governSet(set, tables, landed)
    },
    acknowledge: (cut) => source.acknowledge(cut),
    health: (signal) => source.health(signal),
    head: (signal) => source.head(signal),
    remove: (options, signal) => source.remove(options, signal),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

/** `landed`: how the columns of each table are hidden in what was landed last. */
function governSet(set: ChangeSet, tables: GovernedTables, landed: Map<TableName, string>): ChangeSet {
  const schemas: SchemaChange[] = []
  const differs = (table: SourceTable): boolean => {
    const shape = policyShape(table)
    const before = landed.get(table.table)
    landed.set(table.table, shape)
    return before !== undefined && before !== shape
  }
  for (const change of set.schemas) {
    const { table } = tables.of(change.table)
    schemas.push({ ...change, table, rewritten: differs(table) || change.rewritten })
  }
  const batches = set.batches.flatMap((rows) => {
    const governed = tables.of(rows.table)
    if (differs(governed.table)) schemas.push({ table: governed.table, position: rows.firstPosition, rewritten: true })
    const batch = governBatch(rows, governed)
    if (batch === null) rows.release()
    return batch ?? []
  })
  const byName = new Map(set.schemas.map(({ table }) => [table.table, table]))
  const rejects = set.rejects.flatMap((reject) => {
    const raw = byName.get(reject.table) ?? tables.named(reject.table)
    // Of a table that was never described nobody can say what may be shown.
    return raw === undefined ? { ...reject, row: {} } : (governReject(reject, tables.of(raw)) ?? [])
  })
  return { ...set, schemas, batches, rejects }
}

/** What the rules make of each description of a table, and the way back. */
class GovernedTables {
  readonly #rules: PolicyRules
  readonly #warn: (message: string) => void
  readonly #governed = new WeakMap<SourceTable, GovernedTable>()
  readonly #raws = new WeakMap<SourceTable, SourceTable>()
  readonly #newest = new Map<TableName, SourceTable>()
  readonly #current = new Map<string, ReadonlyMap<number, string>>()
  readonly #recorded = new Map<string, Map<number, { readonly mask: string } | 'withheld'>>()
  readonly #told = new Set<string>()

  constructor(rules: PolicyRules, recorded: Iterable<TableSchema>, warn: (message: string) => void) {
    this.#rules = rules
    this.#warn = warn
    for (const schema of recorded) this.#remember(schema)
  }

  /** The catalogue, just read. */
  see(found: readonly SourceTable[]): void {
    for (const table of found) this.#current.set(table.id, new Map(table.columns.map(({ id, name }) => [id, name])))
  }

  of(raw: SourceTable): GovernedTable {
    const known = this.#governed.get(raw)
    if (known !== undefined) return known
    const history: ColumnHistory = {
      current: this.#current.get(raw.id) ?? new Map(),
      recorded: this.#recorded.get(raw.id) ?? new Map(),
    }
    const governed = governTable(raw, this.#rules, history, (column) => this.#kept(raw.table, column))
    this.#governed.set(raw, governed)
    this.#raws.set(governed.table, raw)
    this.#newest.set(raw.table, raw)
    this.#remember(governed.table)
    return governed
  }

  /** The description that the rules were last applied to. */
  named(table: TableName): SourceTable | undefined {
    return this.#newest.get(table)
  }

  raw(governed: SourceTable): SourceTable {
    return this.#raws.get(governed) ?? ungovernTable(governed)
  }

  /** Columns that this description lacks stay as they were: it may be older than what is known. */
  #remember({
    id,
    columns,
    withheld = [],
  }: Pick<SourceTable, 'id' | 'withheld'> & Pick<TableSchema | SourceTable, 'columns'>): void {
    const hidden = this.#recorded.get(id) ?? new Map<number, { readonly mask: string } | 'withheld'>()
    for (const column of columns) {
      if ('dropped' in column && column.dropped === true) continue
      if (column.policy?.mask === undefined) hidden.delete(column.id)
      else hidden.set(column.id, { mask: column.policy.mask })
    }
    for (const column of withheld) hidden.set(column.id, 'withheld')
    this.#recorded.set(id, hidden)
  }

  #kept(table: TableName, column: string): void {
    const name = `${table}.${column}`
    if (this.#told.has(name)) return
    this.#told.add(name)
    this.#warn(
      `Column "${name}" stays hidden as before, although no rule names it any more. Name it under columns, or say "mask: none" or "exclude: false" to show it`,
    )
  }
}
