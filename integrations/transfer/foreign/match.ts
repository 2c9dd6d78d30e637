/** Which column of a file is which of the table, and as what. Pure. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ForeignColumn, ForeignFile, ForeignLayout, ForeignPlace, ForeignShape } from '../../../connectors/manifest.ts'
import { converter } from './convert.ts'
import type { FileColumn } from './foreign-file.ts'
import { renderer } from './tree.ts'

/** `place` in the file, null where the file has nothing for the column: its values are NULL. */
export type Matched = { readonly column: ForeignColumn; readonly place: number | null }

export type Matching = { readonly by: ForeignFile['matchedBy']; readonly columns: readonly Matched[] }

type MatchRequest = {
  readonly layout: Pick<ForeignLayout, 'columns' | 'format' | 'matching'>
  readonly place: ForeignPlace
  readonly file: readonly FileColumn[]
  /** For messages. */
  readonly subject: string
}

const UNNAMED = /^_col\d+$/

/**
 * A partition that has columns of its own is one of an older shape: its columns are the table's by position, and those of its Parquet files
 * are looked for under their names, further ones left aside. ORC files are read in the table's shape. So does Hive. Throws `SCHEMA` when a name fits twice, or when rows would come out as NULL in every column.
 */
export function matchColumns({ layout, place, file, subject }: MatchRequest): Matching {
  const named = (layout.format === 'parquet' ? place.columns : undefined) ?? layout.columns
  const names = file.map(({ name }) => name.toLowerCase())
  const unnamed = names.length > 0 && names.every((name) => UNNAMED.test(name))
  const same = names.length > 0 && names.every((name, index) => name === named[index]?.name.toLowerCase())
  const positional = !same && (unnamed || layout.matching[layout.format] === 'position')
  const columns = layout.columns.map((column, index): Matched => {
    const own = named[index]
    if (own === undefined) return { column, place: null }
    if (positional) return { column, place: index < names.length ? index : null }
    return { column, place: placeOf(names, own.name, subject) }
  })
  if (names.length > 0 && columns.length > 0 && columns.every(({ place: found }) => found === null)) {
    throw new ConnectorError(
      'SCHEMA',
      `${subject} has none of the table's columns ${named.map(({ name }) => name).join(', ')}; it has ${file.map(({ name }) => name).join(', ')}. ` +
        'Every value would be NULL: it is no file of this table, or its columns were renamed',
    )
  }
  return { by: positional ? 'position' : 'name', columns }
}

function placeOf(names: readonly string[], name: string, subject: string): number | null {
  const wanted = name.toLowerCase()
  const first = names.indexOf(wanted)
  if (first !== names.lastIndexOf(wanted)) {
    throw new ConnectorError(
      'SCHEMA',
      `${subject} has several columns "${name}", if case is left aside. Write the file anew with one of them`,
    )
  }
  return first < 0 ? null : first
}

/** What keeps a file's column from being carried as the table's; null when nothing does. */
export function typeProblem(
  { name, sourceType, shape }: ForeignColumn,
  { shape: from, spelled }: FileColumn,
  owner: ForeignLayout['owner'],
): string | null {
  if (shape === null) return `column "${name}" is ${sourceType}, a type that is not carried`
  const found = from === null ? { from: spelled, to: sourceType } : unfit(from, shape, owner)
  return found === null ? null : `column "${name}" is ${found.from} in the file and ${sourceType} in the table`
}

function unfit(
  from: ForeignShape,
  to: ForeignShape,
  owner: ForeignLayout['owner'],
): { readonly from: string; readonly to: string } | null {
  const convert = from.kind === 'value' && to.kind === 'value' ? converter(from.type, to, owner) : renderer(from, to, owner)
  return typeof convert === 'function' ? null : convert
}
