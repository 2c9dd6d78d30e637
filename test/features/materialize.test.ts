import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { memoryServer } from '../../connectors/memory/connector.ts'
import { canonicalJson, definitionHash } from '../../features/canonical.ts'
import type { Feature, FeatureView } from '../../features/definition.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { main } from '../../orchestration/cli.ts'
import { openTerminal, portage } from '../support/command-line.ts'
import { scratch } from '../support/scratch.ts'
import { ROOT } from '../support/sources.ts'
import { BOOK_DAY, CLIENTS, loanHistory } from './loan-history.ts'
import { type Line, oracle } from './oracle.ts'

const T = '2026-06-30T12:00:00.000Z'
const DAY = 86_400_000

function root(server: string) {
  const made = scratch()
  made.write(
    'config/connections.yaml',
    `mem: {connector: memory, name: ${server}}\nlake: {connector: filesystem, path: ${made.dir}/lake}\nduckdb: {connector: duckdb}\n`,
  )
  made.write(
    'config/integrations/loans.yaml',
    'name: loans\nsource: {connection: mem, tables: ["public.*"]}\nlake: {connection: lake}\nregister: [{connection: duckdb}]\nflush: {interval: 50ms}\n',
  )
  const args = ['--config', `${made.dir}/config`, '--state', `${made.dir}/state`]
  const run = async (...argv: string[]) => {
    const ended = await portage([...argv, ...args])
    expect([ended.code, ended.stderr]).toEqual([0, argv[0] === 'run' ? expect.anything() : ''])
    return ended.stdout
  }
  return {
    ...made,
    args,
    run,
    replicate: () => run('run', '--until-current'),
    query: async (sql: string) =>
      (await run('query', sql, '--format', 'json'))
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [JSON.parse(line)])) as readonly Record<string, unknown>[],
    commits: () => readdirSync(made.path('lake/raw/_portage/features_client_loans/log')).length,
  }
}

const instantOf = (value: unknown) =>
  Date.parse(
    `${String(value)
      .replace(' ', 'T')
      .replace(/(\+00|Z)?$/, '')}Z`,
  )

/** Rows of the table by entity, as the engine would say them. */
function shownRow(row: Readonly<Record<string, unknown>>) {
  const rate = row['profit_in_last_90_days.rate']
  const days = row['days_since_last_late_payment.count']
  return {
    values: {
      'paid_loans.count': Number(row['paid_loans.count']),
      'days_since_last_late_payment.count': days === null ? null : Number(days),
      'profit_in_last_90_days.rate': rate === null ? null : Number(rate),
    },
    parts: {
      'profit_in_last_90_days.rate': {
        numerator: String(row['profit_in_last_90_days.rate.numerator']),
        denominator: String(row['profit_in_last_90_days.rate.denominator']),
      },
    },
  }
}

function expectTable(rows: readonly Readonly<Record<string, unknown>>[], lines: readonly Line[], asOf: number) {
  expect(rows.length).toBeGreaterThan(0)
  for (const row of rows) expect(shownRow(row)).toEqual(oracle(clientLoans, lines, String(row.entity), asOf))
  const shown = new Set(rows.map((row) => row.entity))
  for (const client of CLIENTS.filter((each) => !shown.has(each))) {
    expect(oracle(clientLoans, lines, client, asOf).parts['profit_in_last_90_days.rate']).toEqual({
      numerator: '0',
      denominator: '0',
    })
  }
}

test('the features of all entities are a table of the lake, written once per time and position', async () => {
  const history = loanHistory(memoryServer('materialize').database, 21)
  for (let step = 0; step < 60; step++) history.step()
  using at = root('materialize')
  await at.replicate()

  expect(await at.run('features', 'materialize', 'client_loans', '--at', T)).toContain('features.client_loans in duckdb')
  const first = await at.query('select * from features.client_loans order by entity')
  expectTable(first, history.lines, BOOK_DAY)
  expect(new Set(first.map(({ definition }) => definition))).toEqual(new Set([definitionHash(clientLoans)]))
  expect(new Set(first.map(({ as_of }) => instantOf(as_of)))).toEqual(new Set([BOOK_DAY]))
  const commits = at.commits()

  expect(await at.run('features', 'materialize', 'client_loans', '--at', T)).toContain('already there')
  expect(at.commits()).toBe(commits)
  expect(await at.query('select * from features.client_loans order by entity')).toEqual(first)

  for (let step = 0; step < 20; step++) history.step()
  await at.replicate()
  const later = JSON.parse(
    await at.run('features', 'materialize', 'client_loans', '--at', '2026-07-03T12:00:00Z', '--json'),
  ) as Record<string, unknown>
  expect(later).toMatchObject({ as_of: '2026-07-03T12:00:00.000Z', commit: expect.any(Number), registered: ['duckdb'] })
  const second = await at.query('select * from features.client_loans order by entity')
  expectTable(second, history.lines, BOOK_DAY + 3 * DAY)
  expect(new Set(second.map(({ position }) => position))).toEqual(new Set([later.position]))
  const [kept] = await at.query(
    `select count(*) filter (_op = 'c' and as_of = timestamp '2026-06-30 12:00:00') as first, count(*) filter (_op = 't') as cleared from features.client_loans_changes`,
  )
  expect([Number(kept?.first), Number(kept?.cleared)]).toEqual([first.length, 1])
}, 120_000)

test('again and again, only what changed is written, and what is gone is taken out', async () => {
  const { database } = memoryServer('materialize-often')
  const history = loanHistory(database, 4)
  for (let step = 0; step < 30; step++) history.step()
  using at = root('materialize-often')
  await at.replicate()
  const terminal = openTerminal()
  const ended = main(['features', 'materialize', 'client_loans', '--every', '100ms', '--json', ...at.args], terminal.io)
  const outcomes = () =>
    terminal
      .stdout()
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, number>]))
  await expect.poll(() => outcomes().length, { timeout: 30_000 }).toBe(1)
  const [before] = outcomes()
  expect(before?.inserted).toBe(before?.entities)

  database.commit((transaction) => {
    transaction.insert('public.loan', {
      id: '9001',
      client_id: '77',
      amount: '5.00',
      status: 'paid',
      issued_at: '2026-06-01T00:00:00.000',
      note: '',
    })
  })
  await at.replicate()
  await expect.poll(() => outcomes().length, { timeout: 30_000 }).toBe(2)
  expect(outcomes()[1]).toMatchObject({ inserted: 1, updated: 0, deleted: 0 })
  expect(await at.query('select "paid_loans.count" as paid from features.client_loans where entity = \'77\'')).toEqual([
    { paid: '1' },
  ])

  database.commit((transaction) => transaction.delete('public.loan', { id: '9001' }))
  await at.replicate()
  await expect.poll(() => outcomes().length, { timeout: 30_000 }).toBe(3)
  expect(outcomes()[2]).toMatchObject({ inserted: 0, updated: 0, deleted: 1 })
  expect(await at.query("select * from features.client_loans where entity = '77'")).toEqual([])
  terminal.interrupt()
  expect(await ended).toBe(0)
  expect(terminal.stderr()).toContain('client_loans: stopped in good order')
}, 120_000)

test('a definition that changes brings its columns along, and says so in every row', async () => {
  const history = loanHistory(memoryServer('materialize-changed').database, 5)
  for (let step = 0; step < 40; step++) history.step()
  using at = root('materialize-changed')
  await at.replicate()
  const shown = async (features: FeatureView['features']) => {
    const names = new Set(features.map(({ name }) => name))
    const nulls = Object.fromEntries(Object.entries(clientLoans.nulls).filter(([name]) => names.has(name)))
    at.write('view.json', canonicalJson({ ...clientLoans, features, nulls }))
    await at.run('features', 'materialize', at.path('view.json'), '--at', T)
    return (await at.query('select * from features.client_loans order by entity')).map(
      ({ as_of: _, position: __, definition: ___, ...rest }) => rest,
    )
  }
  const [paid, days, rate] = clientLoans.features as readonly [Feature, Feature, Feature]
  const before = await shown([paid, days])
  expect(Object.keys(before[0] ?? {})).toEqual(['entity', paid.name, days.name])
  const after = await shown([
    rate,
    {
      name: paid.name,
      value: { aggregate: 'sum', of: { rows: 'loan', where: [], happened: false, withinMs: null, of: null }, column: 'amount' },
    },
  ])
  // Columns that stay keep their place.
  expect(Object.keys(after[0] ?? {})).toEqual([
    'entity',
    paid.name,
    rate.name,
    `${rate.name}.numerator`,
    `${rate.name}.denominator`,
  ])
  expect(String(after[0]?.[paid.name])).toMatch(/^\d+\.\d\d$/)
  expect(await shown([paid, days])).toEqual(before)
})

test('of two writers of one table the later one stays; wrong wishes are told before anything is written', async () => {
  const { database } = memoryServer('materialize-two')
  const history = loanHistory(database, 6)
  for (let step = 0; step < 20; step++) history.step()
  using at = root('materialize-two')
  const refused = async (...argv: string[]) => {
    const { code, stderr } = await portage(['features', 'materialize', ...argv, ...at.args])
    return [code, stderr] as const
  }
  expect(await refused('client_loans')).toEqual([1, expect.stringContaining('it has none yet')])
  await at.replicate()
  expect(await refused('client_loans', '--at', 'soon')).toEqual([2, expect.stringContaining('expected a time such as')])
  expect(await refused('client_loans', '--every', '5')).toEqual([2, expect.stringContaining('expected a duration')])
  expect(await refused('client_loans', '--at', T, '--every', '5s')).toEqual([2, expect.stringContaining('exclude each other')])
  expect(await refused('member_risk')).toEqual([1, expect.stringContaining('needs one table "visits"')])
  expect(existsSync(at.path('lake/raw/_portage/features_client_loans'))).toBe(false)

  const terminal = openTerminal()
  const ended = main(['features', 'materialize', 'client_loans', '--every', '100ms', '--json', ...at.args], terminal.io)
  await expect.poll(() => terminal.stdout(), { timeout: 30_000 }).toContain('"commit"')
  await at.run('features', 'materialize', 'client_loans', '--at', T)
  for (let step = 0; step < 20; step++) history.step()
  await at.replicate()
  expect(await ended).toBe(1)
  expect(terminal.stderr()).toContain('was taken over by')
  expect(new Set((await at.query('select as_of from features.client_loans')).map(({ as_of }) => instantOf(as_of)))).toEqual(
    new Set([BOOK_DAY]),
  )
}, 120_000)

test('killed at any moment, the table is what it was or what it becomes, and the next turn puts it right', async () => {
  const { database } = memoryServer('materialize-killed')
  const history = loanHistory(database, 9)
  using at = root('materialize-killed')
  const places = new Set<string>()
  for (let kill = 0; kill < 6; kill++) {
    for (let step = 0; step < 15; step++) history.step()
    await at.replicate()
    const argv = ['--every', '100ms', '--json'].concat(at.args)
    const child = spawn(process.execPath, [PORTAGE, 'features', 'materialize', 'client_loans', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const files = at.path('lake/raw')
    // Killed while it starts, while its files or its log grow, or after its first turn.
    const before = countFiles(files)
    const seen = kill === 5 ? once(child.stdout, 'data') : until(() => countFiles(files) >= before + Math.min(kill, 3), child)
    await seen
    child.kill('SIGKILL')
    await once(child, 'exit')
    places.add(`${countFiles(files) - before}`)
    expect(await at.run('features', 'materialize', 'client_loans', '--at', T)).toContain('features.client_loans in duckdb')
    expectTable(await at.query('select * from features.client_loans'), history.lines, BOOK_DAY)
    const [keys] = await at.query('select count(*) as rows, count(distinct entity) as entities from features.client_loans')
    expect(keys?.rows).toBe(keys?.entities)
  }
  expect(places.size).toBeGreaterThan(2)
}, 240_000)

const PORTAGE = join(ROOT, 'bin', 'portage.mjs')

const countFiles = (directory: string): number => readdirSync(directory, { recursive: true }).length

/** Looks at every turn of the event loop; ends with the process at the latest. */
async function until(reached: () => boolean, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && !reached()) await new Promise(setImmediate)
}
