import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../orchestration/cli.ts'
import { startDevS3 } from '../../orchestration/dev/s3.ts'
import { startDevSnowflake } from '../../orchestration/dev/snowflake.ts'
import { openTerminal, portage } from '../support/command-line.ts'
import { scratch } from '../support/scratch.ts'

test('dev up starts both servers, writes a configuration that works with the lake in the bucket, and shows no key', async () => {
  using directory = scratch()
  const roots = ['--config', directory.path('config'), '--state', directory.path('state')]
  const terminal = openTerminal()
  const up = main(['dev', 'up', '--scale', '0.001', ...roots], terminal.io)
  await expect.poll(() => terminal.stdout(), { timeout: 60_000, interval: 50 }).toContain('Ctrl-C stops both')
  const loans = directory.path('config', 'integrations', 'loans.yaml')
  writeFileSync(loans, readFileSync(loans, 'utf8').replace('connection: lake,', 'connection: lake_s3,'))
  const checked = await portage(['check', ...roots])
  expect(checked).toMatchObject({ code: 0 })
  expect(checked.stdout).toContain('loans: 0 errors')
  const run = await portage(['run', 'loans', '--once', ...roots])
  expect(run.stderr).not.toContain('rror')
  expect(run.code).toBe(0)
  const rows = await portage(['query', 'select count(*) > 0 as some from loans.loan', '--format', 'csv', ...roots])
  expect(rows.stdout).toContain('true')
  terminal.interrupt()
  expect(await up).toBe(0)
  const secret = readFileSync(directory.path('state', 'dev', 's3.secret-access-key'), 'utf8').trim()
  expect(terminal.stdout() + terminal.stderr()).not.toContain(secret)
  // What the written configuration has already is not to be added to it once more.
  expect(terminal.stdout()).not.toContain('secret_access_key:')
  expect(readFileSync(directory.path('config', 'connections.yaml'), 'utf8')).toContain('/s3.secret-access-key}')
}, 180_000)

test('dev up --snowflake: what it prints is all that a warehouse needs; the analyst asks the bucket through it', async () => {
  using directory = scratch()
  const roots = ['--config', directory.path('config'), '--state', directory.path('state')]
  const terminal = openTerminal()
  const up = main(['dev', 'up', '--scale', '0.001', '--snowflake', ...roots], terminal.io)
  await expect.poll(() => terminal.stdout(), { timeout: 60_000, interval: 50 }).toContain('Ctrl-C stops them')
  const block = /^and in connections.yaml\n((?: {2}.*\n)+)/m.exec(terminal.stdout())?.[1] ?? ''
  appendFileSync(directory.path('config', 'connections.yaml'), block.replace(/^ {2}/gm, ''))
  const loans = directory.path('config', 'integrations', 'loans.yaml')
  writeFileSync(
    loans,
    readFileSync(loans, 'utf8')
      .replace('connection: lake,', 'connection: lake_s3,')
      .replace('{connection: duckdb, schema: loans,', '{connection: snowflake, schema: LOANS,'),
  )
  expect(await portage(['check', ...roots])).toMatchObject({ code: 0 })
  expect(await portage(['run', 'loans', '--until-current', ...roots])).toMatchObject({ code: 0 })
  const sql = 'select count(*), min(amount) from loans.loan'
  const asked = await portage(['query', sql, '--connection', 'snowflake', '--format', 'csv', ...roots])
  expect(asked.stdout).toMatch(/\n167,\d+\.\d\d\n/)
  terminal.interrupt()
  expect(await up).toBe(0)
  const password = readFileSync(directory.path('state', 'dev', 'snowflake.password'), 'utf8').trim()
  expect(password).toMatch(/^[\w-]{24}$/)
  expect(statSync(directory.path('state', 'dev', 'snowflake.password')).mode & 0o777).toBe(0o600)
  expect(terminal.stdout() + terminal.stderr()).not.toContain(password)
}, 180_000)

test('a Snowflake endpoint without one, and a port that is taken, are said', async () => {
  expect(await portage(['dev', 'up', '--snowflake-port', '9441'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--snowflake-port: expected together with --snowflake'),
  })
  using directory = scratch()
  await using _s3 = await startDevS3(directory.dir, undefined)
  await using first = await startDevSnowflake(directory.dir, undefined)
  using other = scratch()
  await using _s3OfOther = await startDevS3(other.dir, undefined)
  await expect(startDevSnowflake(other.dir, first.endpoint.port)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('the endpoint keeps its keys and objects between starts, takes given keys, and its files are for their owner only', async () => {
  using directory = scratch()
  const read = (path: string) => readFileSync(path, 'utf8')
  let keys: readonly string[]
  {
    await using first = await startDevS3(directory.dir, undefined)
    keys = [read(first.files.accessKeyId), read(first.files.secretAccessKey)]
    expect(keys[0]).toMatch(/^AKIA[A-Z2-7]{16}\n$/)
    expect(keys[1]).toMatch(/^[\w+/]{40}\n$/)
    for (const path of Object.values(first.files)) expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory.dir, 'dev', 's3', 'data')).mode & 0o777).toBe(0o700)
    expect(read(first.files.url)).toBe(`${first.url}\n`)
    expect(new URL(first.url).hostname).toBe('127.0.0.1')
  }
  {
    await using second = await startDevS3(directory.dir, undefined)
    expect([read(second.files.accessKeyId), read(second.files.secretAccessKey)]).toEqual(keys)
    writeFileSync(second.files.accessKeyId, 'AKIAGIVEN\n')
  }
  await using third = await startDevS3(directory.dir, undefined)
  expect(read(third.files.accessKeyId)).toBe('AKIAGIVEN\n')
  using other = scratch()
  await expect(startDevS3(other.dir, Number(new URL(third.url).port))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
