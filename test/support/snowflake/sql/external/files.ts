/** Files of external tables made ready for a query: fetched, looked at once per content, damaged ones left out. I/O. */

import { SqlError } from '../../engine.ts'
import { quoted } from '../bind/value.ts'
import type { ExternalTable, FormatOptions, Stage } from '../catalogue/objects.ts'
import type { Duck, DuckConnection } from '../duck.ts'
import type { Bucket, StoredObject } from '../stage/bucket.ts'
import type { Buckets } from '../stage/buckets.ts'
import { keyPrefix } from '../stage/buckets.ts'
import { type Copies, keyStart } from '../stage/copies.ts'
import { loadOrc, rowsPath } from './orc-file.ts'
import { type FileShape, parquetShape } from './parquet-file.ts'
import type { FileRegistry } from './registry.ts'
import { type FileGroup, orcGroup, parquetGroup } from './scan.ts'

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
  | { readonly kind: 'orc'; readonly path: string }

export function openExternalFiles(copies: Copies, buckets: Buckets, duck: Duck): ExternalFiles {
  /** What is known of a content, by its local path and how it is read; null = unreadable. */
  const looked = new Map<string, Ready | null>()

  /** Looks at files that nobody looked at yet: their footers one by one, their pages all together. */
  const look = async (
    files: ReadonlyMap<string, string>,
    format: FormatOptions,
    connection: DuckConnection,
    signal: AbortSignal,
  ): Promise<void> => {
    const shapes: { readonly name: string; readonly path: string; readonly shape: FileShape }[] = []
    for (const [name, path] of files) {
      if (looked.has(name)) continue
      if (format.type === 'ORC') {
        looked.set(name, (await loadOrc(path, format, duck, signal)) ? { kind: 'orc', path: rowsPath(path, format) } : null)
        continue
      }
      const shape = await parquetShape(path, format)
      if (shape === null) looked.set(name, null)
      else shapes.push({ name, path, shape })
    }
    for (const alike of Map.groupBy(shapes, ({ shape }) => shape.shape).values()) {
      const damaged = await damagedAmong(
        alike.map(({ path, shape }) => ({ path, rows: shape.rows })),
        connection,
        signal,
      )
      for (const { name, path, shape } of alike) looked.set(name, damaged.has(path) ? null : { kind: 'parquet', path, shape })
    }
  }

  const group = async (
    bucket: Bucket,
    objects: readonly (StoredObject & { readonly partition: FileGroup['partition'] })[],
    format: FormatOptions,
    connection: DuckConnection,
    signal: AbortSignal,
  ): Promise<readonly FileGroup[]> => {
    if (format.type === 'CSV' || format.type === 'JSON') {
      throw new SqlError('000002', '0A000', `Unsupported feature 'reading ${format.type} files'.`)
    }
    const paths = new Map<number, string | null>()
    const queue = objects.entries()
    const worker = async (): Promise<void> => {
      for (const [index, object] of queue) paths.set(index, await copies.get(bucket, object, signal))
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, objects.length) }, worker))
    const nameOf = (path: string): string => `${path}\n${JSON.stringify(format)}`
    const present = [...objects.entries()].flatMap(([index, { partition }]) => {
      const path = paths.get(index)
      return path ? [{ path, partition }] : []
    })
    await look(new Map(present.map(({ path }) => [nameOf(path), path])), format, connection, signal)
    const found = present.flatMap(({ path, partition }) => {
      const ready = looked.get(nameOf(path))
      return ready ? [{ ready, partition }] : []
    })
    const alike = Map.groupBy(found, ({ ready, partition }) =>
      JSON.stringify([ready.kind === 'parquet' ? ready.shape.shape : 'orc', partition === null ? null : [...partition]]),
    )
    return [...alike.values()].flatMap((files): readonly FileGroup[] => {
      const [first] = files
      if (first === undefined) return []
      const paths = files.map(({ ready }) => ready.path)
      const start = keyStart(copies.directory)
      return [
        first.ready.kind === 'orc'
          ? orcGroup(paths, start, first.partition)
          : parquetGroup(paths, first.ready.shape.fields, start, first.partition),
      ]
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

type Counted = { readonly path: string; readonly rows: number }

/** Files of which a page does not decode: they are found here, once, and not in the middle of a query. */
async function damagedAmong(
  files: readonly Counted[],
  connection: DuckConnection,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const list = files.map(({ path }) => quoted(path)).join(', ')
  const options = "filename = '__file', hive_partitioning = false, union_by_name = false"
  try {
    const counts = new Map(
      (
        await connection.texts(
          `SELECT t.__file, count(*), bit_xor(hash(t)) FROM read_parquet([${list}], ${options}) t GROUP BY ALL`,
          signal,
        )
      ).map(([path, count]) => [path, Number(count)]),
    )
    return new Set(files.filter(({ path, rows }) => (counts.get(path) ?? 0) !== rows).map(({ path }) => path))
  } catch (error) {
    if (signal.aborted) throw error
    if (files.length === 1) return new Set(files.map(({ path }) => path))
    const middle = Math.ceil(files.length / 2)
    const [first, second] = [files.slice(0, middle), files.slice(middle)]
    return new Set([...(await damagedAmong(first, connection, signal)), ...(await damagedAmong(second, connection, signal))])
  }
}
