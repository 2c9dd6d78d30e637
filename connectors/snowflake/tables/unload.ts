/** Rows of a table or query as Parquet files in a bucket that Snowflake and we reach. I/O. */
import { createHash } from 'node:crypto'
import { parquetMetadataAsync } from 'hyparquet'
import { ConnectorError } from '../../errors.ts'
import type { LogicalType } from '../../logical-type.ts'
import type { ObjectStore, RegisteredFile } from '../../ports.ts'
import type { SnowflakeClient } from '../client.ts'
import { type FoundObject, fileName, type ManifestEntry, manifestOf, objectOf } from './unload-manifest.ts'
import { quoted, type UnloadColumn, type UnloadPlan, unloadPlan, wantedColumns } from './unload-plan.ts'
import type { UnloadPolicies } from './unload-policy.ts'
import { copySql, describeSql, type UnloadRows, unloadSelect } from './unload-sql.ts'

/** Where `COPY INTO` writes and we read the same bytes. */
export type UnloadPlace = {
  /** The stage by its quoted name, with the path that leads to `prefix`; ends with `/`. */
  readonly location: string
  readonly store: ObjectStore
  /** Ends with `/`. */
  readonly prefix: string
}

export type UnloadedFile = FoundObject & { readonly rows: number }

const MAX_FILE_BYTES = 256 * 1024 ** 2
const FOOTERS_AT_ONCE = 8
/** Snowflake's directory of NULL. */
const NULL_PARTITION = '_NULL_/'

/** What to unload, by stored names, and how. */
export type PlannedUnload = { readonly rows: UnloadRows; readonly plan: UnloadPlan }

/** `rows.columns` as people write them. Throws `NOT_FOUND`, `PRIVILEGE`, `SCHEMA`, `STATEMENT`, `UNSUPPORTED`. */
export async function planUnload(
  client: SnowflakeClient,
  { subject, rows, policies }: { readonly subject: string; readonly rows: UnloadRows; readonly policies: UnloadPolicies },
  signal: AbortSignal,
): Promise<PlannedUnload> {
  const { columns } = await client.run(describeSql({ ...rows, columns: null }), { signal, repeatable: true })
  if (rows.columns === null) return { rows, plan: unloadPlan(subject, columns, policies) }
  const names = wantedColumns(subject, columns, rows.columns)
  const wanted = names.flatMap((name) => columns.find((column) => column.name === name) ?? [])
  return { rows: { ...rows, columns: names }, plan: unloadPlan(subject, wanted, policies) }
}

/**
 * Writes the files and proves that they are there: each one of the statement's own manifest, with its size, and as many rows as
 * its footer says. Files that another attempt left below the prefix are not among them. No rows: no files. Throws `STORE` when
 * the prefix holds something already, `PROOF` when a file differs. `partitionBy`: each value of the column has a directory of its
 * own, NULL too; the files come in the order of these values, NULL last, and hold the column as it is.
 */
export async function unloadFiles(
  client: SnowflakeClient,
  { plan, rows }: PlannedUnload,
  { place, partitionBy }: { readonly place: UnloadPlace; readonly partitionBy?: UnloadColumn },
  signal: AbortSignal,
): Promise<readonly UnloadedFile[]> {
  const { location, store, prefix } = place
  for await (const { key } of store.list(prefix, { signal })) {
    throw new ConnectorError('STORE', `Prefix "${prefix}" already holds "${key}"; unloading needs a fresh prefix`)
  }
  const by = partitionBy === undefined ? {} : { partitionBy: `TO_VARCHAR(${quoted(partitionBy.alias)})` }
  const sql = copySql(unloadSelect(plan, rows), { location, maxFileBytes: MAX_FILE_BYTES, ...by })
  const manifest = manifestOf(await client.run(sql, { signal, repeatable: true }))
  const objects: FoundObject[] = []
  for await (const { key, size } of store.list(prefix, { signal })) objects.push({ key, size })
  const proven = async (entry: ManifestEntry): Promise<UnloadedFile> => {
    const object = objectOf(entry, prefix, objects)
    const found = await footerRows(store, object, signal)
    if (found === entry.rows) return { ...object, rows: entry.rows }
    throw new ConnectorError(
      'PROOF',
      `Unloaded file "${fileName(object.key)}" holds ${found} rows, Snowflake wrote ${entry.rows}. Run it again; if it stays so, the file was changed in between`,
    )
  }
  const files: UnloadedFile[] = []
  for (let at = 0; at < manifest.length; at += FOOTERS_AT_ONCE) {
    files.push(...(await Promise.all(manifest.slice(at, at + FOOTERS_AT_ONCE).map(proven))))
  }
  return partitionBy === undefined
    ? files
    : files.toSorted((a, b) => byPartition(a.key.slice(prefix.length), b.key.slice(prefix.length)))
}

function byPartition(a: string, b: string): number {
  const isNull = (path: string): number => (path.startsWith(NULL_PARTITION) ? 1 : 0)
  return isNull(a) - isNull(b) || (a < b ? -1 : 1)
}

/** Types whose texts are fit to be names of directories. */
const PARTITIONED: ReadonlySet<LogicalType['kind']> = new Set(['bool', 'int16', 'int32', 'int64', 'decimal', 'date', 'utf8'])

/** By its name as people write it. Throws `SCHEMA` for one that is not there, or of a type that makes no directories. */
export function partitionColumn(subject: string, { columns }: UnloadPlan, name: string): UnloadColumn {
  const alike = columns.filter(({ column }) => column.name.toLowerCase() === name.toLowerCase())
  const found = alike.find(({ column }) => column.name === name) ?? alike[0]
  const names = columns.map(({ column }) => column.name).join(', ')
  if (found === undefined)
    throw new ConnectorError('SCHEMA', `${subject} has no column "${name}" to partition by; it has ${names}`)
  const { type } = found.column
  if (PARTITIONED.has(type.kind) && !(type.kind === 'utf8' && type.format === 'json')) return found
  throw new ConnectorError(
    'SCHEMA',
    `${subject}, column "${name}" is ${found.column.sourceType}: its values are no names of directories. Partition by a date, a number or a short text`,
  )
}

async function footerRows(store: ObjectStore, { key, size }: FoundObject, signal: AbortSignal): Promise<number> {
  const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
    const bytes = await store.get(key, { range: { start: start < 0 ? size + start : start, end }, signal })
    if (bytes === null) throw new ConnectorError('PROOF', `Unloaded file "${fileName(key)}" is gone: somebody else deletes there`)
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  }
  try {
    return Number((await parquetMetadataAsync({ byteLength: size, slice })).num_rows)
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof ConnectorError) throw cause
    throw new ConnectorError('PROOF', `Unloaded file "${fileName(key)}" is no Parquet file. Run it again`, { cause })
  }
}

/** The files as a warehouse's `unload` names them: each is read once more for its checksum. */
export async function registeredFiles(
  store: ObjectStore,
  files: readonly UnloadedFile[],
  signal: AbortSignal,
): Promise<readonly RegisteredFile[]> {
  const registered: RegisteredFile[] = []
  for (const { key, size, rows } of files) {
    const sha256 = await hashOf(store, { key, size }, signal)
    registered.push({ key, address: store.address(key), size, sha256, rows, format: 'parquet' })
  }
  return registered
}

const READ_BYTES = 8 * 1024 * 1024

async function hashOf(store: ObjectStore, { key, size }: FoundObject, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for (let start = 0; start < size; start += READ_BYTES) {
    const bytes = await store.get(key, { range: { start, end: Math.min(size, start + READ_BYTES) }, signal })
    if (bytes === null) throw new ConnectorError('PROOF', `Unloaded file "${fileName(key)}" is gone: somebody else deletes there`)
    hash.update(bytes)
  }
  return hash.digest('hex')
}
