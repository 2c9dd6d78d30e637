/** The files of one location, by the rules of the engine that owns them. I/O through the store. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ForeignLayout } from '../../../connectors/manifest.ts'
import type { ObjectInfo, ObjectStore } from '../../../connectors/ports.ts'

/** A location in a store: `prefix` is empty or ends with a slash. */
export type StoredPlace = { readonly store: ObjectStore; readonly prefix: string }

const MARKER = /_\$folder\$$/

/**
 * In the order of their keys. Hive reads everything below the location but what has a name that begins with `_` or `.`, directories
 * included (`HIVE_UNION_SUBDIR_1/`); Spark does not look into directories, or fails over them, so that they are refused here. Empty objects hold no row. Throws
 * `UNSUPPORTED` when the paths are those of a transactional table or of Delta, Hudi or Iceberg, whatever the catalogue said.
 */
export async function listFiles(
  { store, prefix }: StoredPlace,
  owner: ForeignLayout['owner'],
  subject: string,
  signal: AbortSignal,
): Promise<readonly ObjectInfo[]> {
  const files: ObjectInfo[] = []
  for await (const object of store.list(prefix, { signal })) {
    const parts = object.key.slice(prefix.length).split('/')
    refuseTableFormats(parts, subject)
    if (parts.some((part) => part.startsWith('_') || part.startsWith('.'))) continue
    if (object.size === 0 || MARKER.test(object.key)) continue
    if (parts.length > 1 && owner === 'spark') {
      throw new ConnectorError(
        'UNSUPPORTED',
        `${subject} has files in directories ("${parts.slice(0, -1).join('/')}/") that are no partitions: Spark does not read them, and shows fewer rows ` +
          'than there are. Read the table through a connection of Hive if Hive wrote it (UNION ALL does), or move the files up',
      )
    }
    files.push(object)
  }
  return files
}

/** What lies beside the partitions of a table tells its format, too. */
export async function refuseTableRoot({ store, prefix }: StoredPlace, subject: string, signal: AbortSignal): Promise<void> {
  for (const name of ['_delta_log/', '.hoodie/', 'metadata/']) {
    for await (const object of store.list(`${prefix}${name}`, { signal })) {
      refuseTableFormats(object.key.slice(prefix.length).split('/'), subject)
      if (name !== 'metadata/') break
    }
  }
}

const TELLTALES: readonly (readonly [RegExp, string])[] = [
  [/^(?:base|delta|delete_delta)_\d+/, 'of a transactional (ACID) table of Hive'],
  [/^_delta_log$/, 'of Delta Lake'],
  [/^\.hoodie$/, 'of Apache Hudi'],
]

function refuseTableFormats(parts: readonly string[], subject: string): void {
  const directories = parts.slice(0, -1)
  for (const part of directories) {
    const found = TELLTALES.find(([pattern]) => pattern.test(part))
    if (found !== undefined) throw refused(subject, part, found[1])
  }
  if (directories.at(-1) === 'metadata' && parts.at(-1)?.endsWith('.metadata.json')) {
    throw refused(subject, 'metadata', 'of Apache Iceberg')
  }
}

function refused(subject: string, name: string, kind: string): ConnectorError {
  return new ConnectorError(
    'UNSUPPORTED',
    `${subject}: the directory "${name}/" below its location is one ${kind}: its files alone are not its rows. Read its rows through the server with a ` +
      'query (portage transfer "<connection>:select … from …"), or have the server copy them into an external table and read that one',
  )
}
