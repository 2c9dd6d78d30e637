/** The generated SQL on PostgreSQL, for comparison with engine and oracle. */
import type { ChangeLine, ReadLine } from '../../features/change-lines.ts'
import type { ColumnType, FeatureView } from '../../features/definition.ts'
import type { FeatureValues } from '../../features/evaluate.ts'
import { lakeChanges } from '../../features/lake-changes.ts'
import { sourceShape } from '../../features/row-event.ts'
import { asofColumns, asofSql } from '../../features/sql/asof.ts'
import { postgres } from '../../features/sql/dialect.ts'
import { historySql } from '../../features/sql/history.ts'
import { compact, shownValue } from '../../features/values.ts'
import { featureValues } from '../../orchestration/features-sql.ts'
import type { Database } from '../support/postgres.ts'

const PG_TYPES: Readonly<Record<ColumnType['kind'], string>> = {
  id: 'text',
  text: 'text',
  boolean: 'boolean',
  integer: 'numeric',
  money: 'numeric',
  instant: 'timestamptz',
}

/** As `evaluateInDuckdb`; drops what an earlier call left. */
export async function evaluateInPostgres(
  database: Database,
  view: FeatureView,
  changes: readonly ChangeLine[],
  reads: readonly ReadLine[],
): Promise<readonly FeatureValues[]> {
  const events = lakeChanges(view, changes)
  for (const source of Object.keys(view.sources)) {
    const shape = sourceShape(view, source)
    const columns = shape.columns.map((column, index) => `"${column}" ${PG_TYPES[shape.types[index]?.kind ?? 'text']}`)
    await database.query(`drop table if exists ${source}_history, ${source}_changes`)
    await database.query(
      `create table ${source}_changes (_line int, _op text, _position text, _source_committed_at timestamptz, _unchanged text, ${columns.join(', ')})`,
    )
    const rows = events.filter((event) => event.source === source)
    const records = rows.map((event) => ({
      _line: event.line,
      _op: event.op,
      _position: event.position,
      _source_committed_at: event.committedAt === null ? null : new Date(event.committedAt).toISOString(),
      _unchanged: event.unchanged.length === 0 ? null : event.unchanged.join(','),
      ...Object.fromEntries(
        shape.columns.map((column, index) => [
          column,
          shownValue(event.values[index] ?? null, shape.types[index] ?? { kind: 'id' }),
        ]),
      ),
    }))
    await database.query(`insert into ${source}_changes select * from jsonb_populate_recordset(null::${source}_changes, $1)`, [
      JSON.stringify(records),
    ])
  }
  const values: FeatureValues[] = []
  for (const [index, read] of reads.entries()) {
    const after = read.afterLines ?? changes.length
    const position = changes
      .slice(0, after)
      .reduce((newest, { event }) => (newest > (event?.position ?? '') ? newest : (event?.position ?? '')), '')
    for (const source of Object.keys(view.sources)) {
      const known = `(select * from ${source}_changes where _line < ${after}) known_changes`
      await database.query(`drop table if exists ${source}_history`)
      await database.query(
        `create table ${source}_history as ${historySql(postgres, { view, source, changes: known, wallClock: () => false })}`,
      )
    }
    const spine = `select 0 as _row, '${read.entity}' as entity, ${read.asOf}::bigint as as_of_ms, '${position}' as known_position`
    const sql = asofSql(postgres, { view, history: (source) => `${source}_history`, spine })
    const [row = {}] = await database.query(sql)
    values[index] = featureValues(view, exact(view, row))
  }
  return values
}

/** `pg` gives 64-bit integers and numerics as text. */
function exact(view: FeatureView, row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const numbers = new Set(
    asofColumns(postgres, view)
      .filter(({ type }) => type === 'bigint' || type.startsWith('numeric'))
      .map(({ name }) => name),
  )
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      numbers.has(name) && typeof value === 'string' ? compact(BigInt(value)) : value,
    ]),
  )
}
