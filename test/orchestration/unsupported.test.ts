import { expect, test } from 'vitest'
import { portage } from '../support/command-line.ts'
import { scratch } from '../support/scratch.ts'

const CONNECTIONS = 'mem: {connector: memory}\n'
const LOANS = "name: loans\nsource: {connection: mem, tables: ['public.*']}\n"

test('what would land something else than the file says is refused', async () => {
  using root = scratch({
    'connections.yaml': CONNECTIONS,
    'integrations/loans.yaml': `${LOANS}lake: {connection: mem, format: orc}\n`,
  })
  const { code, stderr } = await portage(['run', '--once', '--config', root.dir])
  expect(code).toBe(2)
  expect(stderr).toContain('lake.format: orc is not written by this version')
})

test('what merely does not happen yet is said by check and does not stop a run', async () => {
  using root = scratch({
    'connections.yaml': CONNECTIONS,
    'integrations/loans.yaml': `${LOANS}lake: {connection: mem}
notify: [{connection: mem}]
schedule: {cron: '*/15 * * * *'}
`,
  })
  const { code, stdout } = await portage(['check', '--config', root.dir])
  expect(code).toBe(0)
  expect(stdout).toContain('loans: 0 errors, 2 warnings')
  for (const key of ['notify', 'schedule']) {
    expect(stdout).toContain(`configuration: ${key}`)
  }
})

test('a format for a warehouse that reads the files of the lake is a problem, told by check before a run meets it', async () => {
  using root = scratch({
    'connections.yaml': `${CONNECTIONS}duck: {connector: duckdb}\n`,
    'integrations/loans.yaml': `${LOANS}lake: {connection: mem}\nregister: [{connection: duck, format: orc}]\n`,
  })
  const { code, stdout } = await portage(['check', '--config', root.dir, '--state', root.path('state')])
  expect([code, stdout.includes('"format: orc" under "register" is for warehouses that read directories')]).toEqual([1, true])
})
