import { expect, test } from 'vitest'
import { memoryServer } from '../../connectors/memory/connector.ts'
import type { MemoryTransaction } from '../../connectors/memory/database.ts'
import { portage } from '../support/command-line.ts'
import { scratch } from '../support/scratch.ts'

/** An integration over a memory source; `commit` is a transaction there. */
function integration(server: string, changes = '{}') {
  const root = scratch()
  root.write(
    'config/connections.yaml',
    `mem: {connector: memory, name: ${server}}\nlake: {connector: filesystem, path: ${root.dir}/lake}\nduck: {connector: duckdb}\n`,
  )
  const policies = (text: string) =>
    root.write(
      'config/integrations/loans.yaml',
      `name: loans
source: {connection: mem, tables: ['public.*']}
lake: {connection: lake}
flush: {interval: 20ms}
register: [{connection: duck, every: 20ms}]
schema_changes: ${text}
`,
    )
  policies(changes)
  const args = ['--config', `${root.dir}/config`, '--state', `${root.dir}/state`]
  const run = (...argv: readonly string[]) => portage([...argv, ...args])
  return {
    root,
    policies,
    run,
    catchUp: () => run('run', '--until-current'),
    commit: (script: (transaction: MemoryTransaction) => void) => memoryServer(server).database.commit(script),
    rows: async (sql: string) => (await run('query', sql, '--format', 'csv')).stdout.trim().split('\n'),
    [Symbol.dispose]: () => root[Symbol.dispose](),
  }
}

const INT64 = { kind: 'int64' } as const
const TEXT = { kind: 'utf8', format: 'text' } as const

function fill(transaction: MemoryTransaction): void {
  transaction.createTable('public.loan', {
    columns: [
      { name: 'id', type: INT64 },
      { name: 'note', type: TEXT },
      { name: 'amount', type: { kind: 'decimal', precision: 12, scale: 2 } },
    ],
    key: ['id'],
  })
  transaction.createTable('public.client', { columns: [{ name: 'id', type: INT64 }], key: ['id'] })
  transaction.insert('public.loan', { id: '1', note: 'a', amount: '10.00' }, { id: '2', note: 'b', amount: '20.00' })
  transaction.insert('public.client', { id: '1' })
}

test('a dropped column is held: the table stays, others go on, plan shows it, apply shows all that landed meanwhile', async () => {
  using at = integration('held-drop')
  at.commit(fill)
  expect((await at.catchUp()).code).toBe(0)
  at.commit((transaction) => {
    transaction.update('public.loan', { id: '1' }, { note: 'before' })
    transaction.dropColumn('public.loan', 'note')
    transaction.update('public.loan', { id: '2' }, { amount: '22.00' })
    transaction.insert('public.loan', { id: '3', amount: '30.00' })
    transaction.insert('public.client', { id: '2' })
  })
  const planned = await at.run('plan')
  expect(planned.code).toBe(3)
  expect(planned.stdout).toContain('next run holds')
  const held = await at.catchUp()
  expect(held.code).toBe(3)
  expect(held.stderr).toContain('public.loan is HELD, shown as of schema version 1: column "note" dropped')
  expect(await at.rows('select id, note, amount from loans.loan order by id')).toEqual([
    'id,note,amount',
    '1,before,10.00',
    '2,b,20.00',
  ])
  expect(await at.rows('select id from loans.client order by id')).toEqual(['id', '1', '2'])
  expect(await at.rows('select count(*) n from loans.loan_changes')).toEqual(['n', '3'])
  expect((await at.run('status')).stdout).toContain('!!! HELD: public.loan.')
  expect((await at.run('register')).code).toBe(3)

  at.commit((transaction) => transaction.insert('public.loan', { id: '4', amount: '40.00' }))
  expect((await at.catchUp()).code).toBe(3)
  const plan = await at.run('plan')
  expect(plan.code).toBe(3)
  const [shown, ddl] = plan.stdout
    .replaceAll(at.root.dir, '<dir>')
    .replace(/commit \d+/, 'commit 18')
    .replace(/─+/g, '──')
    .split('\nduck loans would run:\n')
  await expect(shown).toMatchFileSnapshot('../golden/plan/dropped-column.txt')
  expect(ddl).toContain('create or replace view "loans"."loan" as')
  expect(ddl).not.toContain('"loans"."client"')
  const other = await at.run('apply', 'loans', 'public.client')
  expect(other.stdout).toBe('Nothing is held of public.client; held: public.loan\n')
  const applied = await at.run('apply', 'loans', 'public.loan')
  expect(applied).toMatchObject({ code: 0, stderr: '' })
  expect(applied.stdout).toContain('public.loan: schema version 2 accepted (column "note" dropped)')
  expect(await at.rows('select * from loans.loan order by id')).toEqual(['id,amount', '1,10.00', '2,22.00', '3,30.00', '4,40.00'])
  expect(await at.rows('select count(*) n from loans.loan_changes')).toEqual(['n', '6'])
  expect((await at.run('plan')).code).toBe(0)
  expect((await at.catchUp()).code).toBe(0)
  expect((await at.run('audit')).stdout).toContain('schema.apply')
})

test('fail stops the run before anything of the change is landed, and says which line to change; then nothing is lost', async () => {
  using at = integration('held-fail', '{drop_column: fail}')
  at.commit(fill)
  expect((await at.catchUp()).code).toBe(0)
  at.commit((transaction) => {
    transaction.dropColumn('public.loan', 'note')
    transaction.insert('public.loan', { id: '3', amount: '30.00' })
  })
  const planned = await at.run('plan')
  expect([planned.code, planned.stdout]).toEqual([3, expect.stringContaining('next run fails  column "note" dropped  fail')])
  const failed = await at.catchUp()
  expect(failed.code).toBe(1)
  expect(failed.stderr).toContain('Table "public.loan" changed its shape: column "note" dropped (schema_changes.drop_column in')
  expect(failed.stderr).toMatch(/loans\.yaml:6 is "fail"\)/)
  expect(failed.stderr).toContain('set that to "hold" or "apply"')
  expect((await at.run('status')).stdout).toMatch(/public\.loan .* v1 /)
  expect((await at.run('apply', 'loans')).stdout).toBe('Nothing is held\n')
  at.policies('{drop_column: hold}')
  expect((await at.catchUp()).code).toBe(3)
  at.policies('{drop_column: apply}')
  expect((await at.catchUp()).code).toBe(0)
  expect(await at.rows('select * from loans.loan order by id')).toEqual(['id,amount', '1,10.00', '2,20.00', '3,30.00'])
})

test('a policy for one table wins over that for all', async () => {
  using at = integration('held-table', '{drop_column: apply}\ntables: {public.loan: {schema_changes: {drop_column: hold}}}')
  at.commit(fill)
  at.commit((transaction) => transaction.addColumn('public.client', { name: 'name', type: TEXT }))
  await at.catchUp()
  at.commit((transaction) => {
    transaction.dropColumn('public.loan', 'note')
    transaction.dropColumn('public.client', 'name')
  })
  const ended = await at.catchUp()
  expect([ended.code, ended.stderr.match(/public\.\w+ is HELD/g)]).toEqual([3, ['public.loan is HELD']])
})

test('plan and apply before the first run, with nothing to say, and with names that are not there', async () => {
  using at = integration('held-nothing')
  at.commit(fill)
  const first = await at.run('plan')
  expect([first.code, first.stdout]).toEqual([0, 'loans: commit 0, 0 tables with changes, 2 tables without\n'])
  expect(await at.run('apply', 'loans')).toMatchObject({ code: 0, stdout: 'Nothing is held\n' })
  await at.catchUp()
  expect((await at.run('plan', '--all')).stdout).toContain('public.client: schema version 1')
  const wrong = await at.run('apply', 'loans', 'public.lone')
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('public.lone; expected public.')])
})

test('a relation that someone changed in the warehouse is found, and --repair makes it anew', async () => {
  using at = integration('held-hand')
  at.commit(fill)
  await at.catchUp()
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(at.root.path('state/warehouse.duckdb'))
  const connection = await instance.connect()
  await connection.run('create or replace view loans.client as select 1::integer as id, 2 as mine; drop view loans.loan_changes')
  connection.closeSync()
  instance.closeSync()
  const found = await at.run('plan')
  expect(found.code).toBe(0)
  expect(found.stdout).toContain('duck loans.client has column "id" as INTEGER, registered as BIGINT: changed by hand?')
  expect(found.stdout).toContain('duck loans.client has a column "mine" INTEGER that was never registered')
  expect(found.stdout).toContain('duck loans.loan_changes is missing')
  expect(found.stdout).toContain('"portage register loans --repair"')
  expect((await at.run('register', '--repair')).code).toBe(0)
  expect((await at.run('plan')).stdout).toContain('0 tables with changes')
})

test('plan does without a source that is away, and says so', async () => {
  using at = integration('held-away')
  at.commit(fill)
  await at.catchUp()
  at.commit((transaction) => transaction.dropColumn('public.loan', 'note'))
  await at.catchUp()
  at.root.write(
    'config/connections.yaml',
    `mem: {connector: postgres, host: 127.0.0.1, port: 1, user: nobody, database: none}\nlake: {connector: filesystem, path: ${at.root.dir}/lake}\nduck: {connector: duckdb}\n`,
  )
  const plan = await at.run('plan')
  expect(plan.code).toBe(3)
  expect(plan.stdout).toContain('!!! source mem: ')
  expect(plan.stdout).toContain('held  column "note" dropped')
  expect((await at.run('apply', 'loans')).code).toBe(0)
  expect((await at.rows('select * from loans.loan order by id'))[0]).toBe('id,amount')
})

test('what the configuration asks for is not held', async () => {
  using at = integration('held-excluded')
  at.commit(fill)
  await at.catchUp()
  at.policies('{}\ncolumns: {public.loan.note: {exclude: true}, public.loan.amount: {rename: sum}}')
  at.commit((transaction) => transaction.insert('public.loan', { id: '3', note: 'c', amount: '30.00' }))
  const ended = await at.catchUp()
  expect([ended.code, ended.stderr]).toEqual([0, expect.not.stringContaining('HELD')])
  expect((await at.run('plan')).code).toBe(0)
  expect(await at.rows('select * from loans.loan order by id')).toEqual(['id,sum', '1,10.00', '2,20.00', '3,30.00'])
})
