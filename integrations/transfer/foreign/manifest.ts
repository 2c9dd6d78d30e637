/** From a table's layout to its files: listed, opened by their footers, matched with its columns. I/O through stores. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ForeignFile, ForeignLayout, ForeignPlace, ForeignTable } from '../../../connectors/manifest.ts'
import type { ForeignDataFile } from './foreign-file.ts'
import { listFiles, refuseTableRoot, type StoredPlace } from './listing.ts'
import { type Matching, matchColumns } from './match.ts'
import { openStoredFile, type StoredFile } from './stored-file.ts'

/** Finds the store of a location. Throws `UNSUPPORTED`, `CONFIGURATION` with what to add to connections.yaml. */
export type FindPlace = (location: string, subject: string) => Promise<StoredPlace>

/** A file of the manifest with what reading its rows takes. */
export type FoundFile = {
  readonly entry: ForeignFile
  readonly stored: StoredFile
  readonly opened: ForeignDataFile
  readonly matching: Matching
}

export type FoundPlace = { readonly place: ForeignPlace; readonly at: StoredPlace; readonly files: readonly FoundFile[] }

export type FoundTable = { readonly table: ForeignTable; readonly places: readonly FoundPlace[] }

/** Footers that are read at the same time. */
const FOOTERS_AT_ONCE = 8

/**
 * Every file of the table at this moment, with rows and columns from its own footer: one or two ranged reads each. Throws `UNSUPPORTED` for
 * files of transactional tables and of Delta, Hudi or Iceberg, `SCHEMA` for files that do not match, `CORRUPT`, `FORMAT`.
 */
export async function findFiles(layout: ForeignLayout, find: FindPlace, signal: AbortSignal): Promise<FoundTable> {
  const partitioned = layout.partitionColumns.length > 0
  if (partitioned) await refuseTableRoot(await find(layout.location, layout.subject), layout.subject, signal)
  const places: FoundPlace[] = []
  for (const place of layout.partitions) {
    const at = await find(place.location, layout.subject)
    const objects = await listFiles(at, layout.owner, layout.subject, signal)
    const stored = objects.map((object): StoredFile => ({ store: at.store, object, format: layout.format }))
    const files = await inOrder(stored, FOOTERS_AT_ONCE, (each) => openFound(layout, place, each, signal))
    places.push({ place, at, files })
  }
  const { partitions: _, ...described } = layout
  const partitions = places.map(({ place, files }) => ({ ...place, files: files.map(({ entry }) => entry) }))
  return { table: { ...described, partitions }, places }
}

async function openFound(
  layout: ForeignLayout,
  place: ForeignPlace,
  stored: StoredFile,
  signal: AbortSignal,
): Promise<FoundFile> {
  const opened = await openStoredFile(stored, signal)
  const { object, store } = stored
  const address = store.address(object.key)
  const matching = matchColumns({ layout, place, file: opened.columns, subject: `File "${address}" of ${layout.subject}` })
  const names = matching.columns.map(({ place: found }) => (found === null ? null : (opened.columns[found]?.name ?? null)))
  const entry = { address, size: object.size, modified: object.modified, rows: opened.rows, matchedBy: matching.by, names }
  return { entry, stored, opened, matching }
}

/** Throws `CORRUPT` unless every location still has the files that it had. */
export async function requireSameFiles({ table, places }: FoundTable, signal: AbortSignal): Promise<void> {
  for (const { at, files } of places) {
    const now = await listFiles(at, table.owner, table.subject, signal)
    const same =
      now.length === files.length &&
      now.every(({ key, size, modified }, index) => {
        const { object } = files[index]?.stored ?? {}
        return object?.key === key && object.size === size && object.modified.getTime() === modified.getTime()
      })
    if (same) continue
    throw new ConnectorError(
      'CORRUPT',
      `${table.subject} was written to while it was read: its files at "${at.store.address(at.prefix)}" are others now. Run again when nobody writes to it`,
    )
  }
}

async function inOrder<A, B>(items: readonly A[], atOnce: number, work: (item: A) => Promise<B>): Promise<readonly B[]> {
  const results: B[] = []
  for (let at = 0; at < items.length; at += atOnce) {
    results.push(...(await Promise.all(items.slice(at, at + atOnce).map(work))))
  }
  return results
}
