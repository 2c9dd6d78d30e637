/**
 * Compares tables of PostgreSQL with their relations in a warehouse row by row, value by value: both sides are read in key
 * order, every value is rendered to one canonical text, and the two streams are merged. Nothing is sampled or hashed.
 */
import type { Client } from 'pg'
import type { Warehouse } from '../../connectors/ports.ts'
import { type ComparedColumn, comparedColumns, compareKeys, lakeSelect, sameValue, sourceSelect } from './comparison-sql.ts'

const FETCH_ROWS = 20_000
const MAX_KEYS = 10

type Reader = Pick<Warehouse, 'query'>

export type ComparedTable = {
  readonly schema: string
  readonly name: string
  /** How the warehouse calls the current rows, quoted. */
  readonly relation: string
}

export type Comparison = {
  readonly table: string
  readonly rows: { readonly source: number; readonly lake: number }
  readonly onlySource: number
  readonly onlyLake: number
  readonly differing: number
  /** Keys of the first differences, for the person who asked; never for a log. */
  readonly keys: readonly string[]
}

/** Whether source and lake hold the same rows with the same values. */
export function isEqual(comparison: Comparison): boolean {
  return comparison.onlySource === 0 && comparison.onlyLake === 0 && comparison.differing === 0
}

/**
 * Compares one table. The source must not change meanwhile, or be at the position that the warehouse shows.
 *
 * @throws Error when the table does not exist in the source.
 */
export async function compareTable(
  client: Client,
  warehouse: Reader,
  table: ComparedTable,
  signal: AbortSignal,
): Promise<Comparison> {
  const columns = await readColumns(client, table)
  const source = sourceRows(client, sourceSelect(table, columns), signal)
  const lake = lakeRows(warehouse, lakeSelect(table.relation, columns), signal)
  return merge(`${table.schema}.${table.name}`, columns, source, lake)
}

type Row = readonly (string | null)[]

async function merge(
  table: string,
  columns: readonly ComparedColumn[],
  source: AsyncGenerator<Row>,
  lake: AsyncGenerator<Row>,
): Promise<Comparison> {
  const rows = { source: 0, lake: 0 }
  const counts = { onlySource: 0, onlyLake: 0, differing: 0 }
  const keys: string[] = []
  const note = (kind: keyof typeof counts, row: Row) => {
    counts[kind] += 1
    if (keys.length < MAX_KEYS) keys.push(columns.flatMap(({ key }, i) => (key ? [row[i] ?? 'NULL'] : [])).join(','))
  }
  try {
    let [left, right] = [await next(source), await next(lake)]
    while (left !== null || right !== null) {
      const order = left === null ? 1 : right === null ? -1 : compareKeys(columns, left, right)
      const [leftRow, rightRow] = [order <= 0 ? left : null, order >= 0 ? right : null]
      if (leftRow !== null) rows.source += 1
      if (rightRow !== null) rows.lake += 1
      if (leftRow !== null && rightRow !== null) {
        if (!columns.every((column, i) => sameValue(column, leftRow[i] ?? null, rightRow[i] ?? null))) note('differing', leftRow)
      } else if (leftRow !== null) note('onlySource', leftRow)
      else if (rightRow !== null) note('onlyLake', rightRow)
      if (leftRow !== null) left = await next(source)
      if (rightRow !== null) right = await next(lake)
    }
  } finally {
    await source.return(undefined)
    await lake.return(undefined)
  }
  return { table, rows, ...counts, keys }
}

/** Most values come from the batch at hand: only its end is worth a turn of the event loop. */
async function next(rows: AsyncGenerator<Row>): Promise<Row | null> {
  const { value, done } = await rows.next()
  return done === true ? null : value
}

async function readColumns(client: Client, { schema, name }: ComparedTable): Promise<readonly ComparedColumn[]> {
  const { rows } = await client.query<{ name: string; type: string; key: boolean }>(
    /* sql */ `
      select a.attname as name, format_type(a.atttypid, null) as type, coalesce(a.attnum = any (i.indkey), false) as key
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_index i on i.indrelid = c.oid and i.indisprimary
      where n.nspname = $1 and c.relname = $2
      order by a.attnum`,
    [schema, name],
  )
  if (rows.length === 0) throw new Error(`Table "${schema}.${name}" is not in the source`)
  return comparedColumns(rows)
}

async function* sourceRows(client: Client, sql: string, signal: AbortSignal): AsyncGenerator<Row> {
  await client.query('begin isolation level repeatable read read only')
  try {
    await client.query(`declare compared no scroll cursor for ${sql}`)
    for (;;) {
      signal.throwIfAborted()
      const { rows } = await client.query<(string | null)[]>({ text: `fetch ${FETCH_ROWS} from compared`, rowMode: 'array' })
      yield* rows
      if (rows.length < FETCH_ROWS) return
    }
  } finally {
    await client.query('rollback')
  }
}

async function* lakeRows(warehouse: Reader, sql: string, signal: AbortSignal): AsyncGenerator<Row> {
  const { batches } = await warehouse.query(sql, signal)
  for await (const batch of batches) {
    const vectors = batch.schema.fields.map((_, i) => batch.getChildAt(i))
    for (let row = 0; row < batch.numRows; row += 1) yield vectors.map((vector) => vector?.get(row) as string | null)
  }
}
