/**
 * The loan book of the demo: clients, loans, payments and exchange rates, the same on every machine. About 114 k, 167 k and
 * 118 k rows at scale 1, with what real data has: NULLs, applications that were never paid out, schedules in the future,
 * zero and negative amounts, names in many scripts, dates before 1970, notes long enough to be stored out of line.
 */
import { below, fraction, noise, pick } from './noise.ts'

export type Value = string | number | boolean | null
export type BookTable = {
  readonly name: 'client' | 'loan' | 'payment' | 'exchange_rate'
  readonly columns: readonly string[]
  readonly rows: number
  /** Row `n`, counted from 1, as texts that PostgreSQL reads. */
  readonly row: (n: number) => readonly Value[]
}

/** The moment the book describes; every timestamp is relative to it. */
export const BOOK_TIME = Date.UTC(2026, 5, 30, 12)
const DAY_MS = 86_400_000

export const BOOK_DDL = /* sql */ `
  create type loan_status as enum ('application', 'active', 'paid', 'overdue', 'defaulted', 'cancelled');
  create table client (
    id bigint primary key,
    name text not null,
    email text,
    birth_date date,
    region varchar(40),
    income numeric(12,2),
    risk_score double precision,
    consent boolean not null,
    attributes jsonb,
    notes text,
    created_at timestamptz not null
  );
  create table loan (
    id bigint primary key,
    client_id bigint not null,
    amount numeric(12,2) not null,
    rate numeric(7,4),
    status loan_status not null,
    term_months smallint,
    issued_at timestamptz,
    due_date date,
    updated_at timestamp
  );
  create table payment (
    id bigint primary key,
    loan_id bigint not null,
    reference uuid not null,
    principal numeric(12,2) not null,
    interest numeric(12,2) not null,
    status text not null,
    due_date date not null,
    paid_at timestamptz,
    receipt bytea
  );
  create table exchange_rate (
    currency char(3),
    day date,
    rate numeric(18,8) not null,
    primary key (currency, day)
  );
`

/** After the load, when checking is one pass. A client whose key changes takes its loans along. */
export const BOOK_CONSTRAINTS = /* sql */ `
  create index on loan (client_id);
  create index on payment (loan_id);
  alter table loan add foreign key (client_id) references client (id) on update cascade;
  alter table payment add foreign key (loan_id) references loan (id);
  analyze;
`

const FIRST = [
  'Anna',
  'Bjørn',
  'Chloé',
  'Đorđe',
  'Zoë',
  "D'Arcy",
  'Ирина',
  'Łukasz',
  '美咲',
  'Μαρία',
  'יוסף',
  'Nguyễn',
  '🦊',
] as const
const LAST = [
  'Svensson',
  'O’Neill',
  'García',
  'Müller',
  'Kowalska',
  'Иванов',
  '田中',
  'Papadopoulos',
  'Ní Bhriain',
  'de la Cruz',
] as const
const REGIONS = ['north', 'south', 'east', 'west', 'Île-de-France', 'Çukurova', ''] as const
const CURRENCIES = ['USD', 'GBP', 'SEK', 'JPY'] as const
const STATUSES = ['application', 'cancelled', 'overdue', 'defaulted', 'active', 'paid'] as const
export type LoanStatus = (typeof STATUSES)[number]
/** Upper bounds in per cent, in the order of `STATUSES`. */
const STATUS_SHARES = [8, 14, 22, 28, 60, 100] as const

export function bookSize(scale: number): { readonly clients: number; readonly loans: number; readonly payments: number } {
  const rows = (count: number) => Math.max(1, Math.round(count * scale))
  return { clients: rows(114_203), loans: rows(167_049), payments: rows(118_311) }
}

/** The tables in the order in which they can be loaded. `scale` 0.01 gives a book of about 4,000 rows. */
export function loanBook(scale = 1): readonly BookTable[] {
  const { clients, loans, payments } = bookSize(scale)
  return [
    {
      name: 'client',
      columns: 'id name email birth_date region income risk_score consent attributes notes created_at'.split(' '),
      rows: clients,
      row: clientRow,
    },
    {
      name: 'loan',
      columns: 'id client_id amount rate status term_months issued_at due_date updated_at'.split(' '),
      rows: loans,
      row: (n) => loanRow(n, 1 + below(clients, n, 20)),
    },
    {
      name: 'payment',
      columns: 'id loan_id reference principal interest status due_date paid_at receipt'.split(' '),
      rows: payments,
      row: (n) => paymentRow(n, paidLoan(1 + below(loans, n, 40), loans)),
    },
    {
      name: 'exchange_rate',
      columns: ['currency', 'day', 'rate'],
      rows: CURRENCIES.length * 90,
      row: (n) => exchangeRate(n, 0),
    },
  ]
}

export function clientRow(id: number): readonly Value[] {
  const first = pick(FIRST, id, 1)
  const last = pick(LAST, id, 2)
  return [
    id,
    `${first} ${last}`,
    fraction(id, 3) < 0.04 ? null : `${first.toLowerCase()}.${id}@example.com`,
    fraction(id, 4) < 0.03 ? null : day(-365 * 20 - below(365 * 90, id, 5)),
    fraction(id, 6) < 0.05 ? null : pick(REGIONS, id, 7),
    fraction(id, 8) < 0.15 ? null : cents(below(12_000_000, id, 9) - (id % 500 === 0 ? 6_000_000 : 0)),
    fraction(id, 10) < 0.1 ? null : fraction(id, 11) * 10 ** (below(12, id, 12) - 6),
    fraction(id, 13) < 0.8,
    fraction(id, 14) < 0.3 ? null : attributes(id),
    notes(id),
    instant(-below(1000, id, 15), below(86_400_000, id, 16), id),
  ]
}

function attributes(id: number): string {
  const value = {
    channel: pick(['web', 'branch', 'päärynä', 'broker "B"'], id, 17),
    score: below(1000, id, 18),
    tags: [`t${id % 7}`, null],
  }
  return id % 211 === 0 ? 'null' : JSON.stringify(value)
}

/** Mostly none, some short with line ends and tabs, one in 200 of 8 KB that PostgreSQL cannot compress below its limit. */
export function notes(id: number): string | null {
  if (hasLongNotes(id)) return Array.from({ length: 1_000 }, (_, i) => noise(id * 1_009 + i, 19).toString(36)).join(' ')
  if (fraction(id, 21) < 0.7) return null
  return `called\t${below(9, id, 22)} times\r\nprefers "e-mail" \\ post; c'est noté №${id}`
}

export function hasLongNotes(id: number): boolean {
  return id % 200 === 7
}

export function statusOf(loan: number): LoanStatus {
  const share = fraction(loan, 23) * 100
  return STATUSES[STATUS_SHARES.findIndex((bound) => share < bound)] ?? 'paid'
}

export function loanRow(id: number, client: number): readonly Value[] {
  const status = statusOf(id)
  const issued = status !== 'application' && (status !== 'cancelled' || id % 2 === 0)
  const term = pick([6, 12, 24, 36, 60], id, 24)
  // Some are approved already and paid out later: issued in the future.
  const age = id % 97 === 0 ? -below(30, id, 25) : below(1_000, id, 25)
  return [
    id,
    client,
    cents(status === 'cancelled' && id % 3 === 0 ? 0 : 10_000 + below(4_000_000, id, 26)),
    fraction(id, 27) < 0.02 ? null : (below(300_000, id, 28) / 10_000).toFixed(4),
    status,
    fraction(id, 29) < 0.01 ? null : term,
    issued ? instant(-age, below(86_400_000, id, 30), id) : null,
    issued ? day(term * 30 - age) : null,
    fraction(id, 31) < 0.2 ? null : instant(-below(300, id, 32), below(86_400_000, id, 33), id).replace('+00', ''),
  ]
}

/** Payments belong to loans that were paid out: the next such loan from `loan` on. */
function paidLoan(loan: number, loans: number): number {
  for (let step = 0; step < loans; step += 1) {
    const at = ((loan - 1 + step) % loans) + 1
    const status = statusOf(at)
    if (status !== 'application' && status !== 'cancelled') return at
  }
  return loan
}

export function paymentRow(id: number, loan: number): readonly Value[] {
  const scheduled = id % 9 === 0
  const due = scheduled ? 1 + below(700, id, 41) : -below(700, id, 41)
  const status = scheduled || fraction(id, 42) < 0.85 ? 'on_time' : fraction(id, 43) < 0.7 ? 'late' : 'reversed'
  const late = status === 'late' ? 1 + below(40, id, 44) : 0
  const unpaid = scheduled && id % 2 === 0
  return [
    id,
    loan,
    uuid(id),
    cents(below(200_000, id, 45)),
    cents(status === 'reversed' ? -below(9_000, id, 46) : below(20_000, id, 46)),
    status,
    day(due),
    unpaid ? null : instant(due + late, below(86_400_000, id, 47), id),
    fraction(id, 48) < 0.9 ? null : `\\x${noise(id, 49).toString(16).padStart(8, '0')}00ff`,
  ]
}

/** Rate number `n` of the list that is loaded (`edition` 0) and later reloaded in full (1, 2, …). */
export function exchangeRate(n: number, edition: number): readonly Value[] {
  const currency = CURRENCIES[(n - 1) % CURRENCIES.length] ?? 'USD'
  const rate = (0.5 + fraction(n, 60 + edition)) * (currency === 'JPY' ? 150 : 1)
  return [currency, day(-Math.floor((n - 1) / CURRENCIES.length)), rate.toFixed(8)]
}

/** Exact decimal text of an amount in minor units. */
export function cents(amount: number): string {
  const digits = Math.abs(amount).toString().padStart(3, '0')
  return `${amount < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** A date, in days from the book's. */
export function day(offset: number): string {
  return new Date(BOOK_TIME + offset * DAY_MS).toISOString().slice(0, 10)
}

/** An instant with microseconds, in days and milliseconds from the book's time. */
export function instant(days: number, ms: number, row: number): string {
  const text = new Date(BOOK_TIME + days * DAY_MS - (days < 0 ? ms : 0)).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 23)}${below(1_000, row, 50).toString().padStart(3, '0')}+00`
}

export function uuid(row: number): string {
  const hex = [51, 52, 53, 54].map((salt) => noise(row, salt).toString(16).padStart(8, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}
