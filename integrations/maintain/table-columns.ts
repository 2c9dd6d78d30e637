/** The columns of a table's files, as maintenance reads and writes them. Pure. */
import { METADATA_COLUMNS, METADATA_TYPES, type TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { FileEntry, TableState } from '../land/log/commit.ts'
import type { FileColumn } from '../read/columns/column-batches.ts'
import { canWiden } from '../types/widening.ts'

/** Places of the metadata columns in every batch. */
export const OP = 0
export const POSITION = 1
export const FIRST_COLUMN = METADATA_COLUMNS.length

/**
 * Every column of the target version, dropped ones included, as the file has it. A column keeps its values although it was
 * dropped meanwhile: a warehouse that is kept back still shows it.
 */
export function fileColumns(state: Pick<TableState, 'versions'>, file: FileEntry, target: TableSchema): readonly FileColumn[] {
  const version = state.versions[file.schemaVersion]
  if (version === undefined) {
    throw new ConnectorError(
      'CORRUPT',
      `File "${file.key}" is of schema version ${file.schemaVersion}, which the log does not know`,
    )
  }
  const types = new Map(version.columns.map(({ physical, type }) => [physical, type]))
  return [
    ...METADATA_COLUMNS.map((name) => ({ name, from: METADATA_TYPES[name], to: METADATA_TYPES[name] })),
    ...target.columns.map(({ physical, type }) => ({ name: physical, from: types.get(physical) ?? null, to: type })),
  ]
}

/** Whether rows of the one version can be written under the other, which is the newer one, without losing anything. */
export function fits(from: TableSchema, to: TableSchema): boolean {
  return (
    from.version <= to.version &&
    from.columns.every(({ physical, type }, index) => {
      const column = to.columns[index]
      return column?.physical === physical && canWiden(type, column.type)
    })
  )
}

/**
 * Columns of the files whose values the statistics withhold: a merged file must withhold them, too. A column without bounds
 * counts as withheld unless it is null throughout.
 */
export function withheld(files: readonly FileEntry[]): ReadonlySet<string> {
  return new Set(
    files.flatMap((file) =>
      Object.entries(file.columns).flatMap(([name, { nulls, min, max }]) =>
        min === undefined && max === undefined && nulls < file.rows ? [name] : [],
      ),
    ),
  )
}
