/** The schema versions of every table as one state of the log has them. A view: what it is asked for is never committed by it. */
import type { Position, SourceTable, TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogState } from '../land/log/commit.ts'
import { covers, dateBack, type Evolution, evolve, sameShape } from './physical-columns.ts'

export class TableBook {
  readonly #tables: LogState['tables']

  constructor({ tables }: Pick<LogState, 'tables'>) {
    this.#tables = tables
  }

  latest(table: TableName): TableSchema | null {
    return this.#tables[table]?.schema ?? null
  }

  /** Whether the log has this very version: a table that left it and came back begins at version 1 again. */
  has({ table, version, id, since }: TableSchema): boolean {
    const known = this.#tables[table]?.versions[version]
    return known !== undefined && known.id === id && known.since === since
  }

  /** The version that the stream stood at when everything before the cut had been read. */
  at(table: TableName, cut: Position): TableSchema | null {
    const versions = this.#versions(table)
    return versions.findLast(({ since }) => since <= cut) ?? versions[0] ?? null
  }

  /**
   * What a shape that holds from `position` makes of the table. A catalogue may have been seen ahead of the stream: a shape
   * older than the newest version changes nothing but the date of columns that it already shows.
   */
  evolution(source: SourceTable, position: Position): Evolution {
    const latest = this.latest(source.table)
    // A look at the catalogue may also come behind what the stream has shown since: then it shows the version of its own time.
    const isKnown = (): boolean => {
      const then = this.at(source.table, position)
      return then !== null && sameShape(then, source)
    }
    if (latest !== null && position < latest.since && (covers(latest, source) || isKnown())) {
      return { schema: dateBack(latest, source, position) ?? latest, differences: [], resync: false }
    }
    return evolve(latest, source, position)
  }

  covers(source: SourceTable): boolean {
    return this.#versions(source.table).some((schema) => covers(schema, source))
  }

  /** The version that rows of this shape are written under: the newest that has a place for each column. */
  versionFor(source: SourceTable): TableSchema {
    const version = this.#versions(source.table).findLast((schema) => covers(schema, source))
    if (version !== undefined) return version
    throw new ConnectorError(
      'SCHEMA',
      `Rows of "${source.table}" arrived in a shape that no recorded schema version holds (expected one of versions 1 to ${this.latest(source.table)?.version ?? 0}). Run "portage resync <integration> ${source.table}"`,
    )
  }

  /** Ascending, as the numbers that are their keys. */
  #versions(table: TableName): readonly TableSchema[] {
    return Object.values(this.#tables[table]?.versions ?? {})
  }
}
