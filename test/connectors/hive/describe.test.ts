/** What someone did to tables behind Portage's back is told by the plan, and mended by a repair. */
import { HiveSQL, SparkSQL } from 'dt-sql-parser'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import type { HiveClient } from '../../../connectors/hive/client/client.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import type { ObjectStore, Warehouse } from '../../../connectors/ports.ts'
import type { LogState } from '../../../integrations/land/log/commit.ts'
import { type ProjectionSettings, registerCommit } from '../../../integrations/register/register.ts'
import { relationFindings } from '../../../integrations/register/warehouse-columns.ts'
import { type Metastore, openMetastore } from '../../support/hive/metastore/engine.ts'
import { loanSchema, quietEnvironment } from '../../support/lake.ts'
import { lakeRow, writeLakeFile } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'
import { tableState } from '../../support/table-state.ts'
import { cut, row } from '../../support/warehouse-tables.ts'

const signal = new AbortController().signal
const LOAN = 'public.loan' as TableName
const projection: ProjectionSettings = {
  prefix: 'raw',
  connection: 'hive',
  format: 'parquet',
  compression: 'zstd',
  targetFileBytes: 1 << 26,
}

const SETTINGS = { dialect: 'hive', host: 'h', port: 1, s3_scheme: 's3a', proof: true } as const

let directory: Scratch
let store: ObjectStore
let metastore: Metastore
let warehouse: Warehouse
let state: LogState

beforeAll(async () => {
  directory = scratch()
  store = await openFilesystemStore(directory.dir, quietEnvironment())
  metastore = openMetastore('hive')
  warehouse = hiveWarehouse(metastore, SETTINGS)
  const base = await writeLakeFile(store, 'raw/loans/public.loan/base/x.parquet', loanSchema(), 'base', [
    lakeRow('r', cut(5), { id: 1n, status: 'a' }),
  ])
  const table = tableState(loanSchema(), { boundary: cut(5), files: [base] })
  const counts = { transactions: 0, changes: 0, rejects: 0 }
  state = { number: 3, position: cut(9), source: null, through: null, tables: { [LOAN]: table }, counts, claim: null }
})
afterAll(async () => {
  await metastore[Symbol.asyncDispose]()
  directory[Symbol.dispose]()
})

const register = (repair: boolean) =>
  registerCommit({ integration: 'loans', schema: 'raw', state, store, warehouse, projection, dryRun: false, repair }, signal)

const findings = async (): Promise<readonly string[]> => {
  const { projected } = (await warehouse.registered('loans', 'raw', signal)) ?? {}
  const relations = await warehouse.describe('loans', 'raw', signal)
  const found = { connection: 'hive', schema: 'raw', dialect: warehouse.dialect, state, relations }
  const directoriesAt = () => store.address('raw/loans/public.loan/hive/hive.raw/')
  return relationFindings(projected === undefined ? found : { ...found, projected, directoriesAt }, LOAN)
}

test.each<readonly [string, (files: string, directory: string) => readonly string[], RegExp]>([
  [
    'a dropped partition',
    (files, directory) => [`ALTER TABLE ${files} DROP IF EXISTS PARTITION (\`portage_directory\`='${directory}')`],
    /has lost its partition "base-3-/,
  ],
  [
    'a table that deletes its files',
    (files) => [`ALTER TABLE ${files} SET TBLPROPERTIES ('external.table.purge'='TRUE')`],
    /would delete its files when it is dropped/,
  ],
  [
    'a table that the metastore finds partitions of',
    (files) => [`ALTER TABLE ${files} SET TBLPROPERTIES ('discover.partitions'='true')`],
    /lets the metastore add and drop its partitions/,
  ],
  [
    'a table that was moved',
    (files) => [`ALTER TABLE ${files} SET LOCATION 'file:///elsewhere'`],
    /is at "\/elsewhere", registered at "\/.*hive\.raw": run "portage register --repair"/,
  ],
  ['a table of another format', (files) => [`ALTER TABLE ${files} SET FILEFORMAT ORC`], /is orc, registered as parquet: run/],
  [
    'a partition that was moved',
    (files, directory) => [
      `ALTER TABLE ${files} PARTITION (\`portage_directory\`='${directory}') SET LOCATION 'file:///elsewhere'`,
    ],
    /has its partition "base-3-[0-9a-f]+" at "\/elsewhere", registered at "\/.*\/base-3-[0-9a-f]+": run/,
  ],
  ['a dropped view', () => ['DROP VIEW IF EXISTS `raw`.`loan`'], /raw\.loan is missing/],
])('%s', async (_, damage, said) => {
  await register(false)
  await register(true)
  expect(await findings()).toEqual([])
  const [relation] = await warehouse.describe('loans', 'raw', signal)
  const { name = '', directories = [] } = relation?.stored ?? {}
  for (const statement of damage(`\`raw\`.\`${name}\``, directories[0] ?? '')) await metastore.statement(statement, signal)
  expect(await findings()).toEqual([expect.stringMatching(said)])
  const before = metastore.statements.length
  await register(true)
  expect(await findings()).toEqual([])
  const repair = metastore.statements.slice(before)
  const drop = repair.findIndex((sql) => sql.startsWith('DROP TABLE'))
  // Whatever became of its properties, the old table takes no file with it.
  expect(repair[drop - 1]).toBe(`ALTER TABLE \`raw\`.\`${name}\` SET TBLPROPERTIES ('external.table.purge'='false')`)
  for (const parser of [new HiveSQL(), new SparkSQL()]) {
    expect(repair.slice(drop - 1).flatMap((sql) => parser.validate(`${sql};`))).toEqual([])
  }
  expect(await queryRows(warehouse, 'select * from raw.loan')).toEqual(['1 | a'])
})

test('a repair makes the files table beside the old one: a query finds the rows at every moment', async () => {
  await register(true)
  const [relation] = await warehouse.describe('loans', 'raw', signal)
  const { name = '' } = relation?.stored ?? {}
  await metastore.statement(`ALTER TABLE \`raw\`.\`${name}\` SET FILEFORMAT ORC`, signal)
  await metastore.statement(`ALTER TABLE \`raw\`.\`${name}\` ADD COLUMNS (\`strange\` STRING) CASCADE`, signal)
  const seen = new Set<string>()
  const heard: HiveClient = {
    ...metastore.session(),
    statement: async (sql, abort) => {
      await metastore.statement(sql, abort)
      seen.add((await queryRows(warehouse, 'select * from raw.loan')).join('; '))
    },
  }
  const watched = hiveWarehouse(heard, SETTINGS)
  const request = { integration: 'loans', schema: 'raw', state, store, warehouse: watched, projection, dryRun: false }
  expect((await registerCommit({ ...request, repair: true }, signal)).refused).toEqual([])
  expect([...seen]).toEqual(['1 | a'])
  const [now] = await warehouse.describe('loans', 'raw', signal)
  expect([now?.stored?.name === name, now?.stored?.format]).toEqual([false, 'parquet'])
})

test('of many partitions the oldest and the newest are asked where they are, every one on request', async () => {
  const table = state.tables[LOAN]
  if (table === undefined) throw new Error('no table')
  const grown = { ...state, tables: { ...state.tables } }
  const changes = []
  for (const [index, number] of [4, 5, 6].entries()) {
    const rows = [lakeRow('c', row(6 + index), { id: BigInt(number), status: 'c' })]
    changes.push(await writeLakeFile(store, `raw/loans/public.loan/changes/${number}.parquet`, loanSchema(), 'changes', rows))
    grown.tables[LOAN] = { ...table, changes: [...changes] }
    const at = { ...grown, number }
    await registerCommit({ integration: 'loans', schema: 'raw', state: at, store, warehouse, projection, dryRun: false }, signal)
  }
  const asked: string[] = []
  const heard: HiveClient = {
    ...metastore.session(),
    query: async (sql, abort) => {
      asked.push(...(/^DESCRIBE FORMATTED .* PARTITION .*='(\w+-\d)/.exec(sql)?.slice(1) ?? []))
      return await metastore.query(sql, abort)
    },
  }
  const watched = hiveWarehouse(heard, SETTINGS)
  await watched.describe('loans', 'raw', signal)
  expect(asked).toEqual(['base-3', 'changes-6'])
  const [relation] = await watched.describe('loans', 'raw', signal, { everyAddress: true })
  expect(asked.slice(2)).toEqual(['base-3', 'changes-4', 'changes-5', 'changes-6'])
  expect(relation?.stored?.addresses.size).toBe(4)
})
