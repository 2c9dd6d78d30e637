/**
 * What happens to the loan book while it is followed: a fixed list of transactions with everything that change capture
 * must carry. The same list on every machine; how fast it runs is the caller's choice.
 */
import {
  type BookTable,
  bookSize,
  clientRow,
  day,
  exchangeRate,
  hasLongNotes,
  instant,
  loanBook,
  loanRow,
  paymentRow,
  type Value,
} from './loan-book.ts'
import { below, fraction, pick } from './noise.ts'

export type Statement = { readonly sql: string; readonly values?: readonly Value[] }
/** One transaction. `rolledBack`: its changes must never arrive. */
export type Step = { readonly label: string; readonly statements: readonly Statement[]; readonly rolledBack?: true }

export type WorkloadSize = {
  /** Of the book it runs on. */
  readonly scale: number
  /** Rounds of everyday work; the rare events happen at fixed shares of them. At least 20. */
  readonly rounds: number
}

const COLUMNS = new Map(loanBook(0).map(({ name, columns }) => [name, columns]))
const MOVED = 10_000_000

/** The transactions in order. */
export function* workload({ scale, rounds }: WorkloadSize): Generator<Step> {
  const size = bookSize(scale)
  const rare = rareEvents(size)
  for (let round = 1; round <= rounds; round += 1) {
    yield* everyday(size, round)
    const share = Math.floor(((round - 1) * 20) / rounds)
    if (share !== Math.floor(((round - 2) * 20) / rounds)) {
      const event = rare.get(share)
      if (event !== undefined) yield event
    }
  }
}

type Size = ReturnType<typeof bookSize>

function* everyday(size: Size, round: number): Generator<Step> {
  const client = size.clients + round
  const loan = size.loans + round
  const payment = size.payments + round * 20
  yield {
    label: 'application',
    statements: [
      insert('client', clientRow(client)),
      insert('loan', [loan, client, ...loanRow(loan, client).slice(2, 4), 'application', 12, null, null, null]),
    ],
  }
  yield {
    label: 'payments',
    statements: Array.from({ length: 20 }, (_, i) =>
      insert('payment', paymentRow(payment + i, 1 + below(size.loans, payment + i, 70)).with(8, null)),
    ),
  }
  yield {
    label: 'paid out',
    statements: [
      {
        sql: "update loan set status = 'active', issued_at = $2, due_date = $3 where id = $1",
        values: [loan, instant(0, 0, round), day(360)],
      },
      ...Array.from({ length: 8 }, (_, i) => ({
        sql: 'update loan set status = $2::loan_status, updated_at = $3 where id = $1',
        values: [1 + below(size.loans, round * 8 + i, 71), pick(['paid', 'overdue', 'active'], round * 8 + i, 72), day(-i)],
      })),
    ],
  }
  // The notes are stored out of line and not touched: the log says "unchanged", not what they are.
  yield {
    label: 'moved house',
    statements: [{ sql: 'update client set region = $2 where id = $1', values: [longNotes(size, round), `moved ${round}`] }],
  }
  if (round % 3 === 0) {
    yield {
      label: 'corrections',
      statements: [
        { sql: 'delete from payment where id = any($1::bigint[])', values: [ids(size.payments, round, 73)] },
        {
          sql: "update payment set status = 'reversed', interest = 0 where id = $1",
          values: [1 + below(size.payments, round, 74)],
        },
        { sql: 'update client set notes = null where id = $1 and id % 200 <> 7', values: [1 + below(size.clients, round, 75)] },
      ],
    }
  }
}

/** Events that happen once, keyed by the twentieth of the workload at whose start they happen. */
function rareEvents(size: Size): ReadonlyMap<number, Step> {
  const moved = (label: string, id: number): Step => ({
    label,
    statements: [{ sql: 'update client set id = id + $2, region = $3 where id = $1', values: [id, MOVED, 'key changed'] }],
  })
  const steps: readonly (readonly [number, Step])[] = [
    [2, moved('key change with its loans', 1 + below(size.clients, 1, 80))],
    [3, moved('key change of a row with long notes', longNotes(size, 0))],
    [
      6,
      {
        label: 'truncate and reload',
        statements: [
          { sql: 'truncate exchange_rate' },
          ...Array.from({ length: 120 }, (_, i) => insert('exchange_rate', exchangeRate(i + 1, 1))),
        ],
      },
    ],
    [8, { label: 'add column', statements: [{ sql: "alter table loan add column currency text not null default 'EUR'" }] }],
    [9, { label: 'use of the new column', statements: [{ sql: "update loan set currency = 'SEK' where id % 1000 = 3" }] }],
    [
      11,
      {
        label: 'rolled back',
        rolledBack: true,
        statements: [
          { sql: 'delete from payment where id % 7 = 0' },
          { sql: "update client set name = 'nobody' where id % 5 = 0" },
        ],
      },
    ],
    [13, { label: 'bulk update', statements: [{ sql: 'update payment set interest = interest + 0.01 where id % 20 = 1' }] }],
    [
      15,
      {
        label: 'partly rolled back',
        statements: [
          { sql: "update client set region = 'kept' where id % 400 = 2" },
          { sql: 'savepoint before_mistake' },
          { sql: "update client set region = 'mistake' where id % 100 = 2" },
          { sql: 'rollback to savepoint before_mistake' },
        ],
      },
    ],
    [
      17,
      {
        label: 'row that comes and goes',
        statements: [
          insert('exchange_rate', ['CHF', day(0), '0.95000000']),
          { sql: "update exchange_rate set rate = 0.96 where currency = 'CHF'" },
          { sql: "delete from exchange_rate where currency = 'CHF'" },
          insert('exchange_rate', ['CHF', day(0), '0.97000000']),
        ],
      },
    ],
  ]
  return new Map(steps)
}

function insert(table: BookTable['name'], values: readonly Value[]): Statement {
  const columns = COLUMNS.get(table) ?? []
  return {
    sql: `insert into ${table} (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
    values,
  }
}

/** A client of the book whose notes are stored out of line. */
function longNotes(size: Size, round: number): number {
  const id = 7 + 200 * below(Math.max(1, Math.floor((size.clients - 7) / 200)), round, 76)
  return hasLongNotes(id) ? id : 7
}

function ids(limit: number, round: number, salt: number): string {
  return `{${Array.from({ length: 5 }, (_, i) => 1 + Math.floor(fraction(round * 5 + i, salt) * limit)).join(',')}}`
}
