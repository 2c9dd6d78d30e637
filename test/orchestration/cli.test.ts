import { expect, test } from 'vitest'
import { ConnectorError } from '../../connectors/errors.ts'
import { errorText } from '../../orchestration/error-text.ts'
import { portage } from '../support/command-line.ts'
import { scratch } from '../support/scratch.ts'

const CONNECTIONS = 'mem: {connector: memory}\nduck: {connector: duckdb}\n'
const LOANS = "name: loans\nsource: {connection: mem, tables: ['public.*']}\nlake: {connection: mem}\n"

test('an unknown command, option or argument is a usage error with a suggestion', async () => {
  expect(await portage(['rnu', 'loans'])).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean run?') })
  expect(await portage(['run', '--onec'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--once') })
  expect((await portage(['run', '--once', '--until-current'])).code).toBe(2)
  expect((await portage(['discover'])).code).toBe(2)
  expect((await portage([])).code).toBe(2)
})

test('the version is printed', async () => {
  expect(await portage(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})

test('a wrong configuration exits with 2 and every problem', async () => {
  using root = scratch({ 'connections.yaml': CONNECTIONS, 'integrations/loans.yaml': `${LOANS}colums: {}\nflush: {rows: x}\n` })
  const { code, stdout, stderr } = await portage(['list', '--config', root.dir])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain('integrations/loans.yaml:4 colums: unknown key (did you mean "columns"?)')
  expect(stderr).toContain('integrations/loans.yaml:5 flush.rows: expected a whole number')
})

test('list prints a table, or JSON for programs', async () => {
  using root = scratch({ 'connections.yaml': CONNECTIONS, 'integrations/loans.yaml': LOANS })
  const table = await portage(['list', '--config', root.dir])
  expect(table.code).toBe(0)
  expect(table.stdout).toMatch(/loans +mem +public\.\* +mem:raw/)
  const json = await portage(['--config', root.dir, 'list', '--json'])
  expect(JSON.parse(json.stdout)).toMatchObject([{ name: 'loans', source: 'mem', tables: ['public.*'], lake: 'mem:raw' }])
})

test('an integration that does not exist is named with those that do', async () => {
  using root = scratch({ 'connections.yaml': CONNECTIONS, 'integrations/loans.yaml': LOANS })
  const { code, stderr } = await portage(['run', 'laons', '--config', root.dir])
  expect(code).toBe(2)
  expect(stderr).toContain('No integration "laons" (did you mean "loans"?); expected one of loans')
})

test('a connector that does not exist, a wrong option and a missing role are problems of connections.yaml', async () => {
  using root = scratch({
    'connections.yaml':
      'a: {connector: postgrse}\nb: {connector: memory, nmae: x}\nc: {connector: memory}\nd: {connector: filesystem, path: x}\n',
    'integrations/1.yaml': LOANS.replaceAll('mem', 'a').replace('loans', 'one'),
    'integrations/2.yaml': LOANS.replaceAll('mem', 'b').replace('loans', 'two'),
    'integrations/3.yaml': LOANS.replaceAll('mem', 'd').replace('loans', 'three'),
  })
  const run = async (name: string) => (await portage(['run', name, '--once', '--config', root.dir])).stderr
  expect(await run('one')).toContain('connections.yaml:1 a.connector: unknown connector "postgrse"; expected postgres')
  expect(await run('two')).toContain('connections.yaml:2 b.nmae: unknown key (did you mean "name"?)')
  expect(await run('three')).toContain('connections.yaml:4 d.connector: connector "filesystem" cannot be a source')
})

test('policies that cannot be carried out are told with their place before anything is connected', async () => {
  using root = scratch({
    'connections.yaml': CONNECTIONS,
    'integrations/loans.yaml': `${LOANS}columns:
  public.client.email: {mask: {hmac_sha256: '\${env:PII_KEY}'}}
  public.client.phone: {mask: {hmac_sha256: 'plain text'}}
  public.client.*: {rename: x}
tables:
  public.loan: {where: "status == 'paid'"}
`,
  })
  const { code, stderr } = await portage(['run', '--once', '--config', root.dir])
  expect(code).toBe(2)
  expect(stderr).toContain('loans.yaml:6 columns.public.client.phone: expected the key of the mask as a reference')
  expect(stderr).toContain('loans.yaml:7 columns.public.client.*: renames what "public.client.*" names to one name')
})

test('an error shows its message, its causes only where they help or when asked, and a defect says so', () => {
  const cause = new Error('syntax error at or near "selec"')
  const statement = new ConnectorError('STATEMENT', 'DuckDB refused the statement', { cause })
  expect(errorText(statement, { stack: false })).toBe(
    'portage: DuckDB refused the statement\n  because: syntax error at or near "selec"',
  )
  const connection = new ConnectorError('CONNECTION', 'Postgres "db:5432" could not be reached', { cause })
  expect(errorText(connection, { stack: false })).toBe('portage: Postgres "db:5432" could not be reached')
  expect(errorText(connection, { stack: true })).toMatch(/because: syntax error[\s\S]*\n\s+at /)
  expect(errorText(new ConnectorError('INTERNAL', 'x'), { stack: false })).toContain('defect of Portage')
})

test('a secret that was resolved appears in no message', async () => {
  using root = scratch({
    'connections.yaml': `mem: {connector: memory}\ncore: {connector: postgres, url: '\${env:CORE_URL}', sslmode: 'hunter22'}\n`,
    'integrations/loans.yaml': LOANS.replace('connection: mem, tables', 'connection: core, tables'),
  })
  const env = { CORE_URL: 'postgres://me:hunter22@127.0.0.1:1/core' }
  const { code, stdout, stderr } = await portage(['check', '--verbose', '--config', root.dir], { env })
  expect(code).toBe(2)
  expect(stdout).toContain('sslmode')
  expect(stdout + stderr).not.toContain('hunter22')
})
