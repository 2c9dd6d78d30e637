/** dbt with dbt-snowflake, unpatched, against the local Snowflake endpoint and its SQL: twice, with changes in between, then its documentation. */
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { connect, run, type Session } from '../snowflake-endpoint/driver.ts'
import { scratch } from '../support/scratch.ts'
import { dbt, dbtDocs } from '../support/services/dbt.ts'
import { startLocalSnowflake } from '../support/snowflake/local.ts'

const PROJECT = fileURLToPath(new URL('./snowflake/dbt', import.meta.url))
const NODES = 18

test('a dbt project is built twice (seed, view, table, two incremental models, a snapshot, tests) and documented', async () => {
  using files = scratch()
  const project = files.path('project')
  cpSync(PROJECT, project, { recursive: true })
  await using snowflake = await startLocalSnowflake({
    directory: files.path('snowflake'),
    user: { name: 'ADA', password: 'correct horse' },
  })
  const { endpoint } = snowflake
  const env = { ENDPOINT_PORT: String(endpoint.port), ENDPOINT_PASSWORD: 'correct horse' }
  await using session = await connect(endpoint, { role: 'SYSADMIN', warehouse: 'WH', database: 'DB', schema: 'MARTS' })
  for (const sql of SOURCE) await run(session, sql)
  await built(project, env)
  expect(await rows(session, 'select id, amount, status from marts.loan_merged order by id')).toEqual([
    ['1', '100.50', 'open'],
    ['2', '200.00', 'late'],
    ['3', '300.25', 'open'],
  ])

  for (const sql of CHANGES) await run(session, sql)
  await built(project, env)
  const current = [
    ['1', '100.50', 'paid'],
    ['2', '200.00', 'late'],
    ['3', '300.25', 'open'],
    ['4', '9007199254740993.25', 'open'],
  ]
  expect(await rows(session, 'select id, amount, status from marts.loan_merged order by id')).toEqual(current)
  expect(await rows(session, 'select id, amount, status from marts.loan_replaced order by id')).toEqual(current)
  expect(await rows(session, 'select id, amount, status from marts.stg_loan order by id')).toEqual(current)
  expect(await rows(session, 'select status, label, loans, amount from marts.loan_by_status order by status')).toEqual([
    ['late', 'Past due', '1', '200.00'],
    ['open', 'Open', '2', '9007199254741293.50'],
    ['paid', 'Paid back', '1', '100.50'],
  ])
  expect(
    await rows(session, 'select id, status, dbt_valid_to is null from marts.loan_history order by id, dbt_valid_from'),
  ).toEqual([
    ['1', 'open', false],
    ['1', 'paid', true],
    ['2', 'late', true],
    ['3', 'open', true],
    ['4', 'open', true],
  ])
  // A wrong type still lets dbt pass.
  expect(await types(session, 'marts.loan_status')).toEqual(['STATUS VARCHAR(20)', 'LABEL VARCHAR(40)', 'RANK NUMBER(4,0)'])
  expect(await types(session, 'marts.loan_merged')).toEqual([
    'ID NUMBER(38,0)',
    'AMOUNT NUMBER(18,2)',
    'STATUS VARCHAR(20)',
    'UPDATED_AT TIMESTAMP_NTZ(9)',
  ])
  expect(await types(session, 'marts.loan_by_status')).toEqual([
    'STATUS VARCHAR(20)',
    'LABEL VARCHAR(40)',
    'LOANS NUMBER(18,0)',
    'AMOUNT NUMBER(18,2)',
  ])
  expect(endpoint.countByTag().get('dbt')).toBeGreaterThan(50)

  const { errors, nodes, sources } = await dbtDocs({ project, env })
  expect(errors).toBeNull()
  expect(
    Object.entries(nodes)
      .map(([id, { metadata }]) => `${id} ${metadata.type}`)
      .toSorted(),
  ).toEqual([
    'model.endpoint.loan_by_status BASE TABLE',
    'model.endpoint.loan_merged BASE TABLE',
    'model.endpoint.loan_replaced BASE TABLE',
    'model.endpoint.stg_loan VIEW',
    'seed.endpoint.loan_status BASE TABLE',
    'snapshot.endpoint.loan_history BASE TABLE',
  ])
  const loan = sources['source.endpoint.raw.loan']
  expect(Object.entries(loan?.columns ?? {}).map(([name, { type, index }]) => `${index} ${name} ${type}`)).toEqual([
    '1 ID NUMBER',
    '2 CLIENT_ID NUMBER',
    '3 AMOUNT NUMBER',
    '4 STATUS TEXT',
    '5 OPENED_ON DATE',
    '6 UPDATED_AT TIMESTAMP_NTZ',
  ])
})

const SOURCE = [
  'create schema if not exists raw',
  `create or replace table raw.loan (id number(38,0), client_id number(38,0), amount number(18,2), status varchar(20),
     opened_on date, updated_at timestamp_ntz(9))`,
  `insert into raw.loan values
     (1, 10, 100.50, 'open', '2024-01-01', '2024-01-01 00:00:00'),
     (2, 20, 200.00, 'late', '2024-01-02', '2024-01-02 00:00:00.123456'),
     (3, 30, 300.25, 'open', '2024-01-03', '2024-01-03 00:00:00')`,
]
const CHANGES = [
  "update raw.loan set status = 'paid', updated_at = '2024-02-01 00:00:00' where id = 1",
  "insert into raw.loan values (4, 40, 9007199254740993.25, 'open', '2024-02-02', '2024-02-02 00:00:00')",
]

/** Builds the project; every node succeeds. */
async function built(project: string, env: Readonly<Record<string, string>>): Promise<void> {
  rmSync(`${project}/target/run_results.json`, { force: true })
  const nodes = await dbt('build', { project, env })
  expect(nodes.filter(({ status }) => status !== 'success' && status !== 'pass')).toEqual([])
  expect(nodes).toHaveLength(NODES)
}

async function rows(session: Session, sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await run(session, sql)).rows
}

/** Columns and their types, as DESCRIBE has them. */
async function types(session: Session, table: string): Promise<readonly string[]> {
  return (await rows(session, `describe table ${table}`)).map(([name, type]) => `${String(name)} ${String(type)}`)
}
