/** What is done with each new directory before a view names it: read back, proven, and counted for the planner on request. */
import { copyFile, readdir, rm } from 'node:fs/promises'
import { HiveSQL, SparkSQL } from 'dt-sql-parser'
import { expect, test } from 'vitest'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import { openMetastore } from '../../support/hive/metastore/engine.ts'
import { projected } from '../../support/hive/projected.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { lakeRow } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { scratch } from '../../support/scratch.ts'
import { column, cut, ID, row, STATUS, schemaOf, warehouseTables } from '../../support/warehouse-tables.ts'

const signal = new AbortController().signal
const PARSERS = { hive: new HiveSQL(), spark: new SparkSQL() } as const

async function opened(dialect: 'hive' | 'spark', statistics: boolean) {
  const stack = new AsyncDisposableStack()
  const { dir } = stack.use(scratch())
  const metastore = stack.use(openMetastore(dialect))
  const store = await openFilesystemStore(dir, quietEnvironment())
  const settings = { dialect, host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true, statistics } as const
  const warehouse = projected(hiveWarehouse(metastore.session(), settings), store, 'parquet')
  const made = warehouseTables(() => ({ warehouse, store, reopen: async () => warehouse, [Symbol.asyncDispose]: async () => {} }))
  return { ...made, metastore, warehouse, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const FIRST = [lakeRow('r', cut(10), { id: 1n, status: 'a' })]

test.each(['hive', 'spark'] as const)('%s computes statistics of the directories that changed, when asked', async (dialect) => {
  await using subject = await opened(dialect, true)
  const { table, file, request, warehouse, metastore } = subject
  const measured = () => metastore.statements.filter((sql) => sql.startsWith('ANALYZE '))
  const loan = await table('loan', schemaOf([ID, STATUS]), { base: [FIRST] })
  await warehouse.register(request([loan], { commit: 1 }), signal)
  expect(measured()).toEqual([
    expect.stringMatching(
      /^ANALYZE TABLE `raw`\.`portage_files__loan__1` PARTITION \(`portage_directory`='base-1-[0-9a-f]{8}'\) COMPUTE STATISTICS$/,
    ),
  ])
  const more = await file(loan.schema, 'changes', [lakeRow('c', row(12), { id: 2n, status: 'b' })])
  const next = { ...loan, changes: [...loan.changes, more] }
  const { statements } = await warehouse.register(request([next], { commit: 2, dryRun: true }), signal)
  expect(measured()).toHaveLength(1)
  await warehouse.register(request([next], { commit: 2 }), signal)
  expect(measured()).toHaveLength(2)
  expect(measured()[1]).toContain("='changes-2-")
  expect(statements).toContain(measured()[1])
  const shown = metastore.statements.findIndex((sql) => sql.includes(' VIEW `raw`.`loan` ') && sql.includes('changes-2-'))
  expect(metastore.statements.indexOf(measured()[1] ?? '')).toBeLessThan(shown)
  expect(measured().flatMap((sql) => PARSERS[dialect].validate(`${sql};`))).toEqual([])
})

test('a registration that nobody asked for statistics computes none', async () => {
  await using subject = await opened('hive', false)
  const { table, request, warehouse, metastore } = subject
  await warehouse.register(request([await table('loan', schemaOf([ID, STATUS]), { base: [FIRST] })]), signal)
  expect(metastore.statements.filter((sql) => sql.startsWith('ANALYZE '))).toEqual([])
})

test('rows that were not proven are not shown by a repeat either', async () => {
  await using subject = await opened('hive', false)
  const { table, request, warehouse, metastore } = subject
  const loan = await table('loan', schemaOf([ID, STATUS]), { base: [FIRST] })
  let strange = ''
  metastore.after = (sql) => {
    strange = /LOCATION 'file:\/\/([^']*base-[^']*)'/.exec(sql)?.[1] ?? strange
  }
  metastore.before = (sql) => {
    if (sql.includes(' VIEW `raw`.`loan`')) throw new Error('a view was made')
  }
  // A file that somebody put there.
  const intrude = async () => {
    const [own = ''] = await readdir(strange)
    await copyFile(`${strange}/${own}`, `${strange}/another.parquet`)
  }
  await expect(warehouse.register(request([loan], { commit: 3 }), signal)).rejects.toThrow('a view was made')
  await intrude()
  for (const _ of [1, 2]) {
    await expect(warehouse.register(request([loan], { commit: 3 }), signal)).rejects.toMatchObject({ code: 'PROOF' })
  }
  await rm(`${strange}/another.parquet`)
  metastore.before = () => {}
  // The engine in process lists files anew after a statement only.
  await metastore.statement('CREATE DATABASE IF NOT EXISTS `raw`', signal)
  await warehouse.register(request([loan], { commit: 3 }), signal)
  expect(await queryRows(warehouse, 'select * from raw.loan')).toEqual(['1 | a'])
})

test('what was shown stays for one registration more, for a query that read the view before; a repair drops it', async () => {
  await using subject = await opened('hive', false)
  const { table, request, warehouse } = subject
  const ids = (id: bigint) => [lakeRow('r', cut(10 + Number(id)), { id, status: 'a' })]
  const register = async (commit: number) => {
    const loan = await table('loan', schemaOf([ID, STATUS]), { base: [ids(BigInt(commit))] })
    await warehouse.register(request([loan], { commit }), signal)
    const rows = await queryRows(warehouse, 'show partitions raw.portage_files__loan__1')
    return rows.map((line) => /base-\d+/.exec(line)?.[0])
  }
  expect(await register(1)).toEqual(['base-1'])
  expect(await register(2)).toEqual(['base-1', 'base-2'])
  expect(await register(3)).toEqual(['base-2', 'base-3'])
  expect(await register(3)).toEqual(['base-3'])
})

test.each(['hive', 'spark'] as const)('columns of %s may be called as what it tells of a table', async (dialect) => {
  await using subject = await opened(dialect, false)
  const { table, request, warehouse } = subject
  const text = { kind: 'utf8', format: 'text' } as const
  const named = ['Location', 'Type', 'InputFormat', 'Table Type'].map((name, index) => column(index + 2, name, text))
  const loan = await table('loan', schemaOf([ID, ...named]), { base: [[lakeRow('r', cut(10), { id: 1n })]] })
  await warehouse.register(request([loan]), signal)
  const [relation] = await warehouse.describe('loans', 'raw', signal)
  expect(relation?.stored).toMatchObject({ format: 'parquet', keepsFiles: true, discovers: false })
})
