import { expect, test } from 'vitest'
import { portage } from '../support/command-line.ts'
import { sharedPostgres } from '../support/postgres.ts'
import { scratch } from '../support/scratch.ts'

/** A database with one table, and a configuration for it. `more` is appended to the integration. */
async function setting(more = '') {
  const postgres = await sharedPostgres()
  const db = await postgres.createDatabase()
  await db.query(/* sql */ `
    create table public.loan (id bigint primary key, amount numeric, rate numeric, note text);
    insert into public.loan select n, n * 1.5, n / 8.0, 'note ' || n from generate_series(1, 20) n;
    analyze;
  `)
  const root = scratch()
  const slot = `s_${db.name}`
  root.write(
    'config/connections.yaml',
    `core: {connector: postgres, url: '\${env:CORE_URL}'}\nlake: {connector: filesystem, path: ${root.path('lake')}}\nduck: {connector: duckdb}\n`,
  )
  root.write(
    'config/integrations/loans.yaml',
    `name: loans
source: {connection: core, tables: ['public.*'], slot: ${slot}, publication: p_${db.name}}
lake: {connection: lake}
flush: {interval: 100ms}
register: [{connection: duck, schema: loans, every: 100ms}]
${more}`,
  )
  const args = ['--config', root.path('config'), '--state', root.path('state')]
  const run = (argv: readonly string[], url = db.url) => portage([...argv, ...args], { env: { CORE_URL: url } })
  return {
    db,
    root,
    slot,
    run,
    [Symbol.asyncDispose]: async () => {
      await db[Symbol.asyncDispose]()
      root[Symbol.dispose]()
    },
  }
}

test('types chosen by patterns reach the tables; a later, exact rule wins over an earlier pattern', async () => {
  await using at = await setting(`columns:
  public.*.*: {on_bad_value: error}
  public.loan.r*: {type: text}
  public.loan.amount: {type: 'decimal(18,4)'}
`)
  const { code, stderr } = await at.run(['run', '--until-current'])
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const types = await at.run([
    'query',
    'select typeof(amount), typeof(rate), amount, rate from loans.loan where id = 3',
    '--format',
    'json',
  ])
  expect(Object.values(JSON.parse(types.stdout))).toEqual([
    'DECIMAL(18,4)',
    'VARCHAR',
    '4.5000',
    expect.stringMatching(/^0\.3750*$/),
  ])
})

test('a rule for a column that does not exist is a problem with its line, before anything is written', async () => {
  await using at = await setting('columns:\n  public.loan.amuont: {type: text}\n')
  const { code, stderr } = await at.run(['run', '--until-current'])
  expect(code).toBe(2)
  expect(stderr).toMatch(
    /loans\.yaml:7 columns\.public\.loan\.amuont: "public\.loan\.amuont" names no column .*did you mean "public\.loan\.amount"/,
  )
  expect(await at.db.query('select 1 from pg_replication_slots where slot_name = $1', [at.slot])).toEqual([])
  const check = await at.run(['check'])
  expect(check).toMatchObject({ code: 2, stdout: expect.stringContaining('names no column') })
})

test('a dry run says what would happen and leaves neither slot nor publication', async () => {
  await using at = await setting()
  const { code, stdout } = await at.run(['run', '--dry-run'])
  expect(code).toBe(0)
  expect(stdout).toContain('public.loan')
  expect(stdout).toContain('Nothing was changed (--dry-run)')
  expect(await at.db.query('select 1 from pg_replication_slots where slot_name = $1', [at.slot])).toEqual([])
  expect(await at.db.query('select 1 from pg_publication')).toEqual([])
})

test('a wrong password ends a run at once, is not tried again and is not shown', async () => {
  await using at = await setting()
  const url = new URL(at.db.url)
  url.password = 'not-the-password'
  const { code, stdout, stderr } = await at.run(['run', '--once', '--verbose'], url.href)
  expect(code).toBe(1)
  expect(stderr).not.toMatch(/attempt 1 failed/)
  expect(stdout + stderr).not.toContain('not-the-password')
})

test('status tells lag and slot of a source that is there, and what the lake knows when it is not', async () => {
  await using at = await setting()
  await at.run(['run', '--until-current'])
  const [there] = JSON.parse((await at.run(['status', '--json'])).stdout)
  expect(there).toMatchObject({
    source: { active: false, lagBytes: expect.any(Number), retainedBytes: expect.any(Number) },
    problems: [],
  })
  const [away] = JSON.parse((await at.run(['status', '--json'], 'postgres://nobody:x@127.0.0.1:1/none')).stdout)
  expect(away).toMatchObject({ source: null, commit: there.commit, tables: there.tables })
  expect(away.problems[0]).toMatch(/^source core: /)
})

test('remove drops slot and publication, and says so before', async () => {
  await using at = await setting()
  await at.run(['run', '--until-current'])
  expect((await at.run(['remove', 'loans'])).stdout).toContain(`drop replication slot "${at.slot}"`)
  expect(await at.db.query('select 1 from pg_replication_slots where slot_name = $1', [at.slot])).toHaveLength(1)
  expect((await at.run(['remove', 'loans', '--yes'])).code).toBe(0)
  expect(await at.db.query('select 1 from pg_replication_slots where slot_name = $1', [at.slot])).toEqual([])
  expect(await at.db.query('select 1 from pg_publication')).toEqual([])
})
