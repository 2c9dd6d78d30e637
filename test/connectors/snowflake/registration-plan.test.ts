/** What a registration would run, as text. */
import { describe, expect, test } from 'vitest'
import type { RegisteredFile } from '../../../connectors/ports.ts'
import { ledgerStatement, readLedger } from '../../../connectors/snowflake/ledger.ts'
import { clashingName } from '../../../connectors/snowflake/names.ts'
import { differences, proofStatement } from '../../../connectors/snowflake/proof.ts'
import { setupStatements } from '../../../connectors/snowflake/setup.ts'
import { column, cut, ID, schemaOf, TEXT } from '../../support/warehouse-tables.ts'
import { baseFile, changeFile, ledgerAfter, pathOf, planOf, requestOf, STAGE, statementsOf, tableOf } from './plan-fixture.ts'

const COLUMNS = [
  ID,
  column(2, 'Status', TEXT, { comment: "the loan's state" }),
  column(3, 'amount', { kind: 'decimal', precision: 12, scale: 2 }),
  column(4, 'doc', { kind: 'utf8', format: 'json' }),
  column(5, 'value', { kind: 'timestamp', utc: true }, { initial: { before: cut(5), text: '2020-01-01 00:00:00.000000' } }),
]
const LOAN = schemaOf(COLUMNS, { version: 3, comment: 'Loans of clients' })
const BASE = baseFile('00000000000000000002-r1')
const DAY_1 = changeFile('2026-01-01', '00000000000000000003-r1')
const DAY_2 = changeFile('2026-01-02', '00000000000000000004-r1')
const MERGED = changeFile('2026-01-01', '00000000000000000009-m1', 4)

const first = (changes: readonly RegisteredFile[] = [DAY_1], schema = LOAN) => {
  const request = requestOf(4, [tableOf(schema, [BASE], changes)])
  const plan = planOf(request, null)
  if (plan === null) throw new Error('nothing planned')
  return { plan, ledger: ledgerAfter(request, plan) }
}
const registered = (...files: readonly RegisteredFile[]) => ({ files: { changes: new Set(files.map(pathOf)) } })

describe('statements', () => {
  test('of a first registration', async () => {
    const { plan } = first()
    const setup = setupStatements(
      'raw',
      'loans',
      { grants: ['ANALYST', '"Data Team"'], stage: { url: 's3://bank/lake/', storage_integration: 'LAKE' } },
      { secrets: false },
    )
    const text = [...setup, ...statementsOf(plan, null)].map((sql) => `${sql};\n`).join('\n')
    await expect(text).toMatchFileSnapshot('../../golden/snowflake/registration.sql')
    expect([plan.filesAdded, plan.filesRemoved]).toEqual([2, 0])
  })

  test('of a new change file: added, and proven alone', () => {
    const { ledger } = first()
    const plan = planOf(requestOf(5, [tableOf(LOAN, [BASE], [DAY_1, DAY_2])]), ledger, registered(DAY_1))
    expect(plan === null ? null : statementsOf(plan, ledger)).toEqual([
      `ALTER EXTERNAL TABLE "RAW"."LOAN__CHANGES_4" ADD FILES ('date=2026-01-02/00000000000000000004-r1.parquet')`,
      expect.stringMatching(
        /^SELECT METADATA\$FILENAME .*\nWHERE METADATA\$FILENAME IN \('lake\/raw\/loans\/public\.loan\/changes\/date=2026-01-02\/00000000000000000004-r1\.parquet'\)\nAND "__DATE" IN \('2026-01-02'::DATE\)\nGROUP BY METADATA\$FILENAME$/s,
      ),
    ])
    expect([plan?.filesAdded, plan?.filesRemoved]).toEqual([1, 0])
  })

  test('of merged change files: the new one first, the old ones after it', () => {
    const { ledger } = first([DAY_1, DAY_2])
    const plan = planOf(requestOf(5, [tableOf(LOAN, [BASE], [MERGED])]), ledger, registered(DAY_1, DAY_2))
    const statements = plan === null ? [] : statementsOf(plan, ledger)
    expect(statements.map((sql) => sql.split(' FILES')[0]?.slice(0, 60))).toEqual([
      'BEGIN',
      'ALTER EXTERNAL TABLE "RAW"."LOAN__CHANGES_4" ADD',
      expect.stringContaining('SELECT METADATA$FILENAME'),
      'ALTER EXTERNAL TABLE "RAW"."LOAN__CHANGES_4" REMOVE',
      'COMMIT',
    ])
  })

  test('of nothing when nothing changed', () => {
    const { ledger } = first()
    expect(planOf(requestOf(5, [tableOf(LOAN, [BASE], [DAY_1])]), ledger)).toBeNull()
  })

  test('of merged change files of a table without a key: another external table, swapped by the views', () => {
    const bag = { ...LOAN, key: [], identity: 'full' } as const
    const { ledger } = first([DAY_1, DAY_2], bag)
    const plan = planOf(requestOf(7, [tableOf(bag, [BASE], [MERGED])]), ledger, registered(DAY_1, DAY_2))
    expect(plan?.prepare).toEqual([expect.stringContaining('CREATE EXTERNAL TABLE IF NOT EXISTS "RAW"."LOAN__CHANGES_7"')])
    expect(plan?.show.map((sql) => sql.split(' COMMENT')[0])).toEqual([
      'CREATE OR REPLACE VIEW "RAW"."LOAN__CURRENT"',
      'CREATE OR REPLACE VIEW "RAW"."LOAN__HISTORY"',
    ])
    expect(plan?.retired).toEqual(['LOAN__CHANGES_4'])
    expect(plan?.parts.map(({ removed }) => removed)).toEqual([[], []])
  })

  test('of a renewed base: made, filled and proven before one view is swapped; people’s views stay', () => {
    const { ledger } = first()
    const renewed = baseFile('00000000000000000008-m1')
    const table = tableOf(LOAN, [BASE], [DAY_1], { renewed: { boundary: cut(20), files: [renewed], recent: [] } })
    const plan = planOf(requestOf(8, [table]), ledger)
    const statements = plan === null ? [] : statementsOf(plan, ledger)
    expect(statements.map((sql) => sql.slice(0, 54).split('\n')[0])).toEqual([
      'CREATE EXTERNAL TABLE IF NOT EXISTS "RAW"."LOAN__RENEW',
      'ALTER EXTERNAL TABLE "RAW"."LOAN__RENEWED_8" ADD FILES',
      'SELECT METADATA$FILENAME AS "FILE", COUNT(*) AS "ROWS"',
      'CREATE OR REPLACE VIEW "RAW"."LOAN__CURRENT" COMMENT =',
    ])
  })

  test('of a new column, a wider one and a dropped one: added, swapped, dropped', () => {
    const { ledger } = first()
    const wide = schemaOf(
      [
        ID,
        column(2, 'Status', TEXT, { dropped: true }),
        column(3, 'amount', { kind: 'decimal', precision: 20, scale: 4 }),
        column(6, 'note', TEXT),
      ],
      { version: 4 },
    )
    const found = ['_OP', '_POSITION', '_UNCHANGED', 'STATUS'].map((name) => ({ name, type: 'VARCHAR' }))
    const columns = [
      { name: 'VALUE', type: 'VARIANT' },
      ...found,
      { name: '_SOURCE_COMMITTED_AT', type: 'TIMESTAMP_NTZ(6)' },
      { name: 'ID', type: 'NUMBER(19,0)' },
      { name: 'AMOUNT', type: 'NUMBER(12,2)' },
    ]
    const plan = planOf(requestOf(9, [tableOf(wide, [BASE], [DAY_1])]), ledger, { columns: { base: columns, changes: columns } })
    expect(plan?.prepare.slice(0, 2)).toEqual([
      'ALTER TABLE "RAW"."LOAN__BASE_4" ADD COLUMN "AMOUNT__2" NUMBER(20,4) AS (value:"amount"::NUMBER(20,4))',
      'ALTER TABLE "RAW"."LOAN__BASE_4" ADD COLUMN "NOTE" VARCHAR AS (value:"note"::VARCHAR)',
    ])
    expect(plan?.show[0]).toContain('"AMOUNT__2" AS "AMOUNT"')
    expect(plan?.tidy.slice(0, 2)).toEqual([
      'ALTER TABLE "RAW"."LOAN__BASE_4" DROP COLUMN "STATUS"',
      'ALTER TABLE "RAW"."LOAN__BASE_4" DROP COLUMN "AMOUNT"',
    ])
    expect(plan?.entry.parts.base?.aliases).toEqual({ amount: 'AMOUNT__2' })
  })

  test('a renamed column changes views only', () => {
    const { ledger } = first()
    const renamed = { ...LOAN, version: 4, columns: COLUMNS.map((each) => (each.id === 3 ? { ...each, name: 'sum' } : each)) }
    const plan = planOf(requestOf(5, [tableOf(renamed, [BASE], [DAY_1])]), ledger)
    expect([plan?.prepare, plan?.parts.flatMap(({ added, removed }) => [...added, ...removed]), plan?.tidy]).toEqual([[], [], []])
    expect(plan?.show.filter((sql) => sql.includes('"AMOUNT" as "SUM"') || sql.includes('"SUM"')).length).toBe(4)
  })

  test('a repair asks for everything and proves everything', () => {
    const { ledger } = first()
    const files = { base: new Set([pathOf(BASE)]), changes: new Set([pathOf(DAY_1), 'lake/foreign.parquet']) }
    const plan = planOf(requestOf(4, [tableOf(LOAN, [BASE], [DAY_1])]), ledger, { files }, { everything: true })
    expect(plan?.parts.map(({ part, added, removed, proven }) => [part, added, removed, proven.size])).toEqual([
      ['base', [], [], 1],
      ['changes', [], ['lake/foreign.parquet'], 1],
    ])
    const gone = planOf(
      requestOf(4, [tableOf(LOAN, [BASE], [DAY_1])]),
      ledger,
      { files: { ...files, base: null } },
      { everything: true },
    )
    expect(gone?.prepare).toEqual([expect.stringContaining('"RAW"."LOAN__BASE_4r"'.toUpperCase())])
  })

  test('what a registration that died left behind is proven like anything new', () => {
    const { ledger } = first()
    const plan = planOf(requestOf(5, [tableOf(LOAN, [BASE], [DAY_1, DAY_2])]), ledger, registered(DAY_1, DAY_2))
    expect(plan?.parts.map(({ part, added, proven }) => [part, added, proven.size])).toEqual([
      ['base', [], 0],
      ['changes', [], 2],
    ])
  })

  test('policies of a view that must be replaced are part of the new one', () => {
    const { ledger } = first()
    const renamed = { ...LOAN, version: 4, columns: COLUMNS.map((each) => (each.id === 3 ? { ...each, name: 'sum' } : each)) }
    const policies = new Map([
      [
        'loan',
        [
          { kind: 'masking', name: '"DB"."SEC"."HIDE"', column: 'STATUS', columns: [] },
          { kind: 'row access', name: '"DB"."SEC"."REGION"', column: '', columns: ['ID'] },
        ] as const,
      ],
    ])
    const plan = planOf(
      requestOf(5, [tableOf(renamed, [BASE], [DAY_1])]),
      ledger,
      { policies },
      { exists: (name) => name === 'loan' },
    )
    expect(plan?.show.find((sql) => sql.includes('VIEW "RAW"."LOAN" '))).toMatch(
      /^CREATE OR REPLACE VIEW "RAW"\."LOAN" \(.*"STATUS" WITH MASKING POLICY "DB"\."SEC"\."HIDE" COMMENT 'the loan''s state',.*\)\nWITH ROW ACCESS POLICY "DB"\."SEC"\."REGION" ON \("ID"\)\nCOPY GRANTS\n/s,
    )
  })

  test('files come in batches of a thousand', () => {
    const { ledger } = first()
    const many = Array.from({ length: 10_000 }, (_, index) => changeFile('2026-01-03', `${index}`.padStart(20, '0')))
    const plan = planOf(requestOf(5, [tableOf(LOAN, [BASE], [DAY_1, ...many])]), ledger, registered(DAY_1))
    const statements = plan === null ? [] : statementsOf(plan, ledger)
    expect(statements.filter((sql) => sql.includes('ADD FILES'))).toHaveLength(10)
    for (const sql of statements) expect(sql.length).toBeLessThan(1_000_000)
  })
})

describe('refused before anything is run', () => {
  test('a decimal that Snowflake cannot hold', () => {
    const schema = schemaOf([ID, column(2, 'ratio', { kind: 'decimal', precision: 38, scale: 38 })])
    expect(() => planOf(requestOf(1, [tableOf(schema, [], [])]), null)).toThrow(/"ratio" of "public.loan" is decimal\(38,38\)/)
  })

  test('a lake that the stage does not show', () => {
    const elsewhere = { ...BASE, address: 's3://other/lake/x.parquet' }
    expect(() => planOf(requestOf(1, [tableOf(LOAN, [elsewhere], [])]), null)).toThrow(/outside the stage's URL/)
    expect(() => planOf(requestOf(1, [tableOf(LOAN, [{ ...BASE, address: '/data/lake/x.parquet' }], [])]), null)).toThrow(
      /in buckets only/,
    )
  })

  test('a table that is named like a view of another', () => {
    expect(clashingName([{ relation: 'loan' }, { relation: 'LOAN__current' }])).toBe('LOAN__CURRENT')
    expect(clashingName([{ relation: 'loan' }, { relation: 'loan_2' }])).toBeNull()
  })
})

describe('proof', () => {
  const columns = [
    { physical: '_op', type: TEXT },
    { physical: 'status', type: TEXT },
  ]
  type Counts = readonly (readonly [RegisteredFile, number, number, number])[]
  const answer = (...rows: Counts) => ({
    columns: [],
    queryId: '',
    rows: rows.map(([file, ...counts]) => [pathOf(file), ...counts.map(String)]),
  })
  const good = changeFile('2026-01-01', 'good', 2, { _op: 0, status: 1 })
  const files = new Map([good].map((file) => [pathOf(file), file]))
  const differ = (...rows: Counts) => differences(files, [pathOf(good)], columns, answer(...rows)).map(({ problem }) => problem)

  test('rows and NULLs of each file', () => {
    expect(differ([good, 2, 2, 1])).toEqual([])
    expect(differ()).toEqual(['shows 0 rows, the commit says 2'])
    expect(differ([good, 1, 1, 1])).toEqual(['shows 1 rows, the commit says 2'])
    // A path of another case reads as NULL without an error.
    expect(differ([good, 2, 2, 0])).toEqual(['shows 2 NULLs in column "status", the commit says 1'])
  })

  test('a column that came later is all NULL in older files', () => {
    const old = changeFile('2026-01-01', 'old', 2, { _op: 0 })
    const known = new Map([[pathOf(old), old]])
    expect(differences(known, [pathOf(old)], columns, answer([old, 2, 2, 0]))).toEqual([])
    expect(differences(known, [pathOf(old)], columns, answer([old, 2, 2, 1]))).toHaveLength(1)
  })

  test('the statement reads the files in question alone', () => {
    const table = { table: '"RAW"."LOAN__CHANGES_4"', columns, aliases: { status: 'STATUS__2' }, dated: true }
    expect(proofStatement(table, [pathOf(good)])).toBe(
      [
        'SELECT METADATA$FILENAME AS "FILE", COUNT(*) AS "ROWS", COUNT("_OP") AS "C0", COUNT("STATUS__2") AS "C1"',
        'FROM "RAW"."LOAN__CHANGES_4"',
        "WHERE METADATA$FILENAME IN ('lake/raw/loans/public.loan/changes/date=2026-01-01/good.parquet')",
        `AND "__DATE" IN ('2026-01-01'::DATE)`,
        'GROUP BY METADATA$FILENAME',
      ].join('\n'),
    )
  })
})

test('the ledger reads back what it wrote, whatever the names are', () => {
  const { ledger } = first()
  const [entry] = ledger.tables.values()
  if (entry === undefined) throw new Error('no table')
  const odd = { ...entry, relation: `it's "odd" \\ (1, 'x')`, table: "public.it's" }
  const written = { ...ledger, tables: new Map([...ledger.tables, [odd.relation, odd]]), retired: ['LOAN__BASE_1'] }
  const sql = ledgerStatement('raw', written, new Date(0), true)
  expect(sql).toMatch(/^CREATE OR REPLACE VIEW "RAW"\."PORTAGE__LOANS" \(.*\) COPY GRANTS\n/)
  const comment = /\nCOMMENT = '((?:[^']|'')*)'\n/.exec(sql)?.[1]?.replaceAll("''", "'") ?? null
  const text = sql.slice(sql.indexOf('\nAS\n') + 4)
  expect(readLedger({ name: 'PORTAGE__LOANS', comment, text })).toEqual(written)
  expect(readLedger({ name: 'PORTAGE__OTHER', comment, text })).toBeNull()
  expect(readLedger({ name: 'PORTAGE__LOANS', comment: 'mine', text })).toBeNull()
  expect(STAGE.path).toBe('lake/')
})
