import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, test } from 'vitest'
import type { TableName } from '../../connectors/change.ts'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { memoryServer } from '../../connectors/memory/connector.ts'
import { openEngine } from '../../features/engine.ts'
import { catchUp } from '../../features/feed.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { openChangeReader } from '../../integrations/read/change-reader.ts'
import { portage } from '../support/command-line.ts'
import { quietEnvironment } from '../support/lake.ts'
import { scratch } from '../support/scratch.ts'
import { ROOT } from '../support/sources.ts'
import { BOOK_DAY, CLIENTS, loanHistory } from './loan-history.ts'
import { oracle } from './oracle.ts'

const signal = new AbortController().signal

function root(server: string, tables = "['public.*']") {
  const made = scratch()
  made.write(
    'config/connections.yaml',
    `mem: {connector: memory, name: ${server}}\nlake: {connector: filesystem, path: ${made.dir}/lake}\n`,
  )
  made.write(
    'config/integrations/loans.yaml',
    `name: loans\nsource: {connection: mem, tables: ${tables}}\nlake: {connection: lake}\nflush: {interval: 50ms}\n`,
  )
  return { ...made, args: ['--config', `${made.dir}/config`, '--state', `${made.dir}/state`] }
}

test('features from the lake are those of the stream, of the generated SQL and of the oracle, before and after more changes', async () => {
  const { database } = memoryServer('features-lake')
  const history = loanHistory(database, 11)
  for (let step = 0; step < 60; step++) history.step()
  using at = root('features-lake')
  const replicate = async () => expect((await portage(['run', '--until-current', ...at.args])).code).toBe(0)
  await replicate()

  await using store = await openFilesystemStore(at.path('lake'), quietEnvironment())
  const reader = openChangeReader({ store, state: () => loadState(store, { prefix: 'raw', integration: 'loans' }, { signal }) })
  const tables = new Map(['loan', 'payment'].map((name) => [name, `public.${name}` as TableName]))
  const engine = openEngine(clientLoans)
  const expectOracle = () => {
    for (const client of CLIENTS)
      expect(engine.read(client, BOOK_DAY)).toEqual(oracle(clientLoans, history.lines, client, BOOK_DAY))
  }
  await catchUp(engine, reader, tables, null, signal)
  expectOracle()

  for (let round = 0; round < 3; round++) {
    for (let step = 0; step < 25; step++) history.step()
    await replicate()
    expect(await catchUp(engine, reader, tables, null, signal)).toBe(engine.position())
    expectOracle()
    const fresh = openEngine(clientLoans)
    await catchUp(fresh, reader, tables, null, signal)
    for (const client of CLIENTS) expect(fresh.read(client, BOOK_DAY)).toEqual(engine.read(client, BOOK_DAY))
  }

  const verify = await portage(['features', 'verify', 'client_loans', '--at', '2026-06-30T12:00:00Z', '--json', ...at.args])
  expect(verify.stderr).toBe('')
  expect(verify.code).toBe(0)
  expect(JSON.parse(verify.stdout)).toMatchObject({ compared: CLIENTS.length, differing: [], position: engine.position() })
  expect((await portage(['features', 'verify', 'member_risk', ...at.args])).stderr).toContain(
    'Feature view "member_risk" needs one table "visits" in integration "loans"; it has public.loan, public.payment',
  )
}, 120_000)

async function parquetRows(path: string): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    return (await connection.runAndReadAll(`from '${path}'`)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

test('a training set holds what was known at each time, beside the labels, the same bytes every time', async () => {
  let clock = Date.UTC(2026, 3, 1)
  const { database } = memoryServer('features-training', { now: () => new Date(clock) })
  loanHistory(database, 1)
  using at = root('features-training')
  const replicate = async () => expect((await portage(['run', '--until-current', ...at.args])).code).toBe(0)
  const commit = (day: string, change: Parameters<typeof database.commit>[0]) => {
    clock = Date.parse(`2026-${day}T00:00:00Z`)
    database.commit(change)
  }
  await replicate()
  const loan = { id: '1', client_id: '7', amount: '500.00', status: 'active', issued_at: '2026-05-01T00:00:00.000', note: '' }
  commit('05-01', (transaction) => transaction.insert('public.loan', loan))
  commit('06-10', (transaction) => transaction.update('public.loan', { id: '1' }, { status: 'paid' }))
  const payment = { id: '1', loan_id: '1', interest: '4.00', status: 'late', paid_at: '2026-05-20T00:00:00.000' }
  commit('06-15', (transaction) => transaction.insert('public.payment', payment))
  await replicate()

  at.write(
    'spine.csv',
    'label,entity,as_of\ngood,7,2026-06-01T00:00:00Z\nbad,7,2026-06-01T00:00:00Z\nnone,8,2026-06-01T00:00:00Z\nlater,7,2026-06-20T00:00:00Z\nedge,7,2026-06-10T00:00:00Z\n',
  )
  const write = async (out: string, ...more: string[]) =>
    portage([
      'features',
      'training-set',
      'client_loans',
      '--spine',
      at.path('spine.csv'),
      '--out',
      at.path(out),
      ...more,
      ...at.args,
    ])
  const rowsOf = async (out: string) =>
    (await parquetRows(at.path(out))).map((row) => [
      row.label,
      row['paid_loans.count'],
      row['days_since_last_late_payment.count'],
      `${row['profit_in_last_90_days.rate.numerator']}/${row['profit_in_last_90_days.rate.denominator']}`,
      row.feature_mode,
    ])
  expect(await write('a.parquet')).toMatchObject({ code: 0, stderr: '' })
  const known = [
    ['good', '0', null, '0/50000', 'as_known'],
    ['bad', '0', null, '0/50000', 'as_known'],
    ['none', '0', null, '0/0', 'as_known'],
    ['later', '1', '31', '400/50000', 'as_known'],
    ['edge', '1', null, '0/50000', 'as_known'],
  ]
  expect(await rowsOf('a.parquet')).toEqual(known)

  await write('b.parquet')
  expect(readFileSync(at.path('b.parquet'))).toEqual(readFileSync(at.path('a.parquet')))
  commit('07-01', (transaction) => transaction.update('public.loan', { id: '1' }, { amount: '1.00', client_id: '8' }))
  await replicate()
  await write('c.parquet')
  expect(readFileSync(at.path('c.parquet'))).toEqual(readFileSync(at.path('a.parquet')))

  at.write(
    'spine.sql',
    "select client_id as entity, timestamp '2026-06-20' as as_of, status as label from lake.loan where id = 1;\n",
  )
  const bySql = [
    'features',
    'training-set',
    'client_loans',
    '--spine',
    at.path('spine.sql'),
    '--out',
    at.path('s.parquet'),
    ...at.args,
  ]
  expect(await portage(bySql)).toMatchObject({ code: 0, stderr: '' })
  expect(await parquetRows(at.path('s.parquet'))).toMatchObject([{ entity: '8', label: 'paid', 'paid_loans.count': '0' }])
  at.write('spine.sql', 'select nothing from nowhere')
  expect((await portage(bySql)).code).toBe(1)

  expect((await write('d.parquet', '--as-corrected')).stdout).toContain('as corrected: with what became known later')
  expect((await rowsOf('d.parquet'))[2]).toEqual(['none', '1', '12', '400/100', 'as_corrected'])

  at.write('spine.csv', 'entity,as_of\n7,2026-04-15\n')
  expect(await write('e.parquet')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('before the first change in the lake'),
  })
}, 120_000)

test('verify ends with 4 and names the clients that the engine and SQL see differently', async () => {
  const { database } = memoryServer('features-differ')
  const history = loanHistory(database, 3)
  for (let step = 0; step < 60; step++) history.step()
  using at = root('features-differ')
  expect((await portage(['run', '--until-current', ...at.args])).code).toBe(0)
  const copy = await mkdtemp(join(ROOT, '.portage', 'differs-'))
  try {
    for (const folder of ['connectors', 'integrations', 'features', 'orchestration', 'config', 'package.json']) {
      await cp(join(ROOT, folder), join(copy, folder), { recursive: true })
    }
    const path = join(copy, 'features', 'sql', 'asof.ts')
    const source = await readFile(path, 'utf8')
    expect(source).toContain("'count(*)'")
    await writeFile(path, source.replace("'count(*)'", "'count(*) + 1'"))
    const script = `import { main } from ${JSON.stringify(join(copy, 'orchestration', 'cli.ts'))}; process.exitCode = await main(process.argv.slice(1))`
    const verify = ['features', 'verify', 'client_loans', '--at', '2026-06-30T12:00:00Z']
    const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script, '--', ...verify, ...at.args], {
      encoding: 'utf8',
    })
    expect([child.status, child.stderr]).toEqual([4, ''])
    const [summary, ...named] = child.stdout.trimEnd().split('\n')
    const engine = openEngine(clientLoans)
    await using store = await openFilesystemStore(at.path('lake'), quietEnvironment())
    const reader = openChangeReader({ store, state: () => loadState(store, { prefix: 'raw', integration: 'loans' }, { signal }) })
    await catchUp(engine, reader, new Map(['loan', 'payment'].map((name) => [name, `public.${name}` as TableName])), null, signal)
    // Without a paid loan there is no row to count one too many.
    const differing = [...engine.entities()]
      .toSorted()
      .filter((client) => engine.read(client, BOOK_DAY).values['paid_loans.count'] !== 0)
    expect(differing.length).toBeGreaterThan(0)
    expect(named).toEqual(differing)
    expect(summary).toContain(`${differing.length} differ`)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}, 120_000)
