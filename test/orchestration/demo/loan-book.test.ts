import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { copyText } from '../../../orchestration/demo/copy-in.ts'
import { loadBook } from '../../../orchestration/demo/load-book.ts'
import { bookSize, cents, hasLongNotes, loanBook, notes, statusOf, uuid } from '../../../orchestration/demo/loan-book.ts'
import { runWorkload } from '../../../orchestration/demo/run-workload.ts'
import { type Step, workload } from '../../../orchestration/demo/workload.ts'
import { sharedPostgres } from '../../support/postgres.ts'

const SCALE = 0.01

describe('the loan book', () => {
  test('is about 114,000 clients, 167,000 loans and 118,000 payments', () => {
    expect(bookSize(1)).toEqual({ clients: 114_203, loans: 167_049, payments: 118_311 })
  })

  test('is the same at every run', () => {
    const digest = createHash('sha256')
    for (const table of loanBook(SCALE)) {
      for (let n = 1; n <= table.rows; n += 1) digest.update(`${table.row(n).map(copyText).join('\t')}\n`)
    }
    expect(digest.digest('hex')).toMatchInlineSnapshot(`"24953184b1422f7d9847dbd32255badff1c657eff440aaeace6c08c62438eeed"`)
  })

  test('has notes that cannot be compressed below the limit of a row', () => {
    expect(hasLongNotes(207)).toBe(true)
    expect(notes(207)?.length).toBeGreaterThan(6_000)
    expect(notes(207)).not.toBe(notes(407))
  })

  test('writes amounts exactly, and identifiers in their form', () => {
    expect([cents(0), cents(5), cents(-5), cents(123_456), cents(-100)]).toEqual(['0.00', '0.05', '-0.05', '1234.56', '-1.00'])
    expect(uuid(3)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('escapes what COPY would read as its own', () => {
    expect([copyText('a\tb\\c\r\n'), copyText(null), copyText(false), copyText('')]).toEqual([
      'a\\tb\\\\c\\r\\n',
      '\\N',
      'false',
      '',
    ])
  })
})

describe('on a real server', () => {
  test('the book holds the awkward parts of real data', async () => {
    await using database = await (await sharedPostgres()).createDatabase()
    const loaded = await loadBook(database.client, SCALE)
    expect([...loaded]).toEqual([
      ['client', 1_142],
      ['loan', 1_670],
      ['payment', 1_183],
      ['exchange_rate', 360],
    ])
    const [facts] = await database.query(/* sql */ `
      select
        (select count(*)::int from client) as clients,
        (select count(*) > 0 from client where email is null and notes like E'%\\t%\\r\\n%') as texts,
        (select count(*) > 0 from client where attributes = 'null') as json_nulls,
        (select count(*) > 0 from client where birth_date < '1970-01-01') as old,
        (select bool_and(issued_at is null) from loan where status = 'application') as unpaid_applications,
        (select count(*) > 0 from loan where issued_at > '2026-06-30 12:00+00') as future_loans,
        (select count(*) > 0 from loan where amount = 0) as zero_amounts,
        (select count(*) > 0 from payment where paid_at > '2026-06-30 12:00+00') as future_payments,
        (select count(*) > 0 from payment where paid_at is null) as scheduled,
        (select count(*) > 0 from payment where interest < 0) as negative,
        (select count(*) from payment p join loan l on l.id = p.loan_id where l.status in ('application', 'cancelled'))::int as misplaced,
        (select pg_relation_size(reltoastrelid) > 0 from pg_class where relname = 'client') as out_of_line`)
    expect(facts).toEqual({
      clients: 1_142,
      texts: true,
      json_nulls: true,
      old: true,
      unpaid_applications: true,
      future_loans: true,
      zero_amounts: true,
      future_payments: true,
      scheduled: true,
      negative: true,
      misplaced: 0,
      out_of_line: true,
    })
    expect(statusOf(1)).toBe((await database.query<{ status: string }>('select status from loan where id = 1'))[0]?.status)
  })

  test('the workload runs to its end, with every kind of change and nothing of what was rolled back', async () => {
    await using database = await (await sharedPostgres()).createDatabase()
    await loadBook(database.client, SCALE)
    const steps = [...workload({ scale: SCALE, rounds: 40 })]
    const labels: string[] = []
    const totals = await runWorkload(database.client, steps, {
      signal: new AbortController().signal,
      before: ({ label }: Step) => void labels.push(label),
    })
    expect(new Set(labels)).toEqual(
      new Set([
        'application',
        'payments',
        'paid out',
        'moved house',
        'corrections',
        'key change with its loans',
        'key change of a row with long notes',
        'truncate and reload',
        'add column',
        'use of the new column',
        'rolled back',
        'bulk update',
        'partly rolled back',
        'row that comes and goes',
      ]),
    )
    expect(totals.transactions).toBe(steps.length - 1)
    const [facts] = await database.query(/* sql */ `
      select
        (select count(*)::int from client where id > 10000000) as moved,
        (select bool_or(length(notes) > 6000) from client where id > 10000000) as moved_with_notes,
        (select count(*)::int from exchange_rate) as rates,
        (select count(*)::int from client where name = 'nobody' or region = 'mistake') as rolled_back,
        (select count(*) > 0 from client where region = 'kept') as kept,
        (select count(distinct currency)::int from loan) as currencies`)
    expect(facts).toEqual({ moved: 2, moved_with_notes: true, rates: 121, rolled_back: 0, kept: true, currencies: 2 })
  })

  test('the workload stops between two transactions when asked to', async () => {
    await using database = await (await sharedPostgres()).createDatabase()
    await loadBook(database.client, SCALE)
    const stop = new AbortController()
    const totals = await runWorkload(database.client, workload({ scale: SCALE, rounds: 40 }), {
      signal: stop.signal,
      before: (_step, { transactions }) => {
        if (transactions === 5) stop.abort()
      },
    })
    expect(totals.transactions).toBe(5)
  })
})
