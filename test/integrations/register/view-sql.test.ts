import { describe, expect, test } from 'vitest'
import type { Position, TableName, TableSchema } from '../../../connectors/change.ts'
import { DUCKDB_DIALECT } from '../../../connectors/duckdb/dialect.ts'
import { DIALECTS } from '../../../connectors/hive/dialect.ts'
import type { Dialect } from '../../../connectors/ports.ts'
import { SNOWFLAKE_DIALECT } from '../../../connectors/snowflake/dialect.ts'
import { quoteName, quoteOwnText } from '../../../integrations/register/quote.ts'
import { relationSql } from '../../../integrations/register/view-sql.ts'

const cut = (number: number): Position => `0001-${String(number).padStart(16, '0')}-00000000` as Position

const LOAN: TableSchema = {
  table: 'public.loan' as TableName,
  id: '16384',
  version: 3,
  since: cut(7),
  identity: 'default',
  key: ['branch', 'id'],
  columns: [
    { id: 1, name: 'id', physical: 'id', type: { kind: 'int64' }, sourceType: 'bigint', nullable: false },
    { id: 2, name: 'branch', physical: 'branch', type: { kind: 'utf8', format: 'text' }, sourceType: 'text', nullable: false },
    {
      id: 3,
      name: 'Amount "net"',
      physical: 'amount',
      type: { kind: 'decimal', precision: 12, scale: 2 },
      sourceType: 'numeric(12,2)',
      nullable: true,
      comment: 'without fees',
    },
    { id: 4, name: 'gone', physical: 'gone', type: { kind: 'bool' }, sourceType: 'boolean', nullable: true, dropped: true },
    {
      id: 5,
      name: 'state',
      physical: 'gone_2',
      type: { kind: 'utf8', format: 'text' },
      sourceType: 'text',
      nullable: true,
      initial: { before: cut(7), text: "it's \\ new" },
    },
    { id: 6, name: 'due', physical: 'due', type: { kind: 'timestamp', utc: false }, sourceType: 'timestamp', nullable: true },
    { id: 7, name: 'seen', physical: 'seen', type: { kind: 'timestamp', utc: true }, sourceType: 'timestamptz', nullable: true },
  ],
}
const BAG: TableSchema = { ...LOAN, key: [], identity: 'full' }

const SCANS = { base: 'loan_base', changes: 'loan_change_files' }
const SHAPES = {
  'one-snapshot': { schema: LOAN, boundary: cut(5), baseThrough: cut(5) },
  'several-snapshots': { schema: LOAN, boundary: cut(5), baseThrough: cut(6) },
  bag: { schema: BAG, boundary: cut(5), baseThrough: cut(5) },
} as const

describe.each<readonly [string, Dialect]>([
  ['duckdb', DUCKDB_DIALECT],
  ['snowflake', SNOWFLAKE_DIALECT],
  ['hive', DIALECTS.hive],
  ['spark', DIALECTS.spark],
])('relations in the dialect of %s', (name, dialect) => {
  test.each(Object.entries(SHAPES))('current rows, %s', async (shape, table) => {
    const { current } = relationSql(table, dialect, SCANS)
    await expect(`${current}\n`).toMatchFileSnapshot(`../../golden/register/${name}-${shape}.sql`)
  })

  test('history', async () => {
    const { changes } = relationSql(SHAPES['one-snapshot'], dialect, SCANS)
    await expect(`${changes}\n`).toMatchFileSnapshot(`../../golden/register/${name}-changes.sql`)
  })
})

test('a renewed base stands for base and changes up to its boundary in the current rows, and for nothing in the history', () => {
  const renewed = { base: 'loan_renewed', changes: 'loan_recent_files' }
  for (const table of Object.values(SHAPES)) {
    const { current, changes } = relationSql({ ...table, renewed: { boundary: cut(9) } }, DUCKDB_DIALECT, { ...SCANS, renewed })
    const same = relationSql({ ...table, boundary: cut(9), baseThrough: cut(9) }, DUCKDB_DIALECT, renewed)
    expect(current).toBe(same.current)
    expect(changes).toBe(relationSql(table, DUCKDB_DIALECT, SCANS).changes)
    // An engine that does without it reads base and changes.
    const without = relationSql({ ...table, renewed: { boundary: cut(9) } }, DUCKDB_DIALECT, SCANS)
    expect(without.current).toBe(relationSql(table, DUCKDB_DIALECT, SCANS).current)
  }
})

test('comments go with the names of the relation', () => {
  expect([...relationSql(SHAPES.bag, DUCKDB_DIALECT, SCANS).comments]).toEqual([['Amount "net"', 'without fees']])
})

test('names are quoted with the quote doubled, and texts of Portage hold nothing to quote', () => {
  expect(quoteName(DUCKDB_DIALECT, 'a"b`c')).toBe('"a""b`c"')
  expect(quoteName(DIALECTS.hive, 'a"b`c')).toBe('`a"b``c`')
  expect(quoteOwnText(cut(1))).toBe("'0001-0000000000000001-00000000'")
  expect(() => quoteOwnText("' or 1=1")).toThrow(RangeError)
})

test.each([
  ['duckdb', DUCKDB_DIALECT],
  ['spark', DIALECTS.spark],
] as const)('line ends of names and literals stay as they are for %s', (_, dialect) => {
  const text = 'two\nlines'
  const columns = LOAN.columns.map((column) =>
    column.initial === undefined ? column : { ...column, name: text, initial: { before: cut(7), text } },
  )
  const scans = { base: `(select ${quoteName(dialect, text)})`, changes: 'c' }
  const shape = { schema: { ...LOAN, columns }, boundary: cut(5), baseThrough: cut(5) }
  for (const sql of Object.values(relationSql(shape, dialect, scans)).filter((each) => typeof each === 'string')) {
    expect(sql).toContain(dialect.literal(text, { kind: 'utf8', format: 'text' }))
    expect(sql.split(quoteName(dialect, text)).length).toBeGreaterThan(2)
    expect(sql).not.toContain('two\n ')
  }
})
