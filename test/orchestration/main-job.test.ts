import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { memoryServer } from '../../connectors/memory/connector.ts'
import { main } from '../../orchestration/cli.ts'
import { openTerminal, portage } from '../support/command-line.ts'
import { type Scratch, scratch } from '../support/scratch.ts'

/** A memory source, a lake in a directory, a DuckDB file: every command of the main job, through the command line. */
function root(server: string): Scratch & { readonly args: readonly string[] } {
  const made = scratch()
  const { dir } = made
  made.write(
    'config/connections.yaml',
    `mem: {connector: memory, name: ${server}}\nlake: {connector: filesystem, path: ${dir}/lake}\nduck: {connector: duckdb}\n`,
  )
  made.write(
    'config/integrations/loans.yaml',
    `
name: loans
source: {connection: mem, tables: ['public.*']}
lake: {connection: lake}
flush: {interval: 50ms}
register: [{connection: duck, schema: loans, every: 50ms}]
`,
  )
  return { ...made, args: ['--config', `${dir}/config`, '--state', `${dir}/state`] }
}

function fill(server: string): void {
  memoryServer(server).database.commit((transaction) => {
    transaction.createTable('public.loan', {
      columns: [
        { name: 'id', type: { kind: 'int64' } },
        { name: 'amount', type: { kind: 'decimal', precision: 12, scale: 2 } },
      ],
      key: ['id'],
    })
    transaction.insert('public.loan', { id: '1', amount: '10.50' }, { id: '2', amount: '20.00' })
  })
}

test('run copies, follows and registers; status, query, register, inspect, audit and remove work on the result', async () => {
  fill('main-job')
  using at = root('main-job')
  const first = await portage(['run', '--until-current', '--json', ...at.args])
  expect(first.stderr).toContain('snapshot public.loan: 2 rows, complete')
  expect(first.code).toBe(0)
  expect(JSON.parse(first.stdout)).toMatchObject({
    integration: 'loans',
    outcome: 'current',
    tables: [{ table: 'public.loan', snapshotRows: 2 }],
    registered: [{ connection: 'duck', schema: 'loans' }],
  })

  memoryServer('main-job').database.commit((transaction) => {
    transaction.update('public.loan', { id: '1' }, { amount: '11.00' })
    transaction.insert('public.loan', { id: '3', amount: '30.00' })
  })
  const second = await portage(['run', 'loans', '--until-current', ...at.args])
  expect(second.stdout).toMatch(/public\.loan +0 +2 /)

  const query = await portage(['query', 'select id, amount from loans.loan order by id', '--format', 'csv', ...at.args])
  expect(query).toMatchObject({ code: 0, stdout: 'id,amount\n1,11.00\n2,20.00\n3,30.00\n' })

  const status = JSON.parse((await portage(['status', '--json', ...at.args])).stdout)
  expect(status).toMatchObject([
    {
      integration: 'loans',
      rejects: 0,
      problems: [],
      registered: [{ connection: 'duck', schema: 'loans', commit: status[0].commit }],
      tables: [{ table: 'public.loan', snapshot: 'complete', baseRows: 2, changeRows: 2, held: [] }],
    },
  ])
  expect((await portage(['status', ...at.args])).stdout).toMatch(/public\.loan +complete +2 +2 /)

  expect((await portage(['register', ...at.args])).stdout).toContain('up to date')
  expect((await portage(['register', '--repair', '--dry-run', ...at.args])).code).toBe(0)

  const files = readdirSync(at.path('lake'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.parquet'))
  const base = files.find((file) => file.includes('/base/')) ?? ''
  const rows = await portage(['inspect', base, '--rows', ...at.args])
  expect(
    rows.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { _op: 'r', id: '1', amount: '10.50' },
    { _op: 'r', id: '2', amount: '20.00' },
  ])
  expect(JSON.parse((await portage(['inspect', at.path('lake', base), '--json'])).stdout)).toMatchObject({
    format: 'parquet',
    rows: 2,
  })

  const audit = await portage(['audit', ...at.args])
  expect(audit.stdout.match(/run\.(begin|end)/g)).toEqual(['run.begin', 'run.end', 'run.begin', 'run.end'])
  expect(await portage(['audit', '--verify', ...at.args])).toMatchObject({
    code: 0,
    stdout: 'lake:raw: 4 events, the chain is whole\n',
  })

  expect((await portage(['remove', 'loans', ...at.args])).stdout).toContain('Nothing was removed. Add --yes to do it')
  expect((await portage(['remove', 'loans', '--data', '--yes', ...at.args])).code).toBe(0)
  const left = readdirSync(at.path('lake'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(parquet|json)$/.test(file),
  )
  expect(left.filter((file) => !file.includes('_portage/audit/'))).toEqual([])
})

test('Ctrl-C stops a run in good order; another one ends it at once', async () => {
  fill('stopped')
  using at = root('stopped')
  const terminal = openTerminal()
  const write = terminal.io.stderr.write
  const following = Promise.withResolvers<void>()
  const io = {
    ...terminal.io,
    stderr: {
      ...terminal.io.stderr,
      write: async (chunk: string | Uint8Array) => {
        if (String(chunk).includes('registered duck')) following.resolve()
        await write(chunk)
      },
    },
  }
  const running = main(['run', 'loans', ...at.args], io)
  await Promise.race([following.promise, running])
  terminal.interrupt()
  terminal.interrupt()
  expect(await running).toBe(0)
  expect(terminal.killed).toEqual([130])
  expect(terminal.stderr()).toContain('SIGINT: stopping in good order; once more ends at once')
  expect(terminal.stdout()).toContain('stopped in good order')
})

test('a dry run changes nothing', async () => {
  fill('dry')
  using at = root('dry')
  const { code, stdout } = await portage(['run', '--dry-run', ...at.args])
  expect(code).toBe(0)
  expect(stdout).toContain('Nothing was changed (--dry-run)')
  expect(readdirSync(at.dir, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(parquet|json)$/.test(file))).toEqual([])
})
