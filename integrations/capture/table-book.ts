/**
 * The schema versions of every table while a run works: the log's, plus those found since. Every new version is committed
 * at once, before a file is written under it.
 */
import type { Position, SourceTable, TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogState } from '../land/log/commit.ts'
import { covers, dateBack, type Evolution, evolve, sameShape } from './physical-columns.ts'

export class TableBook {
  readonly #versions = new Map<TableName, readonly TableSchema[]>()

  constructor(state: LogState) {
    for (const [table, { versions, schema }] of Object.entries(state.tables)) {
      const all = Object.values(versions).toSorted((a, b) => a.version - b.version)
      this.#versions.set(table as TableName, all.some(({ version }) => version === schema.version) ? all : [...all, schema])
    }
  }

  /** The table is no longer in the log. */
  forget(table: TableName): void {
    this.#versions.delete(table)
  }

  tables(): readonly TableName[] {
    return [...this.#versions.keys()]
  }

  latest(table: TableName): TableSchema | null {
    return this.#versions.get(table)?.at(-1) ?? null
  }

  /** The version that the stream stood at when everything before the cut had been read. */
  at(table: TableName, cut: Position): TableSchema | null {
    const versions = this.#versions.get(table) ?? []
    return versions.findLast(({ since }) => since <= cut) ?? versions[0] ?? null
  }

  /**
   * Takes note of a shape that holds from `position`. A catalogue may have been seen ahead of the stream: a shape older
   * than the newest version changes nothing but the date of columns that it already shows.
   */
  note(source: SourceTable, position: Position): Evolution {
    const latest = this.latest(source.table)
    // A look at the catalogue may also come behind what the stream has shown since: then it shows the version of its own time.
    const isKnown = (): boolean => {
      const then = this.at(source.table, position)
      return then !== null && sameShape(then, source)
    }
    if (latest !== null && position < latest.since && (covers(latest, source) || isKnown())) {
      const dated = dateBack(latest, source, position)
      if (dated !== null) this.#add(dated)
      return { schema: dated ?? latest, differences: [], resync: false }
    }
    const evolution = evolve(latest, source, position)
    if (evolution.schema !== latest) this.#add(evolution.schema)
    return evolution
  }

  covers(source: SourceTable): boolean {
    return this.#versions.get(source.table)?.some((schema) => covers(schema, source)) === true
  }

  /** The version that rows of this shape are written under: the newest that has a place for each column. */
  versionFor(source: SourceTable): TableSchema {
    const version = this.#versions.get(source.table)?.findLast((schema) => covers(schema, source))
    if (version !== undefined) return version
    throw new ConnectorError(
      'SCHEMA',
      `Rows of "${source.table}" arrived in a shape that no recorded schema version holds (expected one of versions 1 to ${this.latest(source.table)?.version ?? 0}). Run "portage resync <integration> ${source.table}"`,
    )
  }

  #add(schema: TableSchema): void {
    this.#versions.set(schema.table, [...(this.#versions.get(schema.table) ?? []), schema])
  }
}
