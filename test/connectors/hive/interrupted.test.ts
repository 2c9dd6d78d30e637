/** A registration that ends before or after any of its statements, and what is seen between them: the old rows or the new ones. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import type { HiveClient } from '../../../connectors/hive/client/client.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import type { ObjectStore, RegisterRequest, TableRegistration, Warehouse } from '../../../connectors/ports.ts'
import { type Metastore, openMetastore } from '../../support/hive/metastore/engine.ts'
import { projected } from '../../support/hive/projected.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { lakeRow } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'
import { column, cut, ID, row, STATUS, schemaOf, type WarehouseSubject, warehouseTables } from '../../support/warehouse-tables.ts'

const signal = new AbortController().signal
const RELATIONS = ['loan', 'loan_changes', 'visit', 'visit_changes'] as const

describe.each(['hive', 'spark'] as const)('a registration in %s that is interrupted', (dialect) => {
  let directory: Scratch
  let store: ObjectStore
  let first: readonly TableRegistration[]
  let second: readonly TableRegistration[]
  let ask: (tables: readonly TableRegistration[], commit: number) => RegisterRequest
  const settings = { dialect, host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true } as const
  const over = (client: HiveClient): Warehouse => projected(hiveWarehouse(client, settings), store, 'parquet')

  beforeAll(async () => {
    directory = scratch()
    store = await openFilesystemStore(directory.dir, quietEnvironment())
    await using metastore = openMetastore(dialect)
    const subject: WarehouseSubject = {
      warehouse: over(metastore),
      store,
      reopen: async () => over(metastore),
      [Symbol.asyncDispose]: async () => {},
    }
    const { table, request, file } = warehouseTables(() => subject)
    const schema = schemaOf([ID, STATUS])
    const bag = { ...schema, table: 'public.visit' as TableName, id: '2', key: [], identity: 'full' } as const
    const change = (op: 'c' | 'd' | 'u', at: number, id: number, status: string) =>
      lakeRow(op, row(at), { id: BigInt(id), status })
    const loan = await table('loan', schema, {
      base: [[lakeRow('r', cut(10), { id: 1n, status: 'a' }), lakeRow('r', cut(10), { id: 2n, status: 'b' })]],
      changes: [[change('u', 11, 1, 'b')]],
    })
    const visit = await table('visit', bag, {
      base: [[lakeRow('r', cut(10), { id: 7n, status: 'x' }), lakeRow('r', cut(10), { id: 7n, status: 'x' })]],
      changes: [[change('c', 11, 7, 'x')]],
    })
    first = [loan, visit]
    const wide = schemaOf([ID, STATUS, column(3, 'note', { kind: 'utf8', format: 'text' })], { version: 2 })
    const loans = await file(wide, 'changes', [change('d', 12, 2, ''), change('c', 13, 3, 'c')])
    const visits = await file(bag, 'changes', [change('d', 12, 7, 'x'), change('c', 13, 8, 'y')])
    const standing = [lakeRow('c', row(11), { id: 7n, status: 'x' }), lakeRow('r', cut(10), { id: 7n, status: 'x' })]
    const renewed = {
      boundary: row(12),
      files: [await file(bag, 'base', standing)],
      recent: [visits],
    }
    const again = [lakeRow('r', cut(10), { id: 1n, status: 'a' }), lakeRow('r', cut(10), { id: 2n, status: 'b' })]
    second = [
      { ...loan, schema: wide, base: [await file(wide, 'base', again)], changes: [...loan.changes, loans] },
      { ...visit, changes: [...visit.changes, visits], renewed },
    ]
    ask = (tables, commit) => request(tables, { commit })
  })
  afterAll(() => directory[Symbol.dispose]())

  const seen = async (client: HiveClient): Promise<readonly string[]> => {
    const found: string[] = []
    for (const name of RELATIONS) {
      found.push((await queryRows(hiveWarehouse(client, settings), `select * from raw.${name}`)).join('\n'))
    }
    return found
  }

  /** After the first registration, with what can be seen. */
  const registered = async (): Promise<{ readonly metastore: Metastore; readonly rows: readonly string[] }> => {
    const metastore = openMetastore(dialect)
    await over(metastore).register(ask(first, 1), signal)
    return { metastore, rows: await seen(metastore) }
  }

  test('shows old rows or new ones at every moment, and is right when it is repeated', async () => {
    const { metastore: whole, rows: old } = await registered()
    await using _whole = whole
    const done = whole.statements.length
    await over(whole).register(ask(second, 2), signal)
    const now = await seen(whole)
    const count = whole.statements.length - done
    expect(now[0]).toBe('1 | b | ␀\n3 | c | ␀')
    expect(now[2]).toBe('7 | x\n7 | x\n8 | y')
    expect(count).toBeGreaterThan(9)
    const either = (rows: readonly string[]) => {
      for (const [index, relation] of rows.entries()) expect([old[index], now[index]]).toContain(relation)
    }
    for (let index = 0; index < count; index++) {
      for (const moment of ['before', 'after'] as const) {
        const { metastore } = await registered()
        await using _metastore = metastore
        let calls = 0
        metastore[moment] = () => {
          if (calls++ === index) throw new ConnectorError('CONNECTION', 'the connection is lost')
        }
        const watched: HiveClient = {
          ...metastore.session(),
          statement: async (sql, abort) => {
            try {
              await metastore.statement(sql, abort)
            } finally {
              if (moment === 'after') either(await seen(metastore))
            }
          },
        }
        await expect(over(watched).register(ask(second, 2), signal)).rejects.toMatchObject({ code: 'CONNECTION' })
        either(await seen(metastore))
        metastore[moment] = () => {}
        // The log went on meanwhile, or not.
        const commit = index % 2 === 0 ? 2 : 3
        await over(metastore).register(ask(second, commit), signal)
        expect(await seen(metastore)).toEqual(now)
        expect((await over(metastore).registered('loans', 'raw', signal))?.commit).toBe(commit)
        // What was to be dropped last is dropped when the table changes next, or by a repair.
        await over(metastore).register(ask(second, commit), signal)
        expect(await partitions(metastore)).toEqual(await shownPartitions(over(metastore)))
      }
    }
  })

  const partitions = async (client: HiveClient): Promise<readonly string[]> => {
    const found: string[] = []
    for (const relation of ['loan', 'visit']) {
      const { pages } = await client.query(`SHOW PARTITIONS \`raw\`.\`portage_files__${relation}__1\``, signal)
      for await (const { columns } of pages) found.push(...(columns[0] ?? []).map((name) => String(name).split('=')[1] ?? ''))
    }
    return found.sort()
  }
  const shownPartitions = async (warehouse: Warehouse): Promise<readonly string[]> => {
    const known = await warehouse.registered('loans', 'raw', signal)
    return [...(known?.projected?.values() ?? [])]
      .flatMap((state) => [...state.matchAll(/"((?:base|renewed|changes)-\d+-[0-9a-f]+)"/g)].map((match) => match[1] ?? ''))
      .sort()
  }
})
