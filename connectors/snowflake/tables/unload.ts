/** Rows of a table or query as Parquet files in a bucket that Snowflake and we reach. I/O. */
import { createHash } from 'node:crypto'
import { parquetMetadataAsync } from 'hyparquet'
import { ConnectorError } from '../../errors.ts'
import type { ObjectStore, RegisteredFile } from '../../ports.ts'
import type { SnowflakeClient } from '../client.ts'
import { type FoundObject, manifestOf, objectOf } from './unload-manifest.ts'
import { quoted, type UnloadPlan, unloadPlan, wantedColumns } from './unload-plan.ts'
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

export type UnloadedFile = FoundObject & {
  readonly rows: number
  /** The text of the partition column in all of its rows; null where it is NULL. Absent: not partitioned. */
  readonly partition?: string | null
}

const MAX_FILE_BYTES = 256 * 1024 ** 2
/** Snowflake's directory of NULL. */
const NULL_PARTITION = '_NULL_'

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
 * the prefix holds something already, `PROOF` when a file differs. `partitionBy`, a column: a directory for each of its values; it
 * stays in the files too, where NULL is NULL.
 */
export async function unloadFiles(
  client: SnowflakeClient,
  { plan, rows }: PlannedUnload,
  { place, partitionBy }: { readonly place: UnloadPlace; readonly partitionBy?: string },
  signal: AbortSignal,
): Promise<readonly UnloadedFile[]> {
  const { location, store, prefix } = place
  for await (const { key } of store.list(prefix, { signal })) {
    throw new ConnectorError('STORE', `Prefix "${prefix}" already holds "${key}"; unloading needs a fresh prefix`)
  }
  const by = partitionBy === undefined ? {} : { partitionBy: partitionSql(plan, partitionBy) }
  const sql = copySql(unloadSelect(plan, rows), { location, maxFileBytes: MAX_FILE_BYTES, ...by })
  const manifest = manifestOf(await client.run(sql, { signal, repeatable: true }))
  const objects: FoundObject[] = []
  for await (const { key, size } of store.list(prefix, { signal })) objects.push({ key, size })
  const files: UnloadedFile[] = []
  for (const entry of manifest) {
    const object = objectOf(entry, prefix, objects)
    const found = await footerRows(store, object, signal)
    if (found !== entry.rows) {
      throw new ConnectorError(
        'PROOF',
        `Unloaded file "${object.key}" holds ${found} rows, Snowflake wrote ${entry.rows}. Run it again; if it stays so, the file was changed in between`,
      )
    }
    const directory = object.key.slice(prefix.length).split('/').slice(0, -1).join('/')
    const partition = partitionBy === undefined ? {} : { partition: directory === NULL_PARTITION ? null : directory }
    files.push({ ...object, rows: entry.rows, ...partition })
  }
  return files
}

function partitionSql({ columns }: UnloadPlan, name: string): string {
  const found = columns.find(({ column }) => column.name === name)
  if (found !== undefined) return `TO_VARCHAR(${quoted(found.alias)})`
  throw new ConnectorError('SCHEMA', `There is no column "${name}" to partition by`)
}

async function footerRows(store: ObjectStore, { key, size }: FoundObject, signal: AbortSignal): Promise<number> {
  const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
    const bytes = await store.get(key, { range: { start: start < 0 ? size + start : start, end }, signal })
    if (bytes === null) throw new ConnectorError('PROOF', `Unloaded file "${key}" is gone: somebody else deletes there`)
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  }
  try {
    return Number((await parquetMetadataAsync({ byteLength: size, slice })).num_rows)
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof ConnectorError) throw cause
    throw new ConnectorError('PROOF', `Unloaded file "${key}" is no Parquet file. Run it again`, { cause })
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
    if (bytes === null) throw new ConnectorError('PROOF', `Unloaded file "${key}" is gone: somebody else deletes there`)
    hash.update(bytes)
  }
  return hash.digest('hex')
}
