import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, test } from 'vitest'
import { MemoryDatabase } from '../../connectors/memory/database.ts'
import { parseChangeLines } from '../../features/change-lines.ts'
import { openEngine } from '../../features/engine.ts'
import { duckdb } from '../../features/sql/dialect.ts'
import { affectedEntities, fullMart, incrementalMart } from '../../features/sql/mart.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { showLines } from '../../orchestration/features-sql.ts'
import { BOOK_DAY, CLIENTS, loanHistory } from './loan-history.ts'
import { oracle } from './oracle.ts'

const DAY = 86_400_000
const HOUR = 3_600_000

function book(steps: number) {
  const database = new MemoryDatabase()
  const history = loanHistory(database, 5)
  for (let step = 0; step < steps; step++) history.step()
  const parsed = parseChangeLines(clientLoans, history.lines.map((line) => JSON.stringify(line)).join('\n'), 'lines')
  expect(parsed.problems).toEqual([])
  return { lines: history.lines, changes: parsed.lines }
}

const history = (source: string) => `${source}_history`
const view = { view: clientLoans, history }

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<unknown> {
  return (await connection.runAndReadAll(`select * exclude (as_of_ms) from (${sql}) order by entity`)).getRowsJson()
}

describe('the incremental mart', () => {
  test('equals a full refresh row for row on 150 days, and computes fewer entities', async () => {
    const { changes } = book(200)
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    try {
      await showLines(connection, clientLoans, changes, changes.length)
      const at = (day: number) => ({
        // Runs are never punctual; one is at the very edge of a window.
        asOfMs: `${BOOK_DAY - 60 * DAY + day * DAY + (day % 5 === 0 ? 0 : ((day * 17) % 1_300) * 60_000)}::bigint`,
        // Nothing happens on every third day.
        position: `'${changes[Math.min(changes.length - 1, Math.floor(day / 3) * 8)]?.event?.position}'`,
      })
      await connection.run(`create table mart as ${fullMart(duckdb, view, at(0))}`)
      let computed = 0
      let owners = 0
      for (let day = 1; day <= 150; day++) {
        const moments = { from: at(day - 1), to: at(day) }
        computed += (await connection.runAndReadAll(affectedEntities(duckdb, view, moments))).currentRowCount
        for (const statement of incrementalMart(duckdb, { ...view, mart: 'mart' }, { ...moments, affected: 'affected' }))
          await connection.run(statement)
        const full = await rowsOf(connection, fullMart(duckdb, view, moments.to))
        expect(await rowsOf(connection, 'from mart')).toEqual(full)
        owners += (full as unknown[]).length
      }
      expect(owners).toBeGreaterThan(300)
      expect(computed).toBeLessThan(owners)
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
  }, 120_000)
})

test('through 24 hours without a change every value is that of a fresh computation at each hour', () => {
  const { lines, changes } = book(120)
  const engine = openEngine(clientLoans)
  for (const { event } of changes) if (event) engine.apply([event])
  const seen = new Set<string>()
  for (let hour = 0; hour <= 24; hour++) {
    const asOf = BOOK_DAY + hour * HOUR
    for (const client of CLIENTS) {
      const values = engine.read(client, asOf)
      expect(values).toEqual(oracle(clientLoans, lines, client, asOf))
      seen.add(`${client} ${JSON.stringify(values)}`)
    }
  }
  expect(seen.size).toBeGreaterThan(CLIENTS.length)
})
