/**
 * COPY INTO @stage: a query's rows as Parquet files, with Snowflake's quirks: TIMESTAMP_LTZ and TZ fail with 100171, NTZ is written in
 * milliseconds, zero rows make no file, PARTITION BY leaves its columns in the files and writes NULL as `_NULL_`, nothing is deleted,
 * and what a failed unload has written stays. I/O.
 */

import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SqlError, type StatementResult } from '../../engine.ts'
import { castTo } from '../bind/cast.ts'
import { bindExpression } from '../bind/expression.ts'
import { bindQuery } from '../bind/query.ts'
import { emptyScope, type QueryColumn } from '../bind/scope.ts'
import { invalidParameter, notSupported } from '../errors.ts'
import { optionFlag, optionMap, optionNumber } from '../parse/options.ts'
import { contextFor } from '../resolve.ts'
import { type Run, STATEMENT } from '../run.ts'
import { keyPrefix } from '../stage/buckets.ts'
import type { StatementOf } from '../statement.ts'
import { formatClause } from '../statements/formats.ts'
import { number, type SqlType, text } from '../types.ts'
import { tableResult } from '../wire.ts'
import { type Partition, unloadPlan } from './plan.ts'

type Copy = StatementOf<'copy-into-location'>
type Written = { readonly name: string; readonly size: number; readonly rows: number }

const DEFAULT_FILE_BYTES = 16 * 1024 ** 2

export async function copyInto(run: Run, statement: Copy): Promise<StatementResult> {
  const stage = run.names.stage(statement.stage.name)
  run.access.demand(stage, 'USAGE')
  const { options } = statement
  const flag = (name: string, usual: boolean): boolean => optionFlag(options, name) ?? usual
  const clause = optionMap(options, 'FILE_FORMAT') ?? stage.format
  const { format } = formatClause(run, clause)
  if (format.type !== 'PARQUET') throw notSupported(`unloading ${format.type} files`)
  if (
    statement.partitionBy !== null &&
    (flag('OVERWRITE', false) || flag('SINGLE', false) || options.get('INCLUDE_QUERY_ID') === false)
  ) {
    throw invalidParameter('OVERWRITE and SINGLE cannot be TRUE, and INCLUDE_QUERY_ID cannot be FALSE, with PARTITION BY')
  }
  const includeId = flag('INCLUDE_QUERY_ID', statement.partitionBy !== null)
  if (includeId && (flag('OVERWRITE', false) || flag('SINGLE', false)))
    throw invalidParameter('INCLUDE_QUERY_ID cannot be TRUE with OVERWRITE or SINGLE')
  const context = await contextFor(run, statement.source, statement.partitionBy)
  const query = bindQuery(statement.source, emptyScope(context))
  for (const { name, value } of query.columns) refuseZoned(name, value.type)
  const partition = statement.partitionBy === null ? null : partitionSql(statement.partitionBy, query.columns, context)
  const directory = join(run.engine.directory, randomUUID())
  await mkdir(directory, { recursive: true })
  const written: Written[] = []
  try {
    const plan = await unloadPlan(run, query, {
      partition,
      header: flag('HEADER', false),
      maxBytes: flag('SINGLE', false) ? Number.POSITIVE_INFINITY : (optionNumber(options, 'MAX_FILE_SIZE') ?? DEFAULT_FILE_BYTES),
      compression: format.compression,
      directory,
    })
    const bucket = await run.engine.buckets.open(stage.options)
    for (const part of plan) {
      if (written.length > 0) strike(run, written.length)
      const name = fileName(run, part, { includeId, single: flag('SINGLE', false), path: statement.stage.path })
      const key = keyPrefix(stage, name.key)
      if (!includeId && !flag('OVERWRITE', false) && (await bucket.head(key, run.signal)) !== null) {
        throw new SqlError(
          '001030',
          '22000',
          `Files already existing at the unload destination: ${name.key}. Use overwrite option to force unloading.`,
        )
      }
      const bytes = await readFile(part.path)
      await bucket.put(key, bytes, run.signal)
      written.push({ name: name.shown, size: bytes.length, rows: part.rows })
    }
    if (plan.length > 0) strike(run, plan.length)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return answer(written, flag('DETAILED_OUTPUT', false))
}

/** Fails when a test armed it so; what was written stays where it is. */
function strike(run: Run, files: number): void {
  const fault = run.engine.unloadFaults.find(({ afterFiles, times }) => times > 0 && afterFiles === files)
  if (fault === undefined) return
  fault.times -= 1
  throw new SqlError('000603', 'XX000', 'SQL execution internal error: Processing aborted by error 370001')
}

function refuseZoned(name: string, type: SqlType): void {
  if (type.kind === 'timestamp_ltz' || type.kind === 'timestamp_tz') {
    throw new SqlError(
      '100171',
      '0A000',
      `Error encountered when unloading to PARQUET: TIMESTAMP_TZ and LTZ types are not supported for unloading to Parquet. value data type: ${type.kind.toUpperCase()}, column ${name}`,
    )
  }
}

function partitionSql(
  expression: NonNullable<Copy['partitionBy']>,
  columns: readonly QueryColumn[],
  context: Parameters<typeof emptyScope>[0],
): string {
  const scope = {
    ...emptyScope(context),
    relations: [
      {
        alias: null,
        path: [],
        columns: columns.map(({ name, value }, index) => ({ name, value: { ...value, sql: `q.c${index}` }, hidden: false })),
      },
    ],
  }
  return castTo(bindExpression(expression, scope), text(), { at: expression.at, formats: context.formats }).sql
}

type Naming = { readonly includeId: boolean; readonly single: boolean; readonly path: string }

/** Below a path that ends in `/` files are called `data`; otherwise the path is the beginning of their names. */
function fileName(run: Run, { number: part, partition, extension }: Partition, { includeId, single, path }: Naming) {
  if (single) return { key: path === '' || path.endsWith('/') ? `${path}data` : path, shown: path.split('/').at(-1) || 'data' }
  const folder = partition === null ? '' : `${partition === '' ? '' : `${partition}/`}`
  const slash = path === '' || path.endsWith('/')
  const stem = includeId ? `${slash ? 'data_' : '_'}${run.queryId}` : slash ? 'data' : ''
  const file = `${stem}_${String(part % 8).padStart(includeId ? 3 : 1, '0')}_${Math.floor(part / 8) % 8}_${part}${extension}`
  const base = slash || partition === null ? path : `${path}/`
  return { key: `${base}${folder}${file}`, shown: `${base}${folder}${file}` }
}

function answer(written: readonly Written[], detailed: boolean): StatementResult {
  if (detailed) {
    return tableResult(
      [
        ['FILE_NAME', text()],
        ['FILE_SIZE', number(38)],
        ['ROW_COUNT', number(38)],
      ],
      written.map(({ name, size, rows }) => [name, size, rows]),
      STATEMENT.copy,
    )
  }
  const sum = (of: (file: Written) => number) => written.reduce((total, file) => total + of(file), 0)
  return tableResult(
    [
      ['rows_unloaded', number(38)],
      ['input_bytes', number(38)],
      ['output_bytes', number(38)],
    ],
    [[sum(({ rows }) => rows), sum(({ size }) => size), sum(({ size }) => size)]],
    STATEMENT.copy,
  )
}
