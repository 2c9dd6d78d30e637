/** Every statement that a registration is made of: golden, and read by a parser of each dialect that knows nothing of us. */
import { readFile } from 'node:fs/promises'
import { HiveSQL, SparkSQL } from 'dt-sql-parser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { openFilesystemStore } from '../../../connectors/filesystem/store.ts'
import type { HiveClient } from '../../../connectors/hive/client/client.ts'
import { DIALECTS } from '../../../connectors/hive/dialect.ts'
import { text } from '../../../connectors/hive/quote.ts'
import { hiveWarehouse } from '../../../connectors/hive/warehouse.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { openMetastore } from '../../support/hive/metastore/engine.ts'
import { tokens } from '../../support/hive/metastore/tokens.ts'
import { projected } from '../../support/hive/projected.ts'
import { quietEnvironment } from '../../support/lake.ts'
import { lakeRow } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { type Scratch, scratch } from '../../support/scratch.ts'
import { column, cut, ID, row, STATUS, schemaOf, type WarehouseSubject, warehouseTables } from '../../support/warehouse-tables.ts'

const PARSERS = { hive: new HiveSQL(), spark: new SparkSQL() } as const
const signal = new AbortController().signal

describe.each(['hive', 'spark'] as const)('statements for %s', (dialect) => {
  let directory: Scratch
  beforeAll(() => {
    directory = scratch()
  })
  afterAll(() => directory[Symbol.dispose]())

  test('of a table’s life are what they were, and parse', async () => {
    const said: string[] = []
    await using metastore = openMetastore(dialect)
    const store = await openFilesystemStore(directory.dir, quietEnvironment())
    const heard: HiveClient = {
      ...metastore.session(),
      statement: async (sql, abort) => {
        said.push(sql)
        await metastore.statement(sql, abort)
      },
      query: async (sql, abort) => {
        said.push(sql)
        return await metastore.query(sql, abort)
      },
    }
    const settings = { dialect, host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true } as const
    const warehouse = projected(hiveWarehouse(heard, settings), store, 'parquet')
    const subject: WarehouseSubject = { warehouse, store, reopen: async () => warehouse, [Symbol.asyncDispose]: async () => {} }
    const { table, request, file } = warehouseTables(() => subject)
    const step = async (title: string, work: () => Promise<unknown>): Promise<void> => {
      said.push(`-- ${title}`)
      await work()
    }
    const commented = { ...STATUS, comment: "it's \\ where\nthe loan `is`" }
    const first = schemaOf([ID, commented])
    const loan = await table('loan', first, {
      base: [[lakeRow('r', cut(10), { id: 1n, status: 'a' })]],
      changes: [[lakeRow('u', row(11), { id: 1n, status: 'b' })]],
    })
    const bag = await table(
      'Visit',
      { ...first, table: 'public.Visit' as TableName, id: '2', key: [], identity: 'full' },
      { base: [[lakeRow('r', cut(10), { id: 7n, status: null }), lakeRow('r', cut(11), { id: 7n, status: null })]] },
    )
    await step('the first registration', () => warehouse.register(request([loan, bag]), signal))
    const more = await file(first, 'changes', [lakeRow('t', row(12)), lakeRow('c', row(13), { id: 2n, status: 'c' })])
    await step('changes', () => warehouse.register(request([{ ...loan, changes: [...loan.changes, more] }, bag]), signal))
    const added = column(
      3,
      'Größe `x`',
      { kind: 'utf8', format: 'text' },
      { initial: { before: row(14), text: "O'\\Brien\n😀" } },
    )
    const second = schemaOf([{ ...ID, name: 'number' }, commented, added], { version: 2 })
    const shape = { ...loan, schema: second, changes: [...loan.changes, more] }
    await step('a column renamed, a column added', () => warehouse.register(request([shape, bag]), signal))
    const renewed = {
      boundary: row(13),
      files: [await file(second, 'base', [lakeRow('c', row(13), { id: 2n, status: 'c' })])],
      recent: [],
    }
    await step('a renewed base', () => warehouse.register(request([{ ...shape, renewed }, bag]), signal))
    const wide = schemaOf(
      [
        { ...ID, name: 'number', type: { kind: 'int64' } },
        { ...commented, type: { kind: 'binary' } },
      ],
      { version: 3 },
    )
    await step('another type, and the other table gone', () =>
      warehouse.register(request([{ ...shape, schema: wide, base: [], changes: [] }]), signal),
    )
    await step('described', () => warehouse.describe('loans', 'raw', signal))
    await step('a dry run', async () => {
      const { statements } = await warehouse.register(request([shape], { dryRun: true }), signal)
      said.push(...statements)
    })
    await step('checked', () => warehouse.check(signal))
    await step('removed', () => warehouse.remove({ integration: 'loans', schema: 'raw', dryRun: false }, signal))
    const plain = said.map((sql) => sql.replaceAll(directory.dir, '/lake').replaceAll(/-[0-9a-f]{8}(?=['/])/g, '-########'))
    await expect(`${plain.map(shortened).join('\n\n')}\n`).toMatchFileSnapshot(`../../golden/hive/${dialect}.sql`)
    const wrong = said
      .filter((sql) => !sql.startsWith('--') && !sql.startsWith('SET '))
      .flatMap((sql) => PARSERS[dialect].validate(`${sql};`).map(({ message }) => `${message}\n${sql}`))
    expect(wrong).toEqual([])
  })

  const VALUES: readonly (readonly [LogicalType, string])[] = [
    [{ kind: 'bool' }, 't'],
    [{ kind: 'bool' }, 'f'],
    [{ kind: 'int16' }, '-32768'],
    [{ kind: 'int64' }, '9223372036854775807'],
    [{ kind: 'float64' }, '-0.1'],
    [{ kind: 'decimal', precision: 38, scale: 10 }, '-1234567890123456789012345678.0123456789'],
    [{ kind: 'utf8', format: 'text' }, "''\\'\\\\n\\u0041 \t\r\n%_ 😀 ­ \\"],
    [{ kind: 'utf8', format: 'json' }, '{"a": "it\'s \\"x\\""}'],
    [{ kind: 'binary' }, '00ff27'],
    [{ kind: 'date' }, '0001-01-01'],
    [{ kind: 'timestamp', utc: true }, '1999-12-31 23:59:59.999999'],
  ]

  test('literals are the value they were made of', async () => {
    await using metastore = openMetastore(dialect)
    const literals = VALUES.map(([type, value], index) => `${DIALECTS[dialect].literal(value, type)} AS \`c${index}\``)
    const sql = `SELECT ${literals.join(', ')}`
    const settings = { dialect, host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true } as const
    const rows = await queryRows(hiveWarehouse(metastore, settings), sql)
    expect(rows).toEqual([VALUES.map(([, value]) => value).join(' | ')])
    expect(PARSERS[dialect].validate(`${sql};`)).toEqual([])
  })

  test('columns of any name are shown; what the metastore takes in none is written under another, or refused', async () => {
    await using metastore = openMetastore(dialect)
    using place = scratch()
    const store = await openFilesystemStore(place.dir, quietEnvironment())
    const settings = { dialect, host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true } as const
    const warehouse = projected(hiveWarehouse(metastore, settings), store, 'parquet')
    const subject: WarehouseSubject = { warehouse, store, reopen: async () => warehouse, [Symbol.asyncDispose]: async () => {} }
    const { table, request } = warehouseTables(() => subject)
    const plain = { kind: 'utf8', format: 'text' } as const
    const names = ['a`b', "a'b", 'größe', 'select', 'a,b\\', 'two\nlines']
    const odd = [column(2, 'dotted', plain, { physical: 'a.b:c' }), column(3, 'a_b_c', plain)]
    const columns = [ID, ...odd, ...names.map((name, index) => column(index + 4, name, plain))]
    const values = Object.fromEntries(columns.slice(1).map(({ physical }, index) => [physical, `v${index}`]))
    const loan = await table('loan', schemaOf(columns, { key: ['id', 'a.b:c'] }), {
      base: [[lakeRow('r', cut(10), { id: 1n, ...values })]],
    })
    await warehouse.register(request([loan]), signal)
    const row = columns.slice(1).map((_, index) => `v${index}`)
    expect(await queryRows(warehouse, 'select * from raw.loan')).toEqual([['1', ...row].join(' | ')])
    const dotted = { ...loan, schema: schemaOf([ID, column(2, 'a.b', plain)]) }
    await expect(warehouse.register(request([dotted]), signal)).rejects.toMatchObject({
      code: 'SCHEMA',
      message: expect.stringContaining('public.loan.a.b: {rename: …}') as string,
    })
    await expect(warehouse.register(request([{ ...loan, relation: 'a-b' }]), signal)).rejects.toMatchObject({ code: 'SCHEMA' })
    await expect(warehouse.register(request([loan], { schema: 'a.b' }), signal)).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  test('the checksums of reconcile parse', async () => {
    const golden = await readFile(new URL(`../../golden/reconcile/${dialect}.sql`, import.meta.url), 'utf8')
    const statements = golden.split(';\n').filter((sql) => sql.trim() !== '')
    expect(statements.length).toBeGreaterThan(2)
    expect(statements.flatMap((sql) => PARSERS[dialect].validate(`${sql};`).map(({ message }) => message))).toEqual([])
  })

  test('a text of any characters is one literal of printable ASCII', () => {
    const every = Array.from({ length: 0x300 }, (_, index) => String.fromCharCode(index)).join('')
    expect(text(every)).toMatch(/^'[ -~]*'$/)
    expect(tokens(text(every))).toEqual([{ kind: 'text', value: every }])
  })
})

/** Views are long; `test/golden/register` holds their queries. */
const shortened = (sql: string): string => sql.replace(/(VIEW[^\n]* AS\n)[\s\S]*?(\(SELECT[\s\S]*)/, '$1… $2')

test('of two registrations at once the slower one shows nothing and says so', async () => {
  using directory = scratch()
  await using metastore = openMetastore('hive')
  const store = await openFilesystemStore(directory.dir, quietEnvironment())
  const settings = { dialect: 'hive', host: 'localhost', port: 10_000, s3_scheme: 's3a', proof: true } as const
  const quick = projected(hiveWarehouse(metastore.session(), settings), store, 'parquet')
  const subject: WarehouseSubject = { warehouse: quick, store, reopen: async () => quick, [Symbol.asyncDispose]: async () => {} }
  const { table, request } = warehouseTables(() => subject)
  const loan = await table('loan', schemaOf([ID]), { base: [[lakeRow('r', cut(10), { id: 1n })]] })
  const slow: HiveClient = {
    ...metastore.session(),
    statement: async (sql, abort) => {
      await metastore.statement(sql, abort)
      if (sql.includes(' ADD IF NOT EXISTS')) await quick.register(request([loan], { commit: 8 }), signal)
    },
  }
  const late = projected(hiveWarehouse(slow, settings), store, 'parquet').register(request([loan], { commit: 7 }), signal)
  await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE', recovery: 'retry' })
  expect((await quick.registered('loans', 'raw', signal))?.commit).toBe(8)
  expect(await queryRows(quick, 'select * from raw.loan')).toEqual(['1'])
})
