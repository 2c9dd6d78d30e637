/** A table that a warehouse cannot hold keeps no other back: by commands, over a fake HiveServer2 and real files. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { memoryServer } from '../../connectors/memory/connector.ts'
import type { MemoryTransaction } from '../../connectors/memory/database.ts'
import { portage } from '../support/command-line.ts'
import { startMetastore } from '../support/hive/metastore/server.ts'
import { scratch } from '../support/scratch.ts'

const INT64 = { kind: 'int64' } as const
const TIME = { kind: 'timestamp', utc: false } as const
/** ORC writers and readers disagree about fractions of the last second before 1970. */
const BAD_TIME = '1969-12-31T23:59:59.500000'
const never = new AbortController().signal

async function place(server: string, format: string) {
  const stack = new AsyncDisposableStack()
  const { metastore, port } = stack.use(await startMetastore())
  const root = stack.use(scratch())
  root.write(
    'config/connections.yaml',
    `mem: {connector: memory, name: ${server}}
lake: {connector: filesystem, path: '${root.path('lake')}'}
hive: {connector: hive, host: 127.0.0.1, port: ${port}, proof: false}
`,
  )
  const configure = (form: string, more = '') =>
    root.write(
      'config/integrations/loans.yaml',
      `name: loans
source: {connection: mem, tables: ['public.*']}
lake: {connection: lake}
flush: {interval: 20ms}
register: [{connection: hive, schema: raw, every: 20ms, format: ${form}}]
${more}`,
    )
  configure(format)
  const args = ['--config', root.path('config'), '--state', root.path('state')]
  const run = (...argv: readonly string[]) => portage([...argv, ...args])
  return {
    root,
    metastore,
    configure,
    run,
    catchUp: () => run('run', 'loans', '--until-current'),
    commit: (script: (transaction: MemoryTransaction) => void) => memoryServer(server).database.commit(script),
    partitions: async (table: string) => {
      const found = []
      for await (const page of (await metastore.query(`SHOW PARTITIONS \`raw\`.\`${table}\``, never)).pages) {
        found.push(...(page.columns[0] ?? []))
      }
      return found
    },
    count: async (relation: string) => {
      const { pages } = await metastore.query(`SELECT COUNT(*) AS \`n\` FROM ${relation}`, never)
      for await (const page of pages) return Number(page.columns[0]?.[0])
      return null
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const tables =
  (column: string) =>
  (transaction: MemoryTransaction): void => {
    transaction.createTable('public.client', { columns: [{ name: 'id', type: INT64 }], key: ['id'] })
    transaction.createTable('public.visit', {
      columns: [
        { name: 'id', type: INT64 },
        { name: column, type: TIME },
      ],
      key: ['id'],
    })
    transaction.insert('public.client', { id: '1' })
  }

const occurrences = (text: string, part: string): number => text.split(part).length - 1

test('a name that the metastore refuses: the other tables are shown, run, register, status and plan say which is not and why', async () => {
  await using at = await place('refused-name', 'parquet')
  at.commit((transaction) => {
    tables('a.b')(transaction)
    transaction.insert('public.visit', { id: '1', 'a.b': '2026-01-01T00:00:00' })
  })
  const said = 'public.visit is REFUSED by hive, not shown: Column "a.b" of "public.visit" cannot be in a Hive metastore'
  const first = await at.catchUp()
  expect([first.code, first.stderr]).toEqual([1, expect.stringContaining(said)])
  expect(await at.count('raw.client')).toBe(1)
  for (const id of ['2', '3']) at.commit((transaction) => transaction.insert('public.client', { id }))
  const second = await at.catchUp()
  // When it begins, and at its end.
  expect([second.code, occurrences(second.stderr, said)]).toEqual([1, 2])
  expect(second.stdout).toContain('registered in hive as raw.* at commit')
  expect(await at.count('raw.client')).toBe(3)
  const registered = await at.run('register', 'loans')
  expect([registered.code, registered.stdout, registered.stderr]).toEqual([
    1,
    expect.stringContaining('1 table refused'),
    expect.stringContaining(said),
  ])
  expect((await at.run('plan', 'loans')).stdout).not.toContain('changed by hand')
  for (const command of ['status', 'plan']) {
    expect((await at.run(command, 'loans')).stdout).toContain('public.visit is kept back in hive: Column "a.b"')
  }
  expect(JSON.parse((await at.run('register', 'loans', '--json')).stdout)).toMatchObject([
    { upToDate: true, relations: ['client'], refused: [{ table: 'public.visit', shown: false, code: 'SCHEMA' }] },
  ])
  at.configure('parquet', 'columns: {public.visit.a.b: {rename: a_b}}\n')
  expect(await at.catchUp()).toMatchObject({ code: 0 })
  expect([await at.count('raw.visit'), await at.count('raw.client')]).toEqual([1, 3])
})

test('a warehouse that holds none of the tables shows nothing, and nobody says that it does', async () => {
  await using at = await place('refused-all', 'parquet')
  at.commit((transaction) => {
    transaction.createTable('public.visit', { columns: [{ name: 'a.b', type: INT64 }], key: ['a.b'] })
    transaction.insert('public.visit', { 'a.b': '1' })
  })
  const { code, stdout, stderr } = await at.catchUp()
  expect([code, stdout]).toEqual([1, expect.not.stringContaining('registered in hive')])
  expect(stderr).toContain('public.visit is REFUSED by hive, not shown')
  expect((await at.run('status', 'loans')).stdout).toContain('shown in  hive raw: nothing yet')
})

test('a value that ORC cannot hold: the table stays as it was, others go on, vacuum keeps its files, the cure shows it', async () => {
  await using at = await place('refused-value', 'orc')
  at.commit((transaction) => {
    tables('at')(transaction)
    transaction.insert('public.visit', { id: '1', at: '2026-01-01T00:00:00' })
  })
  expect(await at.catchUp()).toMatchObject({ code: 0 })
  const before = await at.partitions('portage_files__visit__1')
  expect(before).toHaveLength(1)
  at.commit((transaction) => {
    transaction.insert('public.client', { id: '2' })
    transaction.insert('public.visit', { id: '2', at: BAD_TIME })
  })
  const second = await at.catchUp()
  const said = 'public.visit is REFUSED by hive, shown as before: Table "public.visit" cannot be written as orc'
  expect([second.code, second.stderr]).toEqual([1, expect.stringContaining(said)])
  expect(second.stderr).toContain('Give the warehouse "format: parquet" under "register"')
  expect(await at.partitions('portage_files__client__1')).toHaveLength(2)
  expect(await at.partitions('portage_files__visit__1')).toEqual(before)
  const status = await at.run('status', 'loans')
  expect(status.stdout).toContain('public.visit is kept back in hive: it shows commit')
  expect(await at.run('register', 'loans')).toMatchObject({ code: 1, stderr: expect.stringContaining(said) })
  expect(await at.run('vacuum', 'loans', '--grace', '0s')).toMatchObject({ code: 0 })
  const files = readdirSync(at.root.path('lake'), { recursive: true }).map(String)
  expect(files.some((name) => name.includes(`/${String(before[0]).replace('portage_directory=', '')}/`))).toBe(true)
  at.configure('parquet')
  expect(await at.run('register', 'loans')).toMatchObject({ code: 0, stderr: '' })
  expect([await at.count('raw.visit'), await at.count('raw.client')]).toEqual([2, 2])
  expect((await at.run('status', 'loans')).stdout).not.toContain('kept back')
  expect((await at.run('register', 'loans')).stdout).toContain('up to date')
})

test('a transfer whose table Hive cannot hold says so, and those after it are shown', async () => {
  await using at = await place('refused-transfer', 'orc')
  at.root.write('bad.csv', 'id,at\n1,1969-12-31T23:59:59.500000\n')
  at.root.write('good.csv', 'id,name\n1,Ada\n')
  const transfer = (name: string, ...more: readonly string[]) =>
    at.run('transfer', `file:${at.root.path(`${name}.csv`)}`, `lake:${name}`, '--register', 'hive', ...more)
  const bad = await transfer('bad')
  expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('public.bad is REFUSED by hive, not shown')])
  expect(bad.stderr).toContain('Its rows are in the lake')
  expect(bad.stderr).toContain('--register-format parquet')
  const good = await transfer('good')
  expect([good.code, good.stderr]).toEqual([0, expect.stringContaining('public.bad is REFUSED by hive, not shown')])
  expect(good.stdout).toContain('transfers.good')
  const registered = await at.run('register', 'transfers')
  expect([registered.code, registered.stdout]).toEqual([1, expect.stringContaining('1 table refused')])
  expect(registered.stderr).toContain('public.bad is REFUSED')
  expect(await transfer('bad', '--register-format', 'parquets')).toMatchObject({ code: 2 })
  expect(await transfer('bad', '--register-format', 'parquet')).toMatchObject({ code: 0 })
  expect(await at.count('transfers.bad')).toBe(1)
  // What one transfer said stays, and is about its table alone.
  at.root.write('good.csv', 'id,name\n2,Bo\n')
  expect(await transfer('good')).toMatchObject({ code: 0 })
  expect(await at.run('register', 'transfers', '--repair')).toMatchObject({ code: 0, stderr: '' })
  const written = (table: string) =>
    readdirSync(at.root.path('lake'), { recursive: true })
      .map(String)
      .flatMap((name) => (name.includes(`${table}/hive/`) && name.includes('/part-') ? [name.split('.').at(-1)] : []))
  expect([new Set(written('public.bad')), new Set(written('public.good'))]).toEqual([new Set(['parquet']), new Set(['orc'])])
})

test('what the engine refuses of one table keeps no other back; a repeat tries that table alone, and vacuum keeps its files', async () => {
  await using at = await place('refused-statement', 'parquet')
  at.commit((transaction) => {
    tables('at')(transaction)
    transaction.insert('public.visit', { id: '1', at: '2026-01-01T00:00:00' })
  })
  expect(await at.catchUp()).toMatchObject({ code: 0 })
  at.metastore.before = (sql) => {
    if (sql.includes('portage_files__visit__') || sql.includes('VIEW `raw`.`visit'))
      throw Object.assign(new Error('no right to ALTER visit'), { errorCode: 40000, sqlState: '42000' })
  }
  at.commit((transaction) => {
    transaction.insert('public.client', { id: '2' })
    transaction.insert('public.visit', { id: '2', at: '2026-01-02T00:00:00' })
  })
  const second = await at.catchUp()
  const said = 'public.visit is REFUSED by hive, shown as before: Table "public.visit" was refused while its relations were made'
  expect([second.code, second.stderr]).toEqual([1, expect.stringContaining(said)])
  expect(second.stderr).toContain('no right to ALTER visit (code 40000, SQLSTATE 42000)')
  expect(second.stderr).toContain('"portage register loans" tries it again')
  expect([await at.count('raw.visit'), await at.count('raw.client')]).toEqual([1, 2])
  expect((await at.run('status', 'loans')).stdout).toContain('public.visit is kept back in hive: it shows commit')
  expect(await at.run('vacuum', 'loans', '--grace', '0s')).toMatchObject({ code: 0 })
  expect(await at.count('raw.visit')).toBe(1)
  const again = await at.run('register', 'loans', '--json')
  expect([again.code, JSON.parse(again.stdout)]).toMatchObject([
    1,
    [{ relations: ['client', 'visit'], refused: [{ table: 'public.visit', shown: true, code: 'STATEMENT' }] }],
  ])
  const trail = JSON.parse((await at.run('audit', '--json')).stdout) as readonly { event: string; details: object }[]
  const noted = {
    table: 'public.visit',
    code: 'STATEMENT',
    shown: true,
    reason: expect.stringContaining('SQLSTATE 42000') as string,
  }
  // By the run, and by the command.
  expect(trail.filter(({ event }) => event === 'register.refused').map(({ details }) => details)).toEqual([
    expect.objectContaining(noted),
    expect.objectContaining(noted),
  ])
  at.metastore.before = () => {}
  const before = at.metastore.statements.length
  expect(await at.run('register', 'loans')).toMatchObject({ code: 0, stderr: '' })
  expect(at.metastore.statements.slice(before).filter((sql) => sql.includes('client'))).toEqual([])
  expect([await at.count('raw.visit'), await at.count('raw.client')]).toEqual([2, 2])
  expect((await at.run('register', 'loans')).stdout).toContain('up to date')
})

test('an object of somebody else under the name of one table keeps no other back; a lost connection stops them all', async () => {
  await using at = await place('refused-foreign', 'parquet')
  await at.metastore.statement('CREATE DATABASE IF NOT EXISTS `raw`', never)
  await at.metastore.statement("CREATE VIEW `raw`.`visit` TBLPROPERTIES ('by'='others') AS SELECT 1 AS `one`", never)
  at.commit(tables('at'))
  const first = await at.catchUp()
  expect([first.code, first.stderr]).toEqual([
    1,
    expect.stringContaining('public.visit is REFUSED by hive, not shown: Table "public.visit" was refused'),
  ])
  expect(first.stderr).toContain('Relation "raw.visit" is somebody else’s table')
  expect(await at.count('raw.client')).toBe(1)
  at.metastore.before = (sql) => {
    if (sql.includes('portage_files__client__')) throw new Error('Invalid SessionHandle')
  }
  const lost = await at.run('register', 'loans', '--repair')
  expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining('session')])
  expect(lost.stderr).not.toContain('public.client is REFUSED')
})
