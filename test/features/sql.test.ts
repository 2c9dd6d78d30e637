import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseChangeLines, type ReadLine } from '../../features/change-lines.ts'
import type { FeatureView } from '../../features/definition.ts'
import { loadView } from '../../features/load-view.ts'
import { asofFunction } from '../../features/sql/asof.ts'
import { duckdb, postgres, SQL_DIALECTS } from '../../features/sql/dialect.ts'
import { historySql } from '../../features/sql/history.ts'
import { sqlScript } from '../../features/sql/script.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { evaluateInDuckdb } from '../../orchestration/features-sql.ts'
import { portage } from '../support/command-line.ts'
import { sharedPostgres } from '../support/postgres.ts'
import { type Line, oracle } from './oracle.ts'
import { portfolio } from './portfolio-view.ts'
import { evaluateInPostgres } from './sql-engines.ts'
import { EDGES, redelivered, shuffled } from './streams.ts'

const parsed = (lines: readonly Line[]) =>
  parseChangeLines(portfolio, lines.map((line) => JSON.stringify(line)).join('\n'), 'lines').lines

/** Every tenth event and the last, in turn at each edge, for every client. */
function readsOf(lines: readonly Line[], step: number): readonly ReadLine[] {
  const places = [...lines.keys()].map((index) => index + 1).filter((after) => after % step === 0 || after === lines.length)
  return places.flatMap((afterLines, place) =>
    ['c1', 'c2', 'nobody'].map((entity, index) => {
      const asOf = EDGES[(place * 5 + index * 7 + lines.length) % EDGES.length] ?? 0
      return { line: 0, entity, asOfText: '', asOf, afterLines }
    }),
  )
}

const expected = (lines: readonly Line[], reads: readonly ReadLine[]) =>
  reads.map(({ entity, asOf, afterLines }) => oracle(portfolio, lines.slice(0, afterLines ?? lines.length), entity, asOf))

describe('the generated SQL equals the brute-force evaluator', () => {
  test('on DuckDB, at every tenth event', async () => {
    const property = fc.asyncProperty(fc.oneof(redelivered, shuffled), async (lines) => {
      const reads = readsOf(lines, 10)
      expect(await evaluateInDuckdb(portfolio, parsed(lines), reads)).toEqual(expected(lines, reads))
    })
    await fc.assert(property, { numRuns: 12 })
  }, 120_000)

  test('on PostgreSQL, at every tenth event', async () => {
    await using database = await (await sharedPostgres()).createDatabase()
    const property = fc.asyncProperty(fc.oneof(redelivered, shuffled), async (lines) => {
      const reads = readsOf(lines, 10)
      expect(await evaluateInPostgres(database, portfolio, parsed(lines), reads)).toEqual(expected(lines, reads))
    })
    await fc.assert(property, { numRuns: 4 })
  }, 120_000)
})

test('the DuckDB function answers for every client that owns something, at any time and position', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(`create table loan_changes as select * from (values
      ('c', 'p1', timestamp '2026-05-01', null::varchar, 1, 7, 500.00::decimal(12,2), 'active', timestamp '2026-05-01 09:00:00'),
      ('u', 'p3', timestamp '2026-06-10', null, 1, 7, 500.00, 'paid', timestamp '2026-05-01 09:00:00'),
      ('c', 'p1.5', timestamp '2026-05-02', null, 2, 7, 1.00, 'application', null)
    ) t (_op, _position, _source_committed_at, _unchanged, id, client_id, amount, status, issued_at)`)
    await connection.run(`create table payment_changes as select * from (values
      ('c', 'p4', timestamp '2026-06-15', null::varchar, 1, 1, 4.00::decimal(12,2), 'late', timestamp '2026-05-20 00:00:00')
    ) t (_op, _position, _source_committed_at, _unchanged, id, loan_id, interest, status, paid_at)`)
    for (const source of ['loan', 'payment']) {
      await connection.run(
        `create view ${source}_history as ${historySql(duckdb, { view: clientLoans, source, changes: `${source}_changes` })}`,
      )
    }
    await connection.run(asofFunction(duckdb, { view: clientLoans, history: (source) => `${source}_history` }))
    const ask = async (at: string, position: string) =>
      (await connection.runAndReadAll(`from client_loans__asof(epoch_ms(timestamp '${at}'), '${position}')`)).getRowsJson()
    const june1 = String(Date.UTC(2026, 5, 1))
    expect(await ask('2026-06-01', 'p2')).toEqual([['7', june1, '0', null, 0, '0', '50000']])
    expect(await ask('2026-06-01', 'p9')).toEqual([['7', june1, '1', '12', 0.008, '400', '50000']])
    expect(await ask('2026-06-01', 'p0')).toEqual([])
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
})

test('the PostgreSQL script runs, and its function answers', async () => {
  await using database = await (await sharedPostgres()).createDatabase()
  await database.query(`create table loan_changes as select * from (values
    ('r', '0001', null::timestamptz, null::text, 1, 7, 500.00, 'paid', timestamptz '2026-05-01 09:00Z'),
    ('r', '0001', null, null, 2, 7, 1.00, 'application', null)
  ) t (_op, _position, _source_committed_at, _unchanged, id, client_id, amount, status, issued_at)`)
  await database.query(`create table payment_changes as select * from (values
    ('c', '0002', now(), null::text, 1, 1, 4.00, 'late', timestamptz '2026-05-20 00:00Z')
  ) t (_op, _position, _source_committed_at, _unchanged, id, loan_id, interest, status, paid_at)`)
  await database.query(sqlScript(postgres, clientLoans))
  const [row, ...more] = await database.query("select * from client_loans__asof($1, '0002')", [Date.UTC(2026, 5, 1)])
  expect(more).toEqual([])
  expect(row).toMatchObject({
    entity: '7',
    'paid_loans.count': '1',
    'days_since_last_late_payment.count': '12',
    'profit_in_last_90_days.rate': 0.008,
  })
})

/** Loan changes as they lie in a lake, in DuckDB; `amount` and `issued_at` of the type given. */
async function loanHistoryOf(rows: string, view: FeatureView = clientLoans): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(
      `create table loan_changes as select * from (values ${rows}) t (_op, _position, _source_committed_at, _unchanged, id, client_id, amount, status, issued_at)`,
    )
    const history = historySql(duckdb, { view, source: 'loan', changes: 'loan_changes' })
    const sql = `select id, _from, _to, amount::varchar, issued_at::varchar from (${history}) order by id, _from`
    return (await connection.runAndReadAll(sql)).getRowsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

describe('a history', () => {
  test('refuses an amount that would have to be rounded, on DuckDB and PostgreSQL, and takes zeros', async () => {
    const row = (amount: string) =>
      `('c', '1', now()::timestamp, null::varchar, 1, 7, ${amount}::decimal(18,4), 'paid', timestamp '2026-05-01')`
    expect(await loanHistoryOf(row('12.3400'))).toMatchObject([['1', '1', null, '1234', expect.anything()]])
    await expect(loanHistoryOf(row('12.3410'))).rejects.toThrow('expected at most 2 decimals, found more')
    await using database = await (await sharedPostgres()).createDatabase()
    await database.query(`create table loan_changes as select 'c' as _op, '1' as _position, now() as _source_committed_at,
      null::text as _unchanged, 1 as id, 7 as client_id, 12.3400 as amount, 'paid' as status, now() as issued_at`)
    const history = historySql(postgres, { view: clientLoans, source: 'loan', changes: 'loan_changes' })
    expect(await database.query(history)).toMatchObject([{ amount: '1234' }])
    await database.query('update loan_changes set amount = 12.341')
    await expect(database.query(history)).rejects.toThrow('expected at most 2 decimals, found more')
  })

  test('ends what a newer base no longer has, and begins again what comes back', async () => {
    const row = (op: string, position: string, id: number) =>
      `('${op}', '${position}', null::timestamp, null::varchar, ${id}, 7, 1.00::decimal(12,2), 'paid', timestamp '2026-05-01')`
    const spans = await loanHistoryOf(
      [
        row('c', '1', 1),
        row('c', '2', 2),
        row('u', '3', 2),
        row('c', '4', 3),
        row('r', '5', 1),
        row('u', '7', 1),
        row('c', '8', 3),
      ].join(', '),
    )
    expect(spans.map((span) => (span as unknown[]).slice(0, 3))).toEqual([
      ['1', '1', '5'],
      ['1', '5', '7'],
      ['1', '7', null],
      ['2', '2', '3'],
      ['2', '3', '5'],
      ['3', '4', '5'],
      ['3', '8', null],
    ])
  })

  test('reads a wall clock in the zone of the definition', async () => {
    const zoned = loadView({
      ...clientLoans,
      sources: {
        ...clientLoans.sources,
        loan: {
          ...clientLoans.sources.loan,
          columns: { ...clientLoans.sources.loan?.columns, issued_at: { kind: 'instant', zone: '+02:00' } },
        },
      },
    })
    const row = `('c', '1', null::timestamp, null::varchar, 1, 7, 1.00, 'paid', timestamp '2026-05-01 02:00:00')`
    expect(await loanHistoryOf(row, zoned)).toMatchObject([['1', '1', null, '100', String(Date.UTC(2026, 4, 1))]])
  })
})

test('the mart and what brings it up to date can be printed for every engine', async () => {
  for (const dialect of SQL_DIALECTS) {
    const printed = await portage(['features', 'show', 'client_loans', '--sql', dialect.name, '--kind', 'mart'])
    expect(printed.stdout).toContain('as known_position')
    const more = await portage(['features', 'show', 'client_loans', '--sql', dialect.name, '--kind', 'incremental'])
    expect(more.stdout).toContain(':previous_as_of_ms')
    await expect(printed.stdout + more.stdout).toMatchFileSnapshot(`../golden/features/client_loans.mart.${dialect.name}.sql`)
  }
  expect(await portage(['features', 'show', 'client_loans', '--sql', 'duckdb', '--kind', 'all'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('expected history, asof, mart, incremental'),
  })
})

describe.each(SQL_DIALECTS)('the SQL for $name', (dialect) => {
  test.each([clientLoans, portfolio])('of $name is the golden one', async (view) => {
    await expect(sqlScript(dialect, view)).toMatchFileSnapshot(`../golden/features/${view.name}.${dialect.name}.sql`)
  })
})
