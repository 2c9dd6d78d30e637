/** The main job with its lake in a bucket, through the command line. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { memoryServer } from '../../connectors/memory/connector.ts'
import { portage } from '../support/command-line.ts'
import { startS3Endpoint } from '../support/s3/endpoint.ts'
import { LOST_ANSWER, SLOW_DOWN } from '../support/s3/faults.ts'
import { scratch } from '../support/scratch.ts'

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'canary-of-the-secret-key' }
const SECRET_VARIABLE = 'S3_SECRET'
const WRONG = 'canary-of-a-wrong-key'
const TOKEN = 'canary-of-the-session-token'

/** `secret`: as connections.yaml has it. */
async function root(server: string, lake: Readonly<Record<string, string>> = {}) {
  const made = scratch()
  const endpoint = await startS3Endpoint({ ...KEYS, directory: made.path('endpoint'), buckets: ['lake'] })
  const options = {
    bucket: 'lake',
    endpoint: endpoint.url,
    access_key_id: KEYS.accessKeyId,
    secret_access_key: `\${env:${SECRET_VARIABLE}}`,
    ...lake,
  }
  const lines = Object.entries(options).map(([key, value]) => `  ${key}: ${value}`)
  made.write(
    'config/connections.yaml',
    `mem: {connector: memory, name: ${server}}\nlake:\n  connector: s3\n${lines.join('\n')}\nduck: {connector: duckdb}\n`,
  )
  made.write(
    'config/integrations/loans.yaml',
    `name: loans\nsource: {connection: mem, tables: ['public.*']}\nlake: {connection: lake}\nregister: [{connection: duck, schema: loans}]\n`,
  )
  memoryServer(server).database.commit((transaction) => {
    transaction.createTable('public.loan', {
      columns: [
        { name: 'id', type: { kind: 'int64' } },
        { name: 'status', type: { kind: 'utf8', format: 'text' } },
      ],
      key: ['id'],
    })
    transaction.insert('public.loan', { id: '1', status: 'paid' }, { id: '2', status: 'late' })
  })
  const said: string[] = []
  const run = async (...argv: readonly string[]) => {
    const places = ['--config', made.path('config'), '--state', made.path('state'), '--verbose']
    const ended = await portage([...argv, ...places], {
      env: { [SECRET_VARIABLE]: KEYS.secretAccessKey, PORTAGE_LOG_LEVEL: 'debug' },
    })
    said.push(ended.stdout, ended.stderr)
    return ended
  }
  return {
    endpoint,
    run,
    path: made.path,
    said: () => said.join('\n'),
    [Symbol.asyncDispose]: async () => {
      await endpoint.close()
      made[Symbol.dispose]()
    },
  }
}

function bytesBelow(directory: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name))
  return files.flatMap((path) => (statSync(path).isFile() ? [readFileSync(path, 'latin1')] : [])).join('\n')
}

test('check, run, query and status work on a bucket, through faults; no secret is said or stored', async () => {
  await using place = await root('s3-main')
  expect(await place.run('check')).toMatchObject({ code: 0 })
  for (const nth of [5, 12]) place.endpoint.arm({ operation: 'PutObject', nth, effect: LOST_ANSWER })
  place.endpoint.arm({ nth: 9, times: 2, effect: SLOW_DOWN })
  expect(await place.run('run', 'loans', '--until-current')).toMatchObject({ code: 0 })
  memoryServer('s3-main').database.commit((t) => t.update('public.loan', { id: '2' }, { status: 'paid' }))
  expect(await place.run('run', 'loans', '--until-current')).toMatchObject({ code: 0 })

  const query = ['query', 'select status, count(*) as n from loans.loan group by status', '--format', 'csv'] as const
  expect((await place.run(...query)).stdout).toBe('status,n\npaid,2\n')
  const status = JSON.parse((await place.run('status', '--json')).stdout) as { commit: number }[]
  expect(JSON.stringify(status)).toContain('public.loan')
  expect(place.endpoint.requests.filter(({ fault }) => fault !== null).length).toBeGreaterThanOrEqual(3)

  const stored = bytesBelow(place.path('state')) + bytesBelow(place.path('endpoint', 'data'))
  expect(`${place.said()}${stored}`).not.toContain(KEYS.secretAccessKey)

  await place.endpoint.close()
  expect((await place.run(...query)).stdout).toBe('status,n\npaid,2\n')
})

test('a wrong key and a bucket that is not there end the run with what to do, and without the secret', async () => {
  await using wrong = await root('s3-wrong', { secret_access_key: WRONG, max_attempts: '2' })
  const refused = await wrong.run('run', 'loans', '--once')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('Correct secret_access_key in config/connections.yaml')
  await wrong.run('check')
  expect(wrong.said()).not.toContain(WRONG)

  await using absent = await root('s3-absent', { bucket: 'not-there', max_attempts: '2' })
  const missing = await absent.run('run', 'loans', '--once')
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain('Create bucket "not-there"')

  await using expired = await root('s3-token', { session_token: TOKEN, max_attempts: '2' })
  const token = await expired.run('check')
  expect(token.code).toBe(1)
  expect(expired.said()).not.toContain(TOKEN)
})
