/** Two profiles of Parquet, one format to Hive's catalogue: a change in the YAML, by commands, over a fake HiveServer2 and real files. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { memoryServer } from '../../connectors/memory/connector.ts'
import { readFooter } from '../../integrations/land/parquet/inspect-footer.ts'
import { portage } from '../support/command-line.ts'
import { startMetastore } from '../support/hive/metastore/server.ts'
import { scratch } from '../support/scratch.ts'

test('plan tells the formats apart, a repair or the next commit writes anew', async () => {
  await using stack = new AsyncDisposableStack()
  const { metastore, port } = stack.use(await startMetastore())
  const root = stack.use(scratch())
  const { database } = memoryServer('hive-formats')
  root.write(
    'config/connections.yaml',
    `mem: {connector: memory, name: hive-formats}
lake: {connector: filesystem, path: '${root.path('lake')}'}
hive: {connector: hive, host: 127.0.0.1, port: ${port}, proof: false}
`,
  )
  const configure = (format: string) =>
    root.write(
      'config/integrations/loans.yaml',
      `name: loans
source: {connection: mem, tables: ['public.*']}
lake: {connection: lake}
flush: {interval: 20ms}
register: [{connection: hive, schema: raw, every: 20ms, format: ${format}}]
`,
    )
  const run = (...argv: readonly string[]) => portage([...argv, '--config', root.path('config'), '--state', root.path('state')])
  const asked = async (sql: string): Promise<readonly unknown[]> => {
    const found = []
    for await (const page of (await metastore.query(sql, new AbortController().signal)).pages)
      found.push(...(page.columns[0] ?? []))
    return found
  }
  const rows = async () => (await asked('SELECT COUNT(*) AS `n` FROM `raw`.`visit`')).map(Number)
  const stored = async () => (await asked('SHOW TABLES IN `raw`')).filter((name) => String(name).startsWith('portage_files__'))
  /** Profiles of the files in the directories that the files table has as partitions. */
  const profiles = async () => {
    const [table] = await stored()
    const shown = (await asked(`SHOW PARTITIONS \`raw\`.\`${table}\``)).map((each) => String(each).split('=')[1] ?? '')
    const found = new Set<string | undefined>()
    for (const { name, parentPath } of readdirSync(root.path('lake'), { recursive: true, withFileTypes: true })) {
      if (!name.startsWith('part-') || !shown.some((directory) => parentPath.endsWith(directory))) continue
      const bytes = readFileSync(join(parentPath, name))
      const { metadata } = await readFooter(async (start, end) => bytes.subarray(start, end), bytes.length)
      found.add(metadata.key_value_metadata?.find(({ key }) => key === 'portage.profile')?.value)
    }
    return [...found]
  }
  const told = async () => (await run('plan', 'loans')).stdout
  database.commit((transaction) => {
    transaction.createTable('public.visit', { columns: [{ name: 'id', type: { kind: 'int64' } }], key: ['id'] })
    transaction.insert('public.visit', { id: '1' })
  })
  configure('parquet')
  expect(await run('run', 'loans', '--until-current')).toMatchObject({ code: 0 })
  expect([await stored(), await profiles(), await rows()]).toEqual([['portage_files__visit__1'], ['hive'], [1]])
  expect(await told()).not.toContain('is asked for')

  configure('parquet-hive3')
  const line = (found: string, format: string) =>
    `!!! warehouse hive raw: files of 1 table are ${found}, "format: ${format}" is asked for: the next commit, or "portage register loans --repair", writes them anew`
  expect(await told()).toContain(line('parquet', 'parquet-hive3'))
  expect(await run('register', 'loans', '--repair')).toMatchObject({ code: 0 })
  expect([await stored(), await profiles(), await rows()]).toEqual([['portage_files__visit__2'], ['hive3'], [1]])
  expect(await told()).not.toMatch(/is asked for|registered as/)

  configure('parquet')
  expect(await told()).toContain(line('parquet-hive3', 'parquet'))
  database.commit((transaction) => transaction.insert('public.visit', { id: '2' }))
  expect(await run('run', 'loans', '--until-current')).toMatchObject({ code: 0 })
  expect([await stored(), await profiles(), await rows()]).toEqual([['portage_files__visit__3'], ['hive'], [2]])
  expect(await told()).not.toMatch(/is asked for|registered as/)
})
