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
  const applied = await at.run('apply', 'loans', 'public.loan')
  expect(applied).toMatchObject({ code: 0, stderr: '' })
  expect(applied.stdout).toContain('public.loan: schema version 2 accepted (column "note" dropped)')
  expect(await at.rows('select * from loans.loan order by id')).toEqual(['id,amount', '1,10.00', '2,22.00', '3,30.00', '4,40.00'])
  expect(await at.rows('select count(*) n from loans.loan_changes')).toEqual(['n', '6'])
  expect((await at.run('plan')).code).toBe(0)
  expect((await at.catchUp()).code).toBe(0)
  expect((await at.run('audit')).stdout).toContain('schema.apply')
})
