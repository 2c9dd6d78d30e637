import { describe, expect, test } from 'vitest'
import type { Column, SourceTable, TableName, TableSchema } from '../../../connectors/change.ts'
import { DUCKDB_DIALECT } from '../../../connectors/duckdb/dialect.ts'
import { typeName } from '../../../connectors/logical-type.ts'
import type { WarehouseRelation } from '../../../connectors/ports.ts'
import type { LogState, TableState } from '../../../integrations/land/log/commit.ts'
import { EMPTY_STATE } from '../../../integrations/land/log/fold.ts'
import { relationColumns } from '../../../integrations/register/relation-columns.ts'
import type { SchemaChangeKind } from '../../../integrations/register/schema-changes.ts'
import { acceptedState, isSettled, schemaPlan, type TablePlan } from '../../../integrations/register/schema-plan.ts'
import { DEFAULT_POLICIES, type SchemaPolicies, type SchemaPolicy } from '../../../integrations/register/schema-policy.ts'
import { at, LOAN, loanSchema } from '../../support/lake.ts'
import { tableState } from '../../support/table-state.ts'

const v1 = loanSchema()
const source = ({ table, id, columns, key, identity }: TableSchema): SourceTable => ({
  table,
  id,
  storage: 's',
  definition: 'd',
  columns: columns.filter((column) => !column.dropped).map(({ physical: _, ...column }) => column),
  key: key.map((physical) => columns.find((column) => column.physical === physical)?.id ?? 0),
  identity,
})
const amount: Column = {
  id: 3,
  name: 'amount',
  physical: 'amount',
  type: { kind: 'decimal', precision: 12, scale: 2 },
  sourceType: 'numeric(12,2)',
  nullable: true,
}
const v2: TableSchema = {
  ...v1,
  version: 2,
  since: at(20),
  columns: [...v1.columns.map((each) => (each.name === 'status' ? { ...each, dropped: true as const } : each)), amount],
}
const table = (schema: TableSchema, more: Partial<TableState> = {}): TableState =>
  tableState(schema, { boundary: at(1), files: [] }, { versions: { 1: v1, [schema.version]: schema }, storage: null, ...more })
const log = (state: TableState | null): LogState => ({
  ...EMPTY_STATE,
  number: 7,
  position: at(30),
  tables: state === null ? {} : { [LOAN]: state },
})
const HELD = table(v2, {
  accepted: 1,
  shown: { version: 1, until: at(20), base: { generation: 1, boundary: at(1), files: [] }, changes: [] },
})
const rules =
  (given: Partial<Record<SchemaChangeKind, SchemaPolicy>> = {}): SchemaPolicies =>
  (_, kind) => ({ policy: given[kind] ?? DEFAULT_POLICIES[kind], setting: `schema_changes.${kind}` })

/** A DuckDB that has what was registered at the state, but for `hand`. */
function duck(state: LogState, hand: (relations: readonly WarehouseRelation[]) => readonly WarehouseRelation[] = (same) => same) {
  const known = state.tables[LOAN]
  const schema = known === undefined ? null : known.shown === null ? known.schema : known.versions[known.shown.version]
  const columns = schema
    ? relationColumns(schema).map(({ column, name }) => ({ name, type: DUCKDB_DIALECT.typeOf(column.type) }))
    : []
  const metadata = ['_op VARCHAR', '_position VARCHAR', '_source_committed_at TIMESTAMPTZ', '_unchanged VARCHAR'].map((each) => {
    const [name = '', type = ''] = each.split(' ')
    return { name, type }
  })
  const relations = schema
    ? [
        { relation: 'loan', columns },
        { relation: 'loan_changes', columns: [...metadata, ...columns] },
      ]
    : []
  return { connection: 'duck', schema: 'loans', dialect: DUCKDB_DIALECT, state, relations: hand(relations) }
}

function plan(state: LogState, now: readonly SourceTable[] | null, policies = rules(), warehouses = [duck(state)]): TablePlan {
  const [only, ...rest] = schemaPlan({ state, source: now === null ? null : { tables: now, at: at(99) }, policies, warehouses })
  if (only === undefined || rest.length > 0) throw new Error('expected one table')
  return only
}

const said = ({ changes }: TablePlan) => changes.map(({ status, kind, policy }) => [status, kind, policy])
const texts = ({ columns }: TablePlan) =>
  columns.map((row) =>
    [row.source, row.log, ...row.warehouses].map((each) => (each === null ? null : `${each.name} ${each.type}`)),
  )

describe('the schema plan', () => {
  test.each<
    [
      string,
      TableState | null,
      readonly SourceTable[] | null,
      Partial<Record<SchemaChangeKind, SchemaPolicy>>,
      readonly (readonly string[])[],
      boolean,
    ]
  >([
    ['nothing changed', table(v1), [source(v1)], {}, [], false],
    ['the source was not asked', table(v1), null, {}, [], false],
    [
      'held in the log',
      HELD,
      [source(v2)],
      {},
      [
        ['held', 'drop_column', 'hold'],
        ['held', 'add_column', 'apply'],
      ],
      true,
    ],
    [
      'held, the source away',
      HELD,
      null,
      {},
      [
        ['held', 'drop_column', 'hold'],
        ['held', 'add_column', 'apply'],
      ],
      true,
    ],
    [
      'the source is ahead, to be held',
      table(v1),
      [source(v2)],
      {},
      [
        ['next run holds', 'drop_column', 'hold'],
        ['next run holds', 'add_column', 'apply'],
      ],
      true,
    ],
    [
      'the source is ahead, to be applied',
      table(v1),
      [source(v2)],
      { drop_column: 'apply' },
      [
        ['next run applies', 'drop_column', 'apply'],
        ['next run applies', 'add_column', 'apply'],
      ],
      false,
    ],
    [
      'the source is ahead, to fail',
      table(v1),
      [source(v2)],
      { add_column: 'fail' },
      [
        ['next run fails', 'drop_column', 'hold'],
        ['next run fails', 'add_column', 'fail'],
      ],
      true,
    ],
    [
      'before the first copy nothing is kept',
      table(v1, { base: null }),
      [source(v2)],
      {},
      [
        ['next run applies', 'drop_column', 'hold'],
        ['next run applies', 'add_column', 'apply'],
      ],
      false,
    ],
    [
      'held, and the source went on',
      HELD,
      [source({ ...v2, columns: v2.columns.map((each) => (each.name === 'amount' ? { ...each, name: 'sum' } : each)) })],
      {},
      [
        ['held', 'drop_column', 'hold'],
        ['next run holds', 'add_column', 'apply'],
      ],
      true,
    ],
    ['held, and taken back in the source', HELD, [source(v1)], {}, [], false],
    ['gone, to be held', table(v1), [], {}, [['next run holds', 'drop_table', 'hold']], true],
    ['gone, held', table(v1, { gone: at(40) }), [], {}, [['held', 'drop_table', 'hold']], true],
    ['created again', table(v1), [source({ ...v1, id: '2' })], {}, [['next run holds', 'recreate_table', 'hold']], true],
    ['the first run', null, [source(v1)], { add_table: 'hold' }, [], false],
  ])('%s', (_, state, now, policies, expected, held) => {
    const planned = plan(log(state), now, rules(policies))
    expect(said(planned)).toEqual(expected)
    expect(planned.held).toBe(held)
  })

  test('a table that appears after the first run is added under its policy', () => {
    const card = { ...source(v1), table: 'public.card' as TableName, id: '2' }
    const state = log(table(v1))
    const input = { state, source: { tables: [source(v1), card], at: at(99) }, warehouses: [] }
    expect(schemaPlan({ ...input, policies: rules() }).map(said)).toEqual([[['next run applies', 'add_table', 'apply']], []])
    expect(schemaPlan({ ...input, policies: rules({ add_table: 'hold' }) }).map(({ held }) => held)).toEqual([true, false])
  })

  test('columns stand side by side with types as each place holds them', () => {
    expect(texts(plan(log(HELD), [source(v2)]))).toEqual([
      ['id bigint', 'id int64', 'id BIGINT'],
      [null, null, 'status VARCHAR'],
      ['amount numeric(12,2)', 'amount decimal(12,2)', null],
    ])
    expect(typeName(amount.type)).toBe('decimal(12,2)')
  })

  test('columns of a table that was created again stand beside those of their names', () => {
    const other = source({ ...v1, id: '2', columns: [{ ...amount, id: 1, name: 'id' }] })
    expect(texts(plan(log(table(v1)), [other]))).toEqual([
      ['id numeric(12,2)', 'id int64', 'id BIGINT'],
      [null, 'status utf8', 'status VARCHAR'],
    ])
  })

  test('what someone changed in a warehouse is found: a type, a column more, a column less, a relation that is gone', () => {
    const state = log(table(v1))
    const by = (hand: Parameters<typeof duck>[1]) => plan(state, [source(v1)], rules(), [duck(state, hand)])
    expect(by(undefined).findings).toEqual([])
    const changed = by(([loan, ...rest]) => [
      {
        relation: 'loan',
        columns: [
          ...(loan?.columns ?? []).map((each) => ({ ...each, type: 'INTEGER' })).slice(0, 1),
          { name: 'mine', type: 'DATE' },
        ],
      },
      ...rest,
    ])
    expect(changed.findings).toEqual([
      'duck loans.loan has column "id" as INTEGER, registered as BIGINT',
      'duck loans.loan has no column "status", registered as VARCHAR',
      'duck loans.loan has a column "mine" DATE that was never registered',
    ])
    expect(texts(changed)).toContainEqual([null, null, 'mine DATE'])
    expect(isSettled(changed)).toBe(false)
    expect(by((relations) => relations.slice(0, 1)).findings).toEqual(['duck loans.loan_changes is missing'])
    expect(changed.held).toBe(false)
  })

  test('a warehouse that is behind is compared with what it registered, not with the newest commit', () => {
    const behind = log(table(v1))
    expect(plan(log(table(v2)), [source(v2)], rules(), [duck(behind)]).findings).toEqual([])
  })

  test('a column that cannot be carried is said, not thrown', () => {
    const reserved = source({ ...v1, columns: [...v1.columns, { ...amount, name: '_op' }] })
    expect(plan(log(table(v1)), [reserved]).problem).toContain('"_op"')
  })

  test('what everything accepted leads to: the next versions, without tables that are gone', () => {
    const then = acceptedState({ state: log(HELD), source: { tables: [source(v2)], at: at(99) } })
    expect(then.tables[LOAN]).toMatchObject({ accepted: 2, shown: null, schema: { version: 2 } })
    expect(acceptedState({ state: log(HELD), source: { tables: [], at: at(99) } }).tables).toEqual({})
  })
})
