/** Files of external tables made ready for a query: fetched, looked at once per content, damaged ones left out. I/O. */

import { SqlError } from '../../engine.ts'
import { quoted } from '../bind/value.ts'
import type { ExternalTable, FormatOptions, Stage } from '../catalogue/objects.ts'
import type { DuckConnection } from '../duck.ts'
import type { Bucket, StoredObject } from '../stage/bucket.ts'
import type { Buckets } from '../stage/buckets.ts'
import { keyPrefix } from '../stage/buckets.ts'
import { type Copies, keyStart } from '../stage/copies.ts'
import { loadOrc } from './orc-file.ts'
import { type FileShape, parquetShape } from './parquet-file.ts'
import type { FileRegistry } from './registry.ts'
import { type FileGroup, parquetGroup } from './scan.ts'

export interface ExternalFiles {
  /** Groups of the registry's files that can be read; others are skipped without a word, as Snowflake does. */
  prepare(
    table: ExternalTable,
    registry: FileRegistry,
    connection: DuckConnection,
    signal: AbortSignal,
  ): Promise<readonly FileGroup[]>
  /** The same for files of a stage that no table registered. */
  prepareStage(
    stage: Stage,
    objects: readonly StoredObject[],
    format: FormatOptions,
    connection: DuckConnection,
    signal: AbortSignal,
  ): Promise<readonly FileGroup[]>
  /** Local copies of objects, for whoever looks into files. */
  copies: Copies
}

const AT_ONCE = 8

type Ready =
  | { readonly kind: 'parquet'; readonly path: string; readonly shape: FileShape }
  | { readonly kind: 'orc'; readonly table: string; readonly key: string }

export function openExternalFiles(copies: Copies, buckets: Buckets): ExternalFiles {
  /** What is known of a content, by its local path and how it is read; null = unreadable. */
  const looked = new Map<string, Promise<Ready | null>>()

  const look = async (
    path: string,
    key: string,
    format: FormatOptions,
    connection: DuckConnection,
    signal: AbortSignal,
  ): Promise<Ready | null> => {
    if (format.type === 'ORC') {
      const table = await loadOrc(path, connection, signal)
      return table === null ? null : { kind: 'orc', table, key }
    }
    const shape = await parquetShape(path, format)
    if (shape === null || !(await decodes(path, shape.rows, connection, signal))) return null
    return { kind: 'parquet', path, shape }
  }

  const readyOf = async (
    bucket: Bucket,
    object: StoredObject,
    format: FormatOptions,
    connection: DuckConnection,
    signal: AbortSignal,
  ): Promise<Ready | null> => {
    const path = await copies.get(bucket, object, signal)
    if (path === null) return null
    const name = `${path}\n${format.type}\n${format.binaryAsText}`
    const known = looked.get(name) ?? look(path, object.key, format, connection, signal)
    looked.set(name, known)
    try {
      return await known
    } catch (error) {
      looked.delete(name)
      throw error
    }
  }

  const group = async (
    bucket: Bucket,
    objects: readonly (StoredObject & { readonly partition: FileGroup['partition'] })[],
    format: FormatOptions,
    connection: DuckConnection,
    signal: AbortSignal,
  ): Promise<readonly FileGroup[]> => {
    if (format.type === 'CSV' || format.type === 'JSON')
      throw new SqlError('000002', '0A000', `Unsupported feature 'reading ${format.type} files'.`)
    const found: { readonly ready: Ready; readonly partition: FileGroup['partition'] }[] = []
    const queue = objects.entries()
    const results = new Map<number, Ready | null>()
    const worker = async (): Promise<void> => {
      for (const [index, object] of queue) results.set(index, await readyOf(bucket, object, format, connection, signal))
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, objects.length) }, worker))
    for (const [index, { partition }] of objects.entries()) {
      const ready = results.get(index)
      if (ready) found.push({ ready, partition })
    }
    const alike = Map.groupBy(found, ({ ready, partition }) =>
      JSON.stringify([ready.kind === 'parquet' ? ready.shape.shape : ready.table, partition === null ? null : [...partition]]),
    )
    return [...alike.values()].flatMap((files) => {
      const [first] = files
      if (first === undefined) return []
      if (first.ready.kind === 'orc') {
        return [
          {
            source: `${first.ready.table} f`,
            row: { kind: 'json' },
            key: quoted(first.ready.key),
            partition: first.partition,
          } satisfies FileGroup,
        ]
      }
      const paths = files.flatMap(({ ready }) => (ready.kind === 'parquet' ? [ready.path] : []))
      return [parquetGroup(paths, first.ready.shape.fields, keyStart(copies.directory), first.partition)]
    })
  }

  return {
    copies,
    prepare: async (table, registry, connection, signal) => {
      if (registry.size === 0) return []
      const bucket = await buckets.open(table.stage.options)
      const present = new Map(
        (await bucket.list(keyPrefix(table.stage, table.path), signal)).map((object) => [object.key, object]),
      )
      const objects = [...registry.values()].flatMap(({ key, partition }) => {
        const object = present.get(key)
        return object === undefined ? [] : [{ ...object, partition }]
      })
      return await group(bucket, objects, table.format, connection, signal)
    },
    prepareStage: async (stage, objects, format, connection, signal) => {
      const bucket = await buckets.open(stage.options)
      return await group(
        bucket,
        objects.map((object) => ({ ...object, partition: null })),
        format,
        connection,
        signal,
      )
    },
  }
}

/** True when every page decodes: a damaged file is found here, once, and not in the middle of a query. */
async function decodes(path: string, rows: number, connection: DuckConnection, signal: AbortSignal): Promise<boolean> {
  try {
    const [[count] = []] = await connection.texts(
      `SELECT count(*), bit_xor(hash(t)) FROM read_parquet(${quoted(path)}, hive_partitioning = false) t`,
      signal,
    )
    return Number(count) === rows
  } catch (error) {
    if (signal.aborted) throw error
    return false
  }
}
