/** Features of a lake in a bucket: landed there, shown in DuckDB and verified, through faults of the store. */
import { expect, test } from 'vitest'
import { memoryServer } from '../../connectors/memory/connector.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { portage } from '../support/command-line.ts'
import { startS3Endpoint } from '../support/s3/endpoint.ts'
import { LOST_ANSWER, SLOW_DOWN } from '../support/s3/faults.ts'
import { scratch } from '../support/scratch.ts'
import { BOOK_DAY, loanHistory } from './loan-history.ts'
import { oracle } from './oracle.ts'

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret-of-the-test' }
const T = ['--at', '2026-06-30T12:00:00Z']

test('materialize, verify and query work on a bucket whose answers are lost or late', async () => {
  const history = loanHistory(memoryServer('materialize-s3').database, 31)
  for (let step = 0; step < 40; step++) history.step()
  using at = scratch()
  const endpoint = await startS3Endpoint({ ...KEYS, directory: at.path('endpoint'), buckets: ['lake'] })
  try {
    const lake = `{connector: s3, bucket: lake, endpoint: '${endpoint.url}', access_key_id: ${KEYS.accessKeyId}, secret_access_key: ${KEYS.secretAccessKey}}`
    at.write(
      'config/connections.yaml',
      `mem: {connector: memory, name: materialize-s3}\nlake: ${lake}\nduck: {connector: duckdb}\n`,
    )
    at.write(
      'config/integrations/loans.yaml',
      "name: loans\nsource: {connection: mem, tables: ['public.*']}\nlake: {connection: lake}\nregister: [{connection: duck}]\n",
    )
    const run = async (...argv: string[]) => {
      const ended = await portage([...argv, '--config', at.path('config'), '--state', at.path('state')])
      expect([ended.code, ended.stderr]).toEqual([0, expect.anything()])
      return ended.stdout
    }
    await run('run', '--until-current')
    for (const nth of [1, 3]) endpoint.arm({ operation: 'PutObject', nth, effect: LOST_ANSWER })
    endpoint.arm({ nth: 4, times: 2, effect: SLOW_DOWN })
    expect(await run('features', 'materialize', 'client_loans', ...T)).toContain('features.client_loans in duck')
    expect(await run('features', 'materialize', 'client_loans', ...T)).toContain('already there')
    expect(endpoint.requests.filter(({ fault }) => fault !== null).length).toBeGreaterThanOrEqual(3)
    const rows = JSON.parse(
      `[${(await run('query', 'select entity, "paid_loans.count" as paid from features.client_loans', '--format', 'json')).trim().split('\n').join(',')}]`,
    ) as readonly { readonly entity: string; readonly paid: string }[]
    expect(rows.length).toBeGreaterThan(3)
    for (const { entity, paid } of rows) {
      expect(Number(paid)).toBe(oracle(clientLoans, history.lines, entity, BOOK_DAY).values['paid_loans.count'])
    }
    expect(await run('features', 'verify', 'client_loans', ...T)).toContain('0 differ')
  } finally {
    await endpoint.close()
  }
}, 120_000)
