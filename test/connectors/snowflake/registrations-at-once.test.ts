/** Two processes that register one integration at once: what is shown is one commit, whole. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TableName } from '../../../connectors/change.ts'
import { lakeRow } from '../../support/lake-files.ts'
import { queryRows } from '../../support/query-rows.ts'
import { column, cut, ID, row, STATUS, schemaOf, warehouseTables } from '../../support/warehouse-tables.ts'
import { type SnowflakeSubject, snowflakeSubject } from './warehouse-subject.ts'

const signal = new AbortController().signal
const LOAN = schemaOf([ID, STATUS])
const WIDE = schemaOf([ID, STATUS, column(3, 'amount', { kind: 'decimal', precision: 12, scale: 2 })], { version: 2 })

let subject: SnowflakeSubject
beforeAll(async () => {
  subject = await snowflakeSubject(['RAW'])
})
afterAll(() => subject?.[Symbol.asyncDispose]())

const { table, file, request } = warehouseTables(() => subject)
const base = (id: number, status: string) => lakeRow('r', cut(10), { id: BigInt(id), status })
const change = (op: 'c' | 'u', position: number, id: number, status: string) =>
  lakeRow(op, row(position), { id: BigInt(id), status })

test('two registrations at once: both end, and what is shown is the newer commit, whole', async () => {
  const loan = await table('loan', LOAN, { base: [[base(1, 'a')]], changes: [[change('c', 11, 2, 'b')]] })
  const more = { ...loan, changes: [...loan.changes, await file(LOAN, 'changes', [change('c', 12, 3, 'c')])] }
  const other = await subject.reopen()
  const [older, newer] = [request([loan]), request([more])]
  const outcomes = await Promise.allSettled([subject.warehouse.register(older, signal), other.register(newer, signal)])
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ recovery: 'retry' })
  }
  await other.register(newer, signal)
  expect(await queryRows(subject.warehouse, 'select * from raw.loan')).toEqual(['1 | a', '2 | b', '3 | c'])
  expect(await subject.warehouse.registered('loans', 'raw', signal)).toMatchObject({ commit: newer.commit })
  await other.register(request([more]), signal)
  await other.register(request([more]), signal)
  expect(await queryRows(subject.warehouse, 'select * from raw.loan_changes')).toHaveLength(3)
  await other[Symbol.asyncDispose]()
})

test.each([
  ['made from nothing', []],
  ['changed', ['first']],
  ['made again', ['first', 'base']],
  ['of files that come and go', ['first', 'key', 'merged']],
  ['of a column more', ['first', 'key', 'merged', 'column']],
] as const)('two registrations of one commit at once, %s: both succeed, and no row is shown twice', async (_name, before) => {
  const relation = `race${before.length}`
  const has = (what: string) => (before as readonly string[]).includes(what)
  const shape = schemaOf([ID, STATUS], { key: has('key') ? ['id', 'status'] : [], table: `public.${relation}` as TableName })
  const bag = await table(relation, shape, { base: [[base(1, 'a')]], changes: [[change('c', 11, 2, 'b')]] })
  if (before.length > 0) await subject.warehouse.register(request([bag]), signal)
  const more = { ...bag, changes: [...bag.changes, await file(shape, 'changes', [change('c', 12, 2, 'b')])] }
  const merged = [change('c', 11, 2, 'b'), change('c', 12, 3, 'b')]
  const wide = has('column') ? { ...WIDE, key: shape.key, table: shape.table } : shape
  const next = request([
    {
      ...more,
      schema: wide,
      ...(has('base') ? { base: [await file(shape, 'base', [base(1, 'a')])] } : {}),
      ...(has('merged') ? { changes: [await file(shape, 'changes', merged)] } : {}),
    },
  ])
  const shown = ['1 | a', '2 | b', has('merged') ? '3 | b' : '2 | b'].map((line) => (has('column') ? `${line} | ␀` : line))
  const other = await subject.reopen()
  for (const repair of [false, undefined]) {
    const asked = { ...next, ...(repair === undefined ? {} : { repair }) }
    await Promise.all([subject.warehouse.register(asked, signal), other.register(asked, signal)])
    expect(await queryRows(subject.warehouse, `select * from raw.${relation}`)).toEqual(shown)
    expect(await queryRows(other, `select * from raw.${relation}_changes`)).toHaveLength(3)
    expect(await other.registered('loans', 'raw', signal)).toMatchObject({ commit: next.commit, relations: [relation] })
  }
  await other[Symbol.asyncDispose]()
})
