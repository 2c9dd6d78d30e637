/** Two processes that prepare one database and register one commit at the same moment: both end well. */
import { expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import type { HiveClient } from '../../../connectors/hive/client/client.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import type { LogState, TableState } from '../../../integrations/land/log/commit.ts'
import { registerCommit } from '../../../integrations/register/register.ts'
import { openMetastore } from '../../support/hive/metastore/engine.ts'
import { loanSchema, quietEnvironment } from '../../support/lake.ts'
import { lakeRow, writeLakeFile } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { scratch } from '../../support/scratch.ts'
import { tableState } from '../../support/table-state.ts'
import { cut } from '../../support/warehouse-tables.ts'

const signal = new AbortController().signal
const COMMIT = 7

async function opened(dialect: 'hive' | 'spark') {
  const stack = new AsyncDisposableStack()
  const metastore = stack.use(openMetastore(dialect))
  const store = await openFilesystemStore(stack.use(scratch()).dir, quietEnvironment())
  const row = lakeRow('r', cut(5), { id: 1n, status: 'a' })
  const base = await writeLakeFile(store, 'raw/base.parquet', loanSchema(), 'base', [row])
  const table = (name: string, id: string): TableState =>
    tableState({ ...loanSchema(), id, table: name as TableName }, { boundary: cut(5), files: [base] })
  const tables = { 'public.loan': table('public.loan', '1'), 'public.visit': table('public.visit', '2') } as LogState['tables']
  const counts = { transactions: 0, changes: 0, rejects: 0 }
  const state: LogState = { number: COMMIT, position: cut(9), source: null, through: null, tables, counts, claim: null }
  const projection = {
    prefix: 'raw',
    connection: 'hive',
    format: 'parquet',
    compression: 'zstd',
    targetFileBytes: 1 << 26,
  } as const
  const over = (client: HiveClient) =>
    hiveWarehouse(client, { dialect, host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true })
  return {
    metastore,
    register: (client: HiveClient, schema: string) =>
      registerCommit({ integration: 'loans', schema, state, store, warehouse: over(client), projection, dryRun: false }, signal),
    rows: (relation: string) => queryRows(over(metastore), `select * from ${relation}`),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

test.each(['hive', 'spark'] as const)('%s: whatever one is about to make, the other may have made', async (dialect) => {
  await using at = await opened(dialect)
  const struck: string[] = []
  for (let index = 0; struck.length === index; index++) {
    let creations = 0
    const late: HiveClient = {
      ...at.metastore.session(),
      statement: async (sql, abort) => {
        if (!sql.startsWith('CREATE ') || creations++ !== index) return await at.metastore.statement(sql, abort)
        struck.push(sql)
        await at.metastore.statement(sql, abort)
        throw new ConnectorError('STATEMENT', 'AlreadyExistsException')
      },
    }
    expect(await at.register(late, `raw${index}`)).toMatchObject({ commit: COMMIT, refused: [], relations: ['loan', 'visit'] })
    expect([await at.rows(`raw${index}.loan`), await at.rows(`raw${index}.visit_changes`)]).toMatchObject([
      ['1 | a'],
      { length: 1 },
    ])
  }
  // The database, the ledger, and of each table the files and two views.
  expect(struck).toHaveLength(8)
})

test.each(['hive', 'spark'] as const)(
  '%s: two at once show the commit once, and nobody is told of the other',
  async (dialect) => {
    await using at = await opened(dialect)
    for (const schema of ['a', 'b', 'c']) {
      const two = [1, 2].map(() => at.register(at.metastore.session(), schema))
      for (const outcome of await Promise.all(two))
        expect(outcome).toMatchObject({ commit: COMMIT, refused: [], relations: ['loan', 'visit'] })
      expect([await at.rows(`${schema}.loan`), await at.rows(`${schema}.visit`)]).toEqual([['1 | a'], ['1 | a']])
    }
  },
)
