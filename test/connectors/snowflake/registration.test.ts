/** Registrations on the endpoint: counted over many commits, proven, and what an administrator put on them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { TableRegistration, Warehouse } from '../../../connectors/ports.ts'
import { lakeRow } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { EXPIRED, LOST_ANSWER, PROXY_PAGE, UNAVAILABLE } from '../../support/snowflake/faults.ts'
import { LIVE } from '../../support/snowflake-account.ts'
import { column, cut, ID, row, STATUS, schemaOf, warehouseTables } from '../../support/warehouse-tables.ts'
import { type CountedClient, failingClient } from './failing-client.ts'
import { type SnowflakeSubject, snowflakeSubject } from './warehouse-subject.ts'

const signal = new AbortController().signal
const LOAN = schemaOf([ID, STATUS])
const WIDE = schemaOf([ID, STATUS, column(3, 'amount', { kind: 'decimal', precision: 12, scale: 2 })], { version: 2 })

let subject: SnowflakeSubject
beforeAll(async () => {
  subject = await snowflakeSubject(['RAW', 'NEWCOMER'])
})
afterAll(() => subject[Symbol.asyncDispose]())

const { table, file, request } = warehouseTables(() => subject)
const base = (id: number, status: string) => lakeRow('r', cut(10), { id: BigInt(id), status })
const change = (op: 'c' | 'u', position: number, id: number, status: string) =>
  lakeRow(op, row(position), { id: BigInt(id), status })
const counted = async (): Promise<{ readonly warehouse: Warehouse; readonly client: () => CountedClient }> => {
  let client: CountedClient | undefined
  const warehouse = await subject.wrapped((each) => {
    client = failingClient(each, null)
    return client
  })
  return {
    warehouse,
    client: () => {
      if (client === undefined) throw new Error('no session was opened')
      return client
    },
  }
}
const failure = async (promise: Promise<unknown>): Promise<ConnectorError> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ConnectorError)) throw error
  return error
}

test('statements over 100 commits of 20 tables: at most four for each that changed, nothing for the others', async () => {
  const { warehouse, client } = await counted()
  const small = schemaOf([ID])
  const shapes = Array.from({ length: 20 }, (_, index) => ({ ...small, table: `public.t${index}` as TableName }))
  let tables: TableRegistration[] = []
  for (const [index, shape] of shapes.entries()) {
    tables.push(
      await table(`t${index}`, shape, {
        base: [[lakeRow('r', cut(10), { id: 1n })]],
        changes: [[lakeRow('c', row(11), { id: 2n })]],
      }),
    )
  }
  await warehouse.register(request(tables), signal)
  const added = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      file(shapes[index] ?? small, 'changes', [lakeRow('c', row(100 + index), { id: BigInt(100 + index) })]),
    ),
  )
  let changedTables = 0
  let before = client().ran.length
  const overheads: number[] = []
  for (let commit = 0; commit < 100; commit++) {
    const changed = commit % 4
    tables = tables.map((each, index) => {
      if (index >= changed) return each
      const fresh = added[(index + commit) % 20]
      const has = each.changes.some(({ key }) => key === fresh?.key)
      // A merge every now and then: files go as well as come.
      if (fresh === undefined || has) return { ...each, changes: each.changes.slice(0, 1) }
      return { ...each, changes: [...each.changes, fresh] }
    })
    await warehouse.register(request(tables), signal)
    const ran = client()
      .ran.slice(before)
      .filter((sql) => sql !== 'BEGIN' && sql !== 'COMMIT')
    before = client().ran.length
    changedTables += changed
    const own = ran.filter((sql) => /"T\d+__/.test(sql) && !sql.includes('PORTAGE__LOANS"'))
    expect(own.length).toBeLessThanOrEqual(4 * changed)
    overheads.push(ran.length - own.length)
  }
  expect(changedTables).toBe(150)
  // One question before, and the ledger after; two questions more when something changed.
  expect(Math.max(...overheads)).toBeLessThanOrEqual(4)
  expect(overheads[0]).toBe(2)
}, 120_000)

describe('proof', () => {
  test('a damaged file is named although every query succeeds, nothing of it is shown, and a repair heals what is right again', async () => {
    const loan = await table('loan', LOAN, { base: [[base(1, 'a')]], changes: [[change('u', 11, 1, 'x')]] })
    await subject.warehouse.register(request([loan]), signal)
    const good = await file(LOAN, 'changes', [change('c', 12, 2, 'y')])
    const bytes = (await subject.store.get(good.key)) ?? new Uint8Array()
    const bad = `${good.key}.damaged.parquet`
    await subject.store.putIfAbsent(
      bad,
      bytes.map((byte, index) => (index > 4 && index < 60 ? byte ^ 0xff : byte)),
    )
    const damaged = { ...good, key: bad, address: subject.store.address(bad) }
    const error = await failure(subject.warehouse.register(request([{ ...loan, changes: [...loan.changes, damaged] }]), signal))
    expect([error.code, error.message.includes(bad), error.message.includes('portage register loans --repair')]).toEqual([
      'PROOF',
      true,
      true,
    ])
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | x'])
    await subject.warehouse.register(request([{ ...loan, changes: [...loan.changes, good] }]), signal)
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | x', '2 | y'])
  })

  test('NULLs that the commit does not know are named by column', async () => {
    const loan = await table('loan', LOAN, { base: [[base(1, 'a')]] })
    const wrong = await file(LOAN, 'changes', [change('c', 12, 2, 'y')])
    const lying = { ...wrong, columns: { ...wrong.columns, status: { nulls: 1 } } }
    const error = await failure(subject.warehouse.register(request([{ ...loan, changes: [lying] }]), signal))
    expect([error.code, error.message.includes('"status"'), error.message.includes(wrong.key)]).toEqual(['PROOF', true, true])
  })

  test('files that somebody took out of a table come back with a repair', async () => {
    const loan = await table('loan', LOAN, { base: [[base(1, 'a')]], changes: [[change('c', 12, 2, 'y')]] })
    const now = request([loan])
    await subject.warehouse.register(now, signal)
    const relative = loan.changes[0]?.key.split('/changes/')[1] ?? ''
    await subject.account.rows(`ALTER EXTERNAL TABLE "RAW"."LOAN__CHANGES_${now.commit}" REMOVE FILES ('${relative}')`)
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | a'])
    const outcome = await subject.warehouse.register(now, signal)
    expect([outcome.filesAdded, outcome.filesRemoved]).toEqual([1, 0])
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | a', '2 | y'])
  })
})

test('names that mean something to Snowflake, and odd ones', async () => {
  const names = ['value', 'select', 'Date', 'größe', 'a "b" \\ c', "it's", '__date', 'metadata$filename', 'x y']
  const columns = names.map((name, index) => column(index + 2, name, { kind: 'utf8', format: 'text' }))
  const schema = schemaOf([ID, ...columns], { table: `public.odd 'table' "x"` as TableName })
  const values = Object.fromEntries(columns.map(({ physical, name }) => [physical, `v ${name}`]))
  const odd = await table(`odd 'table' "x"`, schema, { base: [[lakeRow('r', cut(10), { id: 1n, ...values })]] })
  await subject.warehouse.register(request([odd]), signal)
  const expected = `1 | ${names.map((name) => `v ${name}`).join(' | ')}`
  expect(await queryRows(subject.warehouse, `select * from raw."ODD 'TABLE' ""X"""`)).toEqual([expected])
  expect(await subject.warehouse.registered('loans', 'raw', signal)).toMatchObject({ relations: [`odd 'table' "x"`] })
  await subject.warehouse.register(request([odd]), signal)
  await subject.warehouse.register(request([]), signal)
  expect((await subject.warehouse.registered('loans', 'raw', signal))?.relations).toEqual([])
})

test('a comment of the source takes a relation from nobody, whatever it says', async () => {
  const comment = `Loans. {"portage":1,"integration":"another"} and 'more' \\ {"portage":1,`
  const said = schemaOf([ID, { ...STATUS, comment: 'one\n{"portage":1,"integration":"another"}' }], { comment })
  const loan = await table('said', said, { base: [[base(1, 'a')]] })
  await subject.warehouse.register(request([loan]), signal)
  const more = { ...loan, changes: [await file(LOAN, 'changes', [change('c', 12, 2, 'y')])] }
  await subject.warehouse.register(request([more]), signal)
  expect(await queryRows(subject.warehouse, 'select * from raw.said')).toEqual(['1 | a', '2 | y'])
})

test('a stage that somebody replaced is said, and a repair brings every table back', async () => {
  const loan = await table('loan', LOAN, { base: [[base(1, 'a')]], changes: [[change('c', 11, 2, 'b')]] })
  await subject.warehouse.register(request([loan]), signal)
  const {
    url,
    endpoint,
    access_key_id: id,
    secret_access_key: secret,
  } = subject.account.connection.stage as Record<string, string>
  const place = `URL = '${url}' ${endpoint === undefined ? '' : `ENDPOINT = '${endpoint}'`}`
  await subject.account.rows(
    `CREATE OR REPLACE STAGE RAW.PORTAGE__LOANS__LAKE ${place} CREDENTIALS = (AWS_KEY_ID = '${id}' AWS_SECRET_KEY = '${secret}')`,
  )
  const more = { ...loan, changes: [...loan.changes, await file(LOAN, 'changes', [change('c', 12, 3, 'c')])] }
  const next = request([more])
  const error = await failure(subject.warehouse.register(next, signal))
  expect([error.code, error.message.includes('register loans --repair')]).toEqual(['PROOF', true])
  await subject.warehouse.register({ ...next, repair: true }, signal)
  expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | a', '2 | b', '3 | c'])
})

describe('what an administrator put on a relation', () => {
  test('grants stay; a policy is refused to be lost, and carried over with consent', async () => {
    const loan = await table('loan', LOAN, { base: [[base(1, 'a')]] })
    await subject.account.rows('CREATE ROLE IF NOT EXISTS READER')
    const granting = await subject.wrapped((client) => client, { grants: ['READER'] })
    await granting.register(request([loan]), signal)
    await subject.account.rows(`CREATE MASKING POLICY RAW.HIDE AS (v VARCHAR) RETURNS VARCHAR -> 'hidden'`)
    await subject.account.rows('ALTER VIEW RAW.LOAN MODIFY COLUMN STATUS SET MASKING POLICY RAW.HIDE')
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | hidden'])
    // Rows come and go without a word to the view.
    const more = { ...loan, changes: [await file(LOAN, 'changes', [change('c', 12, 2, 'y')])] }
    await granting.register(request([more]), signal)
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | hidden', '2 | hidden'])
    // Another role is let in without a word to the policy.
    await subject.account.rows('CREATE ROLE IF NOT EXISTS SECOND')
    const wider = await subject.wrapped((client) => client, { grants: ['READER', 'SECOND'] })
    await wider.register(request([more]), signal)
    expect((await subject.account.rows('SHOW GRANTS ON VIEW RAW.LOAN')).filter((cells) => cells.includes('SECOND'))).toHaveLength(
      1,
    )
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | hidden', '2 | hidden'])
    const wide = request([{ ...more, schema: WIDE }])
    const { refused } = await granting.register(wide, signal)
    const { code = '', message = '' } = refused?.get('public.loan' as TableName) ?? {}
    expect([code, message.includes('"HIDE"'), message.includes('replace: true')]).toEqual(['CONFIGURATION', true, true])
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | hidden', '2 | hidden'])
    expect((await granting.registered('loans', 'raw', signal))?.behind?.has('loan')).toBe(true)
    const consenting = await subject.wrapped((client) => client, { grants: ['READER'], replace: true })
    await consenting.register(wide, signal)
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | hidden | ␀', '2 | hidden | ␀'])
    const grants = await subject.account.rows('SHOW GRANTS ON VIEW RAW.LOAN')
    expect(grants.some((cells) => cells.includes('SELECT') && cells.includes('READER'))).toBe(true)
    await consenting.remove({ integration: 'loans', schema: 'raw', dryRun: false }, signal)
  })

  test('a view that is not ours is not replaced', async () => {
    await subject.account.rows('CREATE SCHEMA IF NOT EXISTS RAW')
    await subject.account.rows('CREATE VIEW RAW.MINE AS SELECT 1 AS A')
    const mine = await table('mine', LOAN, { base: [[base(1, 'a')]] })
    const { refused } = await subject.warehouse.register(request([mine]), signal)
    const { code = '', message = '' } = refused?.get('public.loan' as TableName) ?? {}
    expect([code, message.includes('"MINE"')]).toEqual(['CONFIGURATION', true])
    expect(await queryRows(subject.warehouse, 'select * from raw.mine')).toEqual(['1'])
  })
})

const ENDPOINT_ONLY = LIVE ? [] : ['the endpoint']

describe.each(ENDPOINT_ONLY)('faults of %s', () => {
  /** As a run would: what may pass is tried again. */
  const registerAgainst = async (warehouse: Warehouse, arm: () => void): Promise<number> => {
    const loan = await table('loan', LOAN, { base: [[base(1, 'a')]], changes: [[change('c', 11, 2, 'b')]] })
    const next = request([loan])
    arm()
    let failures = 0
    for (;;) {
      const error = await warehouse.register(next, signal).then(
        () => null,
        (reason: unknown) => reason,
      )
      if (error === null) break
      expect(error).toMatchObject({ recovery: 'retry' })
      failures++
      expect(failures).toBeLessThan(30)
    }
    subject.account.endpoint?.clearFaults()
    expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | a', '2 | b'])
    expect(await queryRows(subject.warehouse, 'select * from raw.loan_changes')).toHaveLength(2)
    return failures
  }

  test.each([
    ['a 503', UNAVAILABLE],
    ['a lost answer', LOST_ANSWER],
    ['an expired session', EXPIRED],
    ['an expired session after it ran', { kind: 'session-expired', when: 'after' }],
    ['a session that is gone', { kind: 'session-gone', when: 'before' }],
    ['a session that is gone after it ran', { kind: 'session-gone', when: 'after' }],
    ['a reset', { kind: 'reset', when: 'before' }],
    ['a page of a proxy', PROXY_PAGE],
    ['a lock', { kind: 'failure', when: 'before', code: '000625', sqlState: '57014', message: 'locked' }],
    ['a slow answer', { kind: 'slow', bytesPerSecond: 200_000 }],
  ] as const)(
    '%s at every seventh statement of a registration',
    async (_name, effect) => {
      await registerAgainst(subject.warehouse, () => {
        for (let nth = 2; nth <= 30; nth += 7) subject.account.endpoint?.arm({ request: 'query', nth, effect })
      })
    },
    120_000,
  )

  test.each([
    ['before', { kind: 'session-gone', when: 'before' }],
    ['after', { kind: 'session-gone', when: 'after' }],
  ] as const)('a session that is gone in the middle of a transaction, %s the proof: no false alarm', async (_when, effect) => {
    const loan = await table('loan', LOAN, {
      base: [[base(1, 'a')]],
      changes: [[change('c', 11, 2, 'b')], [change('c', 12, 3, 'c')]],
    })
    await subject.warehouse.register(request([loan]), signal)
    const merged = await file(LOAN, 'changes', [change('c', 11, 2, 'b'), change('c', 12, 3, 'c')])
    const next = request([{ ...loan, changes: [merged] }])
    subject.account.endpoint?.arm({ request: 'query', sql: /^SELECT METADATA/, effect })
    expect(await failure(subject.warehouse.register(next, signal))).toMatchObject({ recovery: 'retry' })
    expect(await queryRows(subject.warehouse, 'select * from raw.loan_changes')).toHaveLength(3)
    await subject.warehouse.register(next, signal)
    expect(await queryRows(subject.warehouse, 'select * from raw.loan_changes')).toHaveLength(3)
  })

  test.each([
    ['silence', { kind: 'stall', when: 'before' }],
    ['silence after it ran', { kind: 'stall', when: 'after' }],
    ['an answer that ends early', { kind: 'truncate', bytes: 40 }],
    ['an answer with a wrong bit', { kind: 'corrupt' }],
    ['an answer without its rows', { kind: 'without', fields: ['rowset', 'returned'] }],
  ] as const)(
    '%s: given up in time, and right when it is tried again',
    async (_name, effect) => {
      const hasty = await subject.wrapped((client) => client, {
        request_timeout_ms: 2_000,
        statement_timeout_s: 4,
        max_attempts: 2,
      })
      await registerAgainst(hasty, () => {
        subject.account.endpoint?.arm({ request: 'query', sql: /ADD FILES/, effect })
        subject.account.endpoint?.arm({ request: 'query', sql: /^CREATE OR REPLACE VIEW/, effect })
      })
    },
    120_000,
  )
})

describe.each(ENDPOINT_ONLY)('check on %s', () => {
  test('what it prints for an administrator is enough: a role without any grant registers afterwards', async () => {
    await subject.account.rows('CREATE ROLE NEWCOMER')
    await subject.account.rows('GRANT ROLE NEWCOMER TO USER LOADER')
    const own = async () => await subject.wrapped((client) => client, { role: 'NEWCOMER' })
    const first = await (await own()).check(signal)
    expect(first.map(({ problem }) => problem)).toEqual([
      'role NEWCOMER may not use virtual warehouse LOAD',
      'role NEWCOMER may not use database CORE',
      'role NEWCOMER may not create schemas in database CORE',
    ])
    for (const { cure } of first) await subject.account.rows(/GRANT [^;]*/.exec(cure)?.[0] ?? '')
    const warehouse = await own()
    expect(await warehouse.check(signal)).toEqual([])
    const loan = await table('loan', LOAN, { base: [[base(1, 'a')]], changes: [[change('c', 11, 2, 'b')]] })
    await warehouse.register(request([loan], { schema: 'newcomer' }), signal)
    expect(await queryRows(warehouse, 'select * from newcomer.loan')).toEqual(['1 | a', '2 | b'])
  })

  test('a stage whose keys are wrong is named', async () => {
    await subject.account.rows(
      `ALTER STAGE NEWCOMER.PORTAGE__LOANS__LAKE SET CREDENTIALS = (AWS_KEY_ID = 'wrong' AWS_SECRET_KEY = 'wrong')`,
    )
    const problems = await subject.warehouse.check(signal)
    expect(problems.map(({ problem }) => problem)).toEqual([expect.stringContaining('"NEWCOMER"."PORTAGE__LOANS__LAKE"')])
    await subject.warehouse.remove({ integration: 'loans', schema: 'newcomer', dryRun: false }, signal)
    expect(await subject.warehouse.check(signal)).toEqual([])
  })

  test('a privilege that goes missing later is named by object when a registration meets it', async () => {
    const loan = await table('loan', LOAN, { base: [[base(1, 'a')]] })
    await subject.account.rows('CREATE SCHEMA IF NOT EXISTS RAW')
    await subject.account.rows('GRANT USAGE ON SCHEMA RAW TO ROLE NEWCOMER')
    const warehouse = await subject.wrapped((client) => client, { role: 'NEWCOMER' })
    const error = await failure(warehouse.register(request([loan], { schema: 'raw' }), signal))
    expect([error.code, error.recovery]).toEqual(['PRIVILEGE', 'operator'])
    expect(error.message).toMatch(/'?RAW'?/)
  })
})

test('removal leaves nothing, and drops the ledger last', async () => {
  const said = await subject.warehouse.remove({ integration: 'loans', schema: 'raw', dryRun: false }, signal)
  expect(said.at(-1)).toBe('DROP VIEW IF EXISTS "RAW"."PORTAGE__LOANS"')
  expect(await subject.account.rows('SHOW EXTERNAL TABLES IN SCHEMA RAW')).toEqual([])
})
