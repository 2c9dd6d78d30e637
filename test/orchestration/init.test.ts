import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadConfiguration } from '../../config/load.ts'
import { portage } from '../support/command-line.ts'
import { sharedPostgres } from '../support/postgres.ts'
import { scratch } from '../support/scratch.ts'

const TABLES = /* sql */ `
  create schema sales;
  create table public.client (id bigint primary key, name text not null, score numeric);
  create table public.loan (id bigint primary key, amount numeric(12,2) not null);
  create table sales.log (at timestamptz, line text);
  insert into public.loan select n, n from generate_series(1, 50) n;
  analyze;
`

async function database() {
  const postgres = await sharedPostgres()
  const made = await postgres.createDatabase()
  await made.query(TABLES)
  const url = new URL(made.url)
  return Object.assign(made, { password: decodeURIComponent(url.password) })
}

test('init writes a configuration that works, from a live database, without its password', async () => {
  await using db = await database()
  using root = scratch()
  const config = root.path('config')
  const made = await portage(['init', '--from', db.url, '--name', 'core', '--config', config])
  expect(made.stderr).toBe('')
  expect(made.code).toBe(0)
  const texts = [root.read('config/connections.yaml'), root.read('config/integrations/core.yaml'), made.stdout, made.stderr]
  for (const text of texts) expect(text).not.toContain(db.password)

  expect(root.read('config/integrations/core.yaml')).toMatch(/# {3}public\.loan +about 50 rows, .* key id, identity default/)
  expect(root.read('config/integrations/core.yaml')).toContain("tables: ['public.*', 'sales.*']")
  expect(existsSync(root.path('config/integration.schema.json'))).toBe(true)
  expect(made.stdout).toContain("export CORE_PASSWORD='…'")
  expect(made.stdout).toContain(`portage check core --config ${config}`)
  expect(loadConfiguration(config).integrations).toMatchObject([{ name: 'core', onBadValue: 'reject' }])

  const unset = await portage(['check', '--config', config])
  expect(unset.code).toBe(2)
  expect(unset.stdout).toContain('core.password: environment variable "CORE_PASSWORD" is not set')

  const env = { CORE_PASSWORD: db.password }
  const tables = await portage(['discover', 'core', '--json', '--config', config], { env })
  expect(tables.code).toBe(0)
  const found = JSON.parse(tables.stdout) as readonly { table: string; key: readonly string[] }[]
  expect(found.map(({ table, key }) => [table, key])).toEqual([
    ['public.client', ['id']],
    ['public.loan', ['id']],
    ['sales.log', []],
  ])
})

test('risky columns and tables stand in the file with their cure', async () => {
  await using db = await database()
  using root = scratch()
  await portage(['init', '--from', db.url, '--name', 'core', '--config', root.dir])
  const text = root.read('integrations/core.yaml')
  expect(text).toMatch(/# {3}public\.client\.score: /)
  expect(text).toMatch(/# {3}sales\.log: /)
})

test('init refuses to overwrite, and one more integration can use a connection that is there', async () => {
  await using db = await database()
  using root = scratch()
  const env = { CORE_PASSWORD: db.password }
  expect((await portage(['init', '--from', db.url, '--name', 'core', '--config', root.dir])).code).toBe(0)
  const before = root.read('connections.yaml')
  const again = await portage(['init', '--from', db.url, '--name', 'other', '--config', root.dir])
  expect(again.code).toBe(2)
  expect(again.stderr).toContain('connections.yaml already exists; nothing was written')
  expect(existsSync(root.path('integrations/other.yaml'))).toBe(false)

  const more = await portage(['init', '--from', 'core', '--name', 'sales', '--tables', 'sales.*', '--config', root.dir], { env })
  expect(more.code).toBe(0)
  expect(root.read('connections.yaml')).toBe(before)
  const { integrations } = loadConfiguration(root.dir)
  expect(integrations.map(({ name, source }) => [name, source.tables])).toEqual([
    ['core', ['public.*', 'sales.*']],
    ['sales', ['sales.*']],
  ])
})

test('without a database a template is written; a wrong address or an empty choice of tables writes nothing', async () => {
  await using db = await database()
  using root = scratch()
  const template = await portage(['init', '--config', root.path('template')])
  expect(template.code).toBe(0)
  expect(loadConfiguration(root.path('template')).integrations).toMatchObject([{ name: 'loans' }])

  const none = await portage(['init', '--from', db.url, '--tables', 'nothing.*', '--config', root.path('none')])
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('No table matches nothing.*; nothing was written') })
  const wrong = await portage(['init', '--from', 'postgres://', '--config', root.path('none')])
  expect(wrong.code).toBe(2)
  expect(existsSync(root.path('none'))).toBe(false)
})

test('a wrong password is said without the password', async () => {
  await using db = await database()
  using root = scratch()
  const url = new URL(db.url)
  url.password = 'wrong-secret'
  const { code, stdout, stderr } = await portage(['init', '--from', url.href, '--config', root.path('config'), '--verbose'])
  expect(code).toBe(1)
  expect(stdout + stderr).not.toContain('wrong-secret')
  expect(stderr).toMatch(/password|authentication/i)
  expect(existsSync(root.path('config'))).toBe(false)
})
