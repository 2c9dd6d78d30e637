/**
 * What the connector does beside registrations, under faults of the endpoint: in the end it is right, and each failure on the way is one
 * that a run tries again. (Registrations: `registration.test.ts`.)
 */
import { expect } from 'vitest'
import type { Warehouse } from '../../../connectors/ports.ts'
import { checksumSql } from '../../../integrations/reconcile/checksum-sql.ts'
import { directoryLayout } from '../../../integrations/transfer/foreign/directory-layout.ts'
import { findFiles } from '../../../integrations/transfer/foreign/manifest.ts'
import { lakeRow } from '../../support/lake-files.ts'
import { jsonRows } from '../../support/parquet-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { EXPIRED, type FaultEffect, LOST_ANSWER, PROXY_PAGE, UNAVAILABLE } from '../../support/snowflake/faults.ts'
import { cut, ID, STATUS, schemaOf, warehouseTables } from '../../support/warehouse-tables.ts'
import { type SnowflakeSubject, snowflakeSubject } from './warehouse-subject.ts'

export type Effects = Readonly<Record<string, FaultEffect>>

/** The driver itself asks again, after pauses of its own. */
export const PAUSED: Effects = {
  'a 503': UNAVAILABLE,
  'too many requests': { kind: 'status', when: 'before', status: 429, retryAfterSeconds: 0 },
  'a reset': { kind: 'reset', when: 'before' },
  'a lost answer': LOST_ANSWER,
}

/** Told at once. */
export const TOLD: Effects = {
  'an expired session': EXPIRED,
  'an expired session after it ran': { kind: 'session-expired', when: 'after' },
  'a session that is gone': { kind: 'session-gone', when: 'before' },
  'a session that is gone after it ran': { kind: 'session-gone', when: 'after' },
  'a lock': { kind: 'failure', when: 'before', code: '000625', sqlState: '57014', message: 'locked' },
  'a page of a proxy': PROXY_PAGE,
}

/** Noticed by a deadline, or by the driver after attempts of its own. */
export const SILENT: Effects = {
  silence: { kind: 'stall', when: 'before' },
  'silence after it ran': { kind: 'stall', when: 'after' },
  'an answer that ends early': { kind: 'truncate', bytes: 40 },
  'an answer with a wrong bit': { kind: 'corrupt' },
  'a slow answer': { kind: 'slow', bytesPerSecond: 100_000 },
  'an answer without its rows': { kind: 'without', fields: ['rowset', 'returned'] },
}

const signal = new AbortController().signal
const MOST_FAILURES = 12
const ROWS = ['1 | a', '2 | b', '3 | ␀']
let runs = 0

export type FaultySubject = AsyncDisposable & {
  readonly subject: SnowflakeSubject
  readonly warehouse: Warehouse
}

/** `raw.loan` of three rows, and a warehouse that waits for no answer longer than needed. */
export async function faultySubject(): Promise<FaultySubject> {
  const subject = await snowflakeSubject(['RAW'])
  const { database, schema } = subject.account
  const hasty = { request_timeout_ms: 1_500, statement_timeout_s: 3, max_attempts: 2 }
  const warehouse = await subject.wrapped((client) => client, { ...hasty, unload: { schema: `${database}.${schema}` } })
  const { table, request } = warehouseTables(() => subject)
  const row = (id: bigint, status: string | null) => lakeRow('r', cut(10), { id, status })
  const rows = [row(1n, 'a'), row(2n, 'b'), row(3n, null)]
  await subject.warehouse.register(request([await table('loan', schemaOf([ID, STATUS]), { base: [rows] })]), signal)
  return { subject, warehouse, [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose]() }
}

/** What each comes to; called again with the same number it finds nothing but what an earlier attempt left. */
export const OPERATIONS = {
  registered: async ({ warehouse }) => (await warehouse.registered('loans', 'raw', signal))?.relations,
  describe: async ({ warehouse }) => (await warehouse.describe('loans', 'raw', signal)).map(({ relation }) => relation),
  check: async ({ warehouse }) => await warehouse.check(signal),
  query: async ({ warehouse }) => await queryRows(warehouse, 'select * from raw.loan'),
  reconcile: async ({ warehouse }) => {
    const columns = [
      { expression: 't."ID"', type: { kind: 'int64' } as const },
      { expression: 't."STATUS"', type: { kind: 'utf8', format: 'text' } as const },
    ]
    const bounded = { from: 'raw.loan t', columns, key: columns.slice(0, 1), digits: 1, prefixes: null }
    return await queryRows(warehouse, checksumSql('snowflake', bounded))
  },
  unload: async ({ warehouse, subject }) => {
    const { store } = subject.account
    const prefix = `raw/_unload/${++runs}/`
    const files = await warehouse.unload({ sql: 'select id, status from raw.loan', store, prefix }, signal)
    const lines = await Promise.all(files.map(async ({ key }) => await jsonRows((await store.get(key)) ?? new Uint8Array())))
    return lines
      .flat()
      .map(({ id, status }) => `${id} | ${status ?? '␀'}`)
      .toSorted()
  },
  link: async ({ warehouse, subject }, run) => {
    const { store, database, schema } = subject.account
    const prefix = 'raw/loans/public.loan/base/'
    const layout = await directoryLayout({ store, prefix }, signal)
    const { table } = await findFiles(layout, async () => ({ store, prefix }), signal)
    const as = { database, schema, name: `linked${run}` }
    await warehouse.link?.({ table, as, replace: false, dryRun: false }, signal)
    return await queryRows(subject.warehouse, `select id, status from ${database}.${schema}.linked${run}`)
  },
} as const satisfies Record<string, (at: FaultySubject, run: number) => Promise<unknown>>

const EXPECTED: Readonly<Record<keyof typeof OPERATIONS, unknown>> = {
  registered: ['loan'],
  describe: ['loan', 'loan_changes'],
  check: [],
  query: ROWS,
  reconcile: null,
  unload: ROWS,
  link: ROWS,
}

/** Each fault strikes the statements of these numbers. Settles when the operation came to the same under all of them. */
export async function survive(
  at: FaultySubject,
  name: keyof typeof OPERATIONS,
  { effects, numbers }: { readonly effects: Effects; readonly numbers: readonly number[] },
): Promise<void> {
  const operation = OPERATIONS[name]
  const expected = EXPECTED[name] ?? (await operation(at, ++runs))
  for (const [fault, effect] of Object.entries(effects)) {
    const run = ++runs
    for (const nth of numbers) at.subject.account.endpoint?.arm({ request: 'query', nth, effect })
    for (let failures = 0; ; failures++) {
      const outcome = await operation(at, run).then(
        (value: unknown) => ({ value }),
        (error: unknown) => ({ error }),
      )
      if ('value' in outcome && isEqual(outcome.value, expected)) break
      if ('error' in outcome) expect([name, fault, outcome.error]).toMatchObject([name, fault, { recovery: 'retry' }])
      // A check tells its problem instead of throwing it.
      else expect([fault, outcome.value]).toEqual([fault, [expect.objectContaining({ severity: 'error' })]])
      expect([name, fault, failures < MOST_FAILURES]).toEqual([name, fault, true])
    }
    at.subject.account.endpoint?.clearFaults()
  }
}

const isEqual = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
