/** Large values that the log does not repeat, read again from the table: one statement per table and flush, in slices. */
import { Buffer } from 'node:buffer'
import type { Environment } from '../ports.ts'
import type { OpenTable } from './change-assembler.ts'
import type { Session } from './connect.ts'
import type { PendingRow } from './decode/change-row.ts'
import { outputText } from './decode/plan-column.ts'
import { quoteIdentifier, quoteTable } from './identifiers.ts'
import { connectorError, sqlState } from './server-error.ts'

/** Values may be megabytes each. */
const SLICE_ROWS = 200

/**
 * Fills what the table still has; the found value may be newer than its row. A row, column or table that is gone leaves
 * its cells missing: they become NULL and are named in `_unchanged`.
 */
export async function fillUnchanged(session: Session, table: OpenTable, environment: Environment): Promise<void> {
  const { builder, resolved } = table
  const { source, current } = resolved
  const pending = builder.pending()
  if (pending.length === 0 || current === null || source.key.length === 0) return
  const columns = [...new Set(pending.flatMap((row) => row.columns))].filter((index) => {
    const column = source.columns[index]
    return column !== undefined && current.columns.has(column.id)
  })
  const keyed = source.key.every((id) => current.columns.has(id))
  if (columns.length === 0 || !keyed) return
  const sql = selectSql(table, columns)
  for (let start = 0; start < pending.length; start += SLICE_ROWS) {
    const slice = pending.slice(start, start + SLICE_ROWS)
    const found = await select(
      session,
      sql,
      slice,
      source.key.length,
      `Reading unchanged values of "${source.table}" again`,
      environment,
    )
    if (found === null) return
    for (const row of found) {
      const wanted = slice[Number(row[0]) - 1]
      if (wanted === undefined) continue
      columns.forEach((column, index) => {
        if (!wanted.columns.includes(column)) return
        const value = row[index + 1] ?? null
        builder.fill(wanted.row, column, value === null ? null : Buffer.from(value), 'text')
      })
    }
  }
}

function selectSql({ resolved: { source, current, plans } }: OpenTable, columns: readonly number[]): string {
  const nameOf = (id: number): string => quoteIdentifier(current?.columns.get(id) ?? '')
  const keys = source.key.map((id, index) => {
    const [column, plan] = [`t.${nameOf(id)}`, plans.find((candidate) => candidate.column.id === id)]
    // A structured key arrives as our JSON from a binary stream, as PostgreSQL prints it from one of text.
    if (plan !== undefined && (plan.type.form === 'array' || plan.type.form === 'composite'))
      return `k.k${index} in (pg_catalog.to_json(${column})::text, ${outputText(plan.type, column)})`
    return `${column} = k.k${index}::${plan?.column.sourceType ?? 'text'}`
  })
  const values = columns.map((index) => `t.${nameOf(plans[index]?.column.id ?? 0)}`)
  const arrays = source.key.map((_, index) => `$${index + 1}::text[]`).join(', ')
  const names = source.key.map((_, index) => `k${index}`).join(', ')
  return (
    `select k.n, ${values.join(', ')} from unnest(${arrays}) with ordinality k(${names}, n) ` +
    `join ${quoteTable(current?.schema ?? '', current?.name ?? '')} t on ${keys.join(' and ')}`
  )
}

type TextRow = readonly (string | null)[]

/** Null when the table no longer fits the statement. Values stay the text of their output function. */
async function select(
  session: Session,
  sql: string,
  rows: readonly PendingRow[],
  keys: number,
  subject: string,
  environment: Environment,
): Promise<readonly TextRow[] | null> {
  const values = Array.from({ length: keys }, (_, index) => rows.map((row) => row.key[index] ?? null))
  try {
    const result = await session.client.query<(string | null)[]>({ text: sql, values, rowMode: 'array', types: AS_TEXT })
    return result.rows
  } catch (error) {
    // The key may have become another type (42) in which the old text means nothing (22).
    if (!/^(42|22)/.test(sqlState(error) ?? '')) throw connectorError(error, subject)
    environment.log('warn', `${subject}: the table was altered meanwhile`, { error: sqlState(error) })
    return null
  }
}

const AS_TEXT = { getTypeParser: () => (value: string) => value } as never
