/** An unload's files on this machine: partitions, sizes, and values in the types that Snowflake writes. I/O. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BoundQuery, QueryColumn } from '../bind/scope.ts'
import { quoted } from '../bind/value.ts'
import { invalidParameter } from '../errors.ts'
import type { Run } from '../run.ts'
import type { SqlType } from '../types.ts'

export type UnloadOptions = {
  readonly partition: string | null
  readonly header: boolean
  readonly maxBytes: number
  readonly compression: string
  /** Exists; its owner deletes it. */
  readonly directory: string
}

export type Partition = {
  readonly path: string
  readonly rows: number
  /** From 0, over all files. */
  readonly number: number
  /** Null without PARTITION BY. */
  readonly partition: string | null
  readonly extension: string
}

const CODECS: Readonly<Record<string, readonly [codec: string, extension: string]>> = {
  AUTO: ['snappy', '.snappy.parquet'],
  SNAPPY: ['snappy', '.snappy.parquet'],
  NONE: ['uncompressed', '.parquet'],
}

export async function unloadPlan(run: Run, query: BoundQuery, options: UnloadOptions): Promise<readonly Partition[]> {
  const { connection, signal } = run
  const [codec, extension] = CODECS[options.compression] ?? invalidCodec(options.compression)
  const table = `unload_${run.engine.account.next()}`
  const names = columnNames(query.columns, options.header)
  const cells = query.columns.map(
    ({ value }, index) => `${written(`q.c${index}`, value.type)} AS "${(names[index] ?? '').replaceAll('"', '""')}"`,
  )
  const partition = options.partition === null ? 'CAST(NULL AS VARCHAR)' : `coalesce(${options.partition}, '_NULL_')`
  const inner = query.columns.map((_, index) => `q.c${index}`).join(', ')
  await connection.run(`CREATE TABLE ${table} AS SELECT ${inner}, ${partition} AS p FROM (${query.sql}) q`, signal)
  try {
    const parts: Partition[] = []
    const values =
      options.partition === null ? [[null]] : await connection.texts(`SELECT DISTINCT p FROM ${table} ORDER BY p`, signal)
    for (const [value = null] of values) {
      const where = value === null ? 'true' : `q.p = ${quoted(value)}`
      const [[count = '0'] = []] = await connection.texts(`SELECT count(*) FROM ${table} q WHERE ${where}`, signal)
      const rows = Number(count)
      for (const { from, to } of await slices(run, { table, where, rows, cells, codec }, options)) {
        const path = join(options.directory, `${parts.length}.parquet`)
        const list = `SELECT ${cells.join(', ')} FROM (SELECT * FROM ${table} q WHERE ${where} ORDER BY rowid LIMIT ${to - from} OFFSET ${from}) q`
        await connection.run(
          `COPY (${list}) TO ${quoted(path)} (FORMAT PARQUET, COMPRESSION ${quoted(codec)}, PARQUET_VERSION V1)`,
          signal,
        )
        parts.push({ path, rows: to - from, number: parts.length, partition: value, extension })
      }
    }
    return parts
  } finally {
    await connection.run(`DROP TABLE ${table}`, signal)
  }
}

function invalidCodec(name: string): never {
  throw invalidParameter(`invalid value [${name}] for parameter 'COMPRESSION'`)
}

type Slicing = {
  readonly table: string
  readonly where: string
  readonly rows: number
  readonly cells: readonly string[]
  readonly codec: string
}

/** Rows by file: the size of a first file of all rows says how many. No file for no rows. */
async function slices(
  { connection, signal }: Run,
  { table, where, rows, cells, codec }: Slicing,
  options: UnloadOptions,
): Promise<readonly { readonly from: number; readonly to: number }[]> {
  if (rows === 0) return []
  if (!Number.isFinite(options.maxBytes)) return [{ from: 0, to: rows }]
  const probe = join(options.directory, 'probe.parquet')
  await connection.run(
    `COPY (SELECT ${cells.join(', ')} FROM ${table} q WHERE ${where}) TO ${quoted(probe)} (FORMAT PARQUET, COMPRESSION ${quoted(codec)}, PARQUET_VERSION V1)`,
    signal,
  )
  const { size } = await stat(probe)
  const files = Math.min(Math.max(Math.ceil(size / options.maxBytes), 1), rows)
  const each = Math.ceil(rows / files)
  return Array.from({ length: Math.ceil(rows / each) }, (_, index) => ({
    from: index * each,
    to: Math.min((index + 1) * each, rows),
  }))
}

/** Without HEADER the names are `_COL_0`, `_COL_1`, …. */
function columnNames(columns: readonly QueryColumn[], header: boolean): readonly string[] {
  return columns.map(({ name }, index) => (header ? name : `_COL_${index}`))
}

/** What a value is in the file. */
function written(sql: string, type: SqlType): string {
  switch (type.kind) {
    case 'timestamp_ntz':
      // Milliseconds: what is finer is cut off.
      return `CAST(make_timestamp(CAST(floor(epoch_us(${sql}) / 1000.0) AS BIGINT) * 1000) AS TIMESTAMP_MS)`
    case 'variant':
    case 'object':
    case 'array':
      return `sf_clean(${sql})`
    case 'number':
    case 'float':
    case 'text':
    case 'boolean':
    case 'date':
    case 'time':
    case 'binary':
    case 'null':
    case 'timestamp_ltz':
    case 'timestamp_tz':
      return sql
    default:
      return type satisfies never
  }
}
