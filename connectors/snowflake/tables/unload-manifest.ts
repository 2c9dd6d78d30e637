/** The files that a `COPY INTO` says it wrote, held against the objects that are there. Pure. */
import { ConnectorError } from '../../errors.ts'
import type { SnowflakeAnswer } from '../client.ts'

/** `name` is the path below the location of the statement, or its whole path below the stage. */
export type ManifestEntry = { readonly name: string; readonly size: number; readonly rows: number }

/** Of `DETAILED_OUTPUT = TRUE`. No rows were unloaded: no entries. Throws `PROOF` when the answer is none. */
export function manifestOf({ columns, rows, queryId }: SnowflakeAnswer): readonly ManifestEntry[] {
  const places = ['FILE_NAME', 'FILE_SIZE', 'ROW_COUNT'].map((name) =>
    columns.findIndex((column) => column.name.toUpperCase() === name),
  )
  const [name = -1, size = -1, count = -1] = places
  if (places.includes(-1)) {
    const found = columns.map((column) => column.name).join(', ')
    throw new ConnectorError(
      'PROOF',
      `Unload ${queryId} answered the columns ${found}; expected FILE_NAME, FILE_SIZE and ROW_COUNT, so nobody can tell what it wrote`,
    )
  }
  return rows.flatMap((row) => {
    const entry = { name: row[name] ?? '', size: Number(row[size]), rows: Number(row[count]) }
    return entry.name === '' && entry.rows === 0 ? [] : [entry]
  })
}

export type FoundObject = { readonly key: string; readonly size: number }

/** An entry's object, or what is wrong with it. `prefix` is the key of the statement's location. */
export function objectOf(entry: ManifestEntry, prefix: string, objects: readonly FoundObject[]): FoundObject {
  const below = (key: string): string => key.slice(prefix.length)
  const found = objects.find(({ key }) => entry.name === below(key) || entry.name.endsWith(`/${below(key)}`))
  if (found === undefined) {
    throw new ConnectorError(
      'PROOF',
      `Unloaded file "${fileName(entry.name)}" is not below "${prefix}": Snowflake's stage and Portage's connection show different places. Compare the stage's URL with the connection's bucket and prefix`,
    )
  }
  if (found.size !== entry.size) {
    throw new ConnectorError(
      'PROOF',
      `Unloaded file "${fileName(found.key)}" has ${found.size} bytes, Snowflake wrote ${entry.size}: somebody else writes there, or it was cut. Run it again`,
    )
  }
  return found
}

/** Directories of partitions are values of rows: messages do without them. */
export const fileName = (key: string): string => key.slice(key.lastIndexOf('/') + 1)
