/** `features try --engine sql`: the lines as change tables in DuckDB, asked by the SQL that is generated for the lake. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { ChangeLine, ReadLine } from '../features/change-lines.ts'
import { aggregatesOf, columnType, type FeatureView } from '../features/definition.ts'
import type { FeatureValues, ShownValue } from '../features/evaluate.ts'
import { type LakeChange, lakeChanges } from '../features/lake-changes.ts'
import { sourceShape } from '../features/row-event.ts'
import { asofSql } from '../features/sql/asof.ts'
import { duckdb, textLiteral } from '../features/sql/dialect.ts'
import { historySql } from '../features/sql/history.ts'
import { compact, type Stored, shownValue } from '../features/values.ts'

const ROWS_PER_INSERT = 500

/** Values in the order of the reads; the same as the engine's. */
export async function evaluateInDuckdb(
  view: FeatureView,
  changes: readonly ChangeLine[],
  reads: readonly ReadLine[],
): Promise<readonly FeatureValues[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await loadLines(connection, view, changes)
    const values: FeatureValues[] = []
    const numbered = reads.map((read, index) => ({ read, index, after: read.afterLines ?? changes.length }))
    for (const [after, group] of Map.groupBy(numbered, (each) => each.after)) {
      const position = changes.slice(0, after).reduce((newest, { event }) => later(newest, event?.position ?? ''), '')
      for (const source of Object.keys(view.sources)) await showHistory(connection, view, source, after)
      for (const row of await ask(connection, view, group, position)) values[Number(row._row)] = featureValues(view, row)
    }
    return values
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Tables `<source>_changes` of all lines. */
async function loadLines(connection: DuckDBConnection, view: FeatureView, changes: readonly ChangeLine[]): Promise<void> {
  const lake = lakeChanges(view, changes)
  for (const source of Object.keys(view.sources)) await loadChanges(connection, view, source, lake)
}

/** Tables `<source>_changes` and `<source>_history` of the first `after` lines. */
export async function showLines(
  connection: DuckDBConnection,
  view: FeatureView,
  changes: readonly ChangeLine[],
  after: number,
): Promise<void> {
  await loadLines(connection, view, changes)
  for (const source of Object.keys(view.sources)) await showHistory(connection, view, source, after)
}

const later = (a: string, b: string): string => (a > b ? a : b)
const changesOf = (source: string) => duckdb.identifier(`${source}_changes`)
const historyOf = (source: string) => duckdb.identifier(`${source}_history`)

async function loadChanges(
  connection: DuckDBConnection,
  view: FeatureView,
  source: string,
  changes: readonly LakeChange[],
): Promise<void> {
  const shape = sourceShape(view, source)
  const columns = shape.columns.map((column, index) => `${duckdb.identifier(column)} ${sqlType(shape.types[index])}`)
  await connection.run(
    `create table ${changesOf(source)} (_line bigint, _op varchar, _position varchar, _source_committed_at timestamp, _unchanged varchar, ${columns.join(', ')})`,
  )
  const rows = changes
    .filter((change) => change.source === source)
    .map((change) => {
      const values = shape.types.map((type, index) => literal(change.values[index] ?? null, type))
      const at = change.committedAt === null ? 'null' : `make_timestamp(${change.committedAt * 1000})`
      const unchanged = change.unchanged.length === 0 ? null : change.unchanged.join(',')
      return `(${[change.line, text(change.op), text(change.position), at, text(unchanged), ...values].join(', ')})`
    })
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
    await connection.run(`insert into ${changesOf(source)} values ${rows.slice(start, start + ROWS_PER_INSERT).join(',\n')}`)
  }
}

type Type = ReturnType<typeof columnType>

function sqlType(type: Type | undefined): string {
  switch (type?.kind) {
    case 'boolean':
      return 'boolean'
    case 'integer':
      return 'decimal(38, 0)'
    case 'money':
      return `decimal(38, ${type.scale})`
    case 'instant':
      return 'timestamp'
    default:
      return 'varchar'
  }
}

const text = (value: string | null): string => (value === null ? 'null' : textLiteral(duckdb, value))

function literal(value: Stored, type: Type): string {
  if (value === null) return 'null'
  if (type.kind === 'instant') return `make_timestamp(${BigInt(Number(value)) * 1000n})`
  if (type.kind === 'boolean') return String(value)
  return text(String(shownValue(value, type)))
}

/** What the first `after` lines say. */
async function showHistory(connection: DuckDBConnection, view: FeatureView, source: string, after: number): Promise<void> {
  const known = `(from ${changesOf(source)} where _line < ${after})`
  await connection.run(
    `create or replace temp table ${historyOf(source)} as ${historySql(duckdb, { view, source, changes: known, wallClock: () => false })}`,
  )
}

async function ask(
  connection: DuckDBConnection,
  view: FeatureView,
  reads: readonly { readonly read: ReadLine; readonly index: number }[],
  position: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows = reads.map(({ read, index }) => `(${index}, ${text(read.entity)}, ${read.asOf}::bigint, ${text(position)})`)
  const spine = `select * from (values ${rows.join(', ')}) as reads (_row, entity, as_of_ms, known_position)`
  const sql = asofSql(duckdb, { view, history: historyOf, spine, carried: ['_row'] })
  return (await connection.runAndReadAll(sql)).getRowObjects()
}

/** A row of the generated SQL as the engine would say it. */
export function featureValues(view: FeatureView, row: Readonly<Record<string, unknown>>): FeatureValues {
  const values: Record<string, ShownValue> = {}
  const parts: Record<string, { numerator: string; denominator: string }> = {}
  for (const { name, value } of view.features) {
    const found = stored(row[name])
    if ('ratio' in value) {
      values[name] = found === null ? null : Number(found) + 0
      parts[name] = { numerator: String(row[`${name}.numerator`]), denominator: String(row[`${name}.denominator`]) }
      continue
    }
    const [[, aggregate] = [null, null]] = aggregatesOf(value)
    const typed =
      'elapsedDays' in value || aggregate === null || aggregate.aggregate === 'count' || aggregate.aggregate === 'distinct'
    values[name] = shownValue(found, typed ? { kind: 'integer' } : columnType(view, aggregate.of.rows, aggregate.column))
  }
  return { values, parts }
}

function stored(value: unknown): Stored {
  if (value === undefined) return null
  return typeof value === 'bigint' ? compact(value) : (value as Stored)
}
