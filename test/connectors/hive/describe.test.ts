/** What someone did to tables behind Portage's back is told by the plan, and mended by a repair. */
import { HiveSQL, SparkSQL } from 'dt-sql-parser'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
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
import { cut } from '../../support/warehouse-tables.ts'

const signal = new AbortController().signal
const LOAN = 'public.loan' as TableName
const projection: ProjectionSettings = {
  prefix: 'raw',
  connection: 'hive',
  format: 'parquet',
  compression: 'zstd',
  targetFileBytes: 1 << 26,
}

let directory: Scratch
let store: ObjectStore
let metastore: Metastore
let warehouse: Warehouse
let state: LogState

beforeAll(async () => {
  directory = scratch()
  store = await openFilesystemStore(directory.dir, quietEnvironment())
  metastore = openMetastore('hive')
  warehouse = hiveWarehouse(metastore, { dialect: 'hive', host: 'h', port: 1, s3_scheme: 's3a', proof: true })
  const base = await writeLakeFile(store, 'raw/loans/public.loan/base/x.parquet', loanSchema(), 'base', [
    lakeRow('r', cut(5), { id: 1n, status: 'a' }),
  ])
  const table = {
    schema: loanSchema(),
    versions: {},
    storage: '1',
    base: { generation: 1, boundary: cut(5), files: [base] },
    pending: null,
    changes: [],
    accepted: 1,
    shown: null,
    gone: null,
  }
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

test.each<readonly [string, (name: string) => readonly string[], RegExp]>([
  [
    'a dropped partition',
    (directory) => [
      `ALTER TABLE \`raw\`.\`portage_files__loan__1\` DROP IF EXISTS PARTITION (\`portage_directory\`='${directory}')`,
    ],
    /has lost its partition "base-3-/,
  ],
  [
    'a table that deletes its files',
    () => ["ALTER TABLE `raw`.`portage_files__loan__1` SET TBLPROPERTIES ('external.table.purge'='TRUE')"],
    /would delete its files when it is dropped/,
  ],
  [
    'a table that the metastore finds partitions of',
    () => ["ALTER TABLE `raw`.`portage_files__loan__1` SET TBLPROPERTIES ('discover.partitions'='true')"],
    /lets the metastore add and drop its partitions/,
  ],
  [
    'a table that was moved',
    () => ["ALTER TABLE `raw`.`portage_files__loan__1` SET LOCATION 'file:///elsewhere'"],
    /is at "\/elsewhere", registered at "\/.*hive\.raw": run "portage register --repair"/,
  ],
  [
    'a table of another format',
    () => ['ALTER TABLE `raw`.`portage_files__loan__1` SET FILEFORMAT ORC'],
    /is orc, registered as parquet: run/,
  ],
  ['a dropped view', () => ['DROP VIEW IF EXISTS `raw`.`loan`'], /raw\.loan is missing/],
])('%s', async (_, damage, said) => {
  await register(false)
  await register(true)
  expect(await findings()).toEqual([])
  const [relation] = await warehouse.describe('loans', 'raw', signal)
  for (const statement of damage(relation?.stored?.directories[0] ?? '')) await metastore.statement(statement, signal)
  expect(await findings()).toEqual([expect.stringMatching(said)])
  const before = metastore.statements.length
  await register(true)
  expect(await findings()).toEqual([])
  const resets = metastore.statements.slice(before).filter((sql) => / SET (?:TBLPROPERTIES|LOCATION) /.test(sql))
  expect(resets.length).toBeGreaterThan(0)
  for (const parser of [new HiveSQL(), new SparkSQL()]) {
    expect(resets.flatMap((sql) => parser.validate(`${sql};`))).toEqual([])
  }
  expect(await queryRows(warehouse, 'select * from raw.loan')).toEqual(['1 | a'])
})
