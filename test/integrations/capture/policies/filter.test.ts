/** Row filters: what they say of wrong input, and that they select what PostgreSQL selects. */
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { type SourceTable, tableName } from '../../../../connectors/change.ts'
import { parseCanonical } from '../../../../connectors/column-values.ts'
import type { LogicalType } from '../../../../connectors/logical-type.ts'
import { quoteIdentifier, quoteLiteral } from '../../../../connectors/postgres/identifiers.ts'
import {
  type Constant,
  type Filter,
  filterColumns,
  filterSql,
  parseFilter,
} from '../../../../integrations/capture/policies/filter-parse.ts'
import { compileFilter } from '../../../../integrations/capture/policies/filter-rows.ts'
import { sharedPostgres } from '../../../support/postgres.ts'

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

/** Column, type in Postgres, how it is carried, values and constants that try its edges. */
const COLUMNS: readonly (readonly [string, string, LogicalType, readonly string[], readonly Constant[]])[] = [
  [
    'b',
    'boolean',
    { kind: 'bool' },
    ['t', 'f'],
    [
      { kind: 'bool', value: true },
      { kind: 'text', text: 'f' },
    ],
  ],
  [
    'i',
    'bigint',
    { kind: 'int64' },
    ['-9223372036854775808', '-1', '0', '7', '9223372036854775807'],
    numbers('-1', '0', '7', '6.5', '9223372036854775807'),
  ],
  ['s', 'smallint', { kind: 'int16' }, ['-32768', '0', '5'], numbers('0', '5', '5.0', '32767')],
  [
    'd',
    'numeric(12,2)',
    { kind: 'decimal', precision: 12, scale: 2 },
    ['-0.01', '0.00', '9999999999.99', '7.10'],
    numbers('7.1', '7.101', '0', '-0.010', '9999999999.99'),
  ],
  ['f', 'double precision', { kind: 'float64' }, ['NaN', 'Infinity', '-Infinity', '0', '-0', '0.1'], numbers('0', '0.1', '-0.5')],
  ['t', 'text', TEXT, ['', 'paid', 'Paid', "o'clock", 'é', ' paid'], texts('', 'paid', "o'clock", 'é')],
  ['c', 'character(5)', TEXT, ['a    ', 'ab   ', '     '], texts('a', 'ab ', '')],
  [
    'u',
    'uuid',
    { kind: 'utf8', format: 'uuid' },
    ['0a0b0c0d-0000-4000-8000-000000000000'],
    texts('0A0B0C0D-0000-4000-8000-000000000000', '0a0b0c0d-0000-4000-8000-000000000001'),
  ],
  ['e', 'public.filter_state', TEXT, ['paid', 'late'], texts('paid', 'late')],
  ['day', 'date', { kind: 'date' }, ['0001-01-01', '1969-12-31', '2024-02-29', '9999-12-31'], texts('2024-02-29', '1970-01-01')],
  [
    'w',
    'timestamp without time zone',
    { kind: 'timestamp', utc: false },
    ['1969-12-31 23:59:59.999999', '2026-06-01 00:00:00.000000'],
    texts('2026-06-01', '1970-01-01 00:00', '1969-12-31T23:59:59.999999'),
  ],
  [
    'z',
    'timestamp with time zone',
    { kind: 'timestamp', utc: true },
    ['1969-12-31 23:59:59.999999', '2026-06-01 00:00:00.000000'],
    texts('2026-06-01 02:00:00+02', '1970-01-01 00:00:00Z', '2026-05-31 18:30:00.000001-0530'),
  ],
]

function numbers(...all: readonly string[]): readonly Constant[] {
  return all.map((text) => ({ kind: 'number', text }))
}

function texts(...all: readonly string[]): readonly Constant[] {
  return all.map((text) => ({ kind: 'text', text }))
}

const TABLE: SourceTable = {
  table: tableName('public', 'filtered'),
  id: '1',
  storage: 's',
  definition: 'd',
  columns: COLUMNS.map(([name, sourceType, type], index) => ({ id: index + 1, name, type, sourceType, nullable: true })),
  key: [],
  identity: 'full',
}

const isText = (type: LogicalType): boolean => type.kind === 'utf8'

const condition: fc.Arbitrary<Filter> = fc.constantFrom(...COLUMNS).chain(([column, , type, , constants]) => {
  const constant = fc.constantFrom(...constants)
  const op = isText(type) ? fc.constantFrom('=' as const, '<>' as const) : fc.constantFrom('=', '<>', '<', '<=', '>', '>=')
  return fc.oneof(
    fc.record({ kind: fc.constant('compare' as const), column: fc.constant(column), op, with: constant }) as fc.Arbitrary<Filter>,
    fc.record({
      kind: fc.constant('in' as const),
      column: fc.constant(column),
      constants: fc.array(constant, { minLength: 1, maxLength: 3 }),
    }) as fc.Arbitrary<Filter>,
    fc.constant<Filter>({ kind: 'is-null', column }),
  )
})

const filter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    condition,
    fc.record({ kind: fc.constant('not' as const), term: tie('filter') }) as fc.Arbitrary<Filter>,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      terms: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }),
    }) as fc.Arbitrary<Filter>,
  ),
})).filter

const row = fc.tuple(...COLUMNS.map(([, , , values]) => fc.option(fc.constantFrom(...values))))

const server = await sharedPostgres()
const db = await server.createDatabase()
afterAll(() => db[Symbol.asyncDispose]())

test('a filter is true of the rows that PostgreSQL selects by its SQL, and reads back from it', async () => {
  await db.query(`create type public.filter_state as enum ('paid', 'late');
    create table public.filtered (id int, ${COLUMNS.map(([name, type]) => `${quoteIdentifier(name)} ${type}`).join(', ')})`)
  await fc.assert(
    fc.asyncProperty(filter, fc.array(row, { minLength: 1, maxLength: 12 }), async (wanted, rows) => {
      const sql = filterSql(wanted, { identifier: quoteIdentifier, text: quoteLiteral })
      expect(parseFilter(sql)).toEqual({ filter: normal(wanted) })
      const compiled = compileFilter(wanted, TABLE)
      if ('problem' in compiled) throw new Error(compiled.problem)
      const ours = rows.flatMap((texts, id) => {
        const cell = (column: number) => {
          const text = texts[column - 1] ?? null
          const type = COLUMNS[column - 1]?.[2] ?? TEXT
          return text === null ? null : parseCanonical(text, type)
        }
        return compiled.test(cell) === true ? [id] : []
      })
      const names = COLUMNS.map(([name]) => quoteIdentifier(name))
      const values = rows.map(
        (texts, id) => `(${[String(id), ...texts.map((text, i) => value(text, COLUMNS[i]?.[1] ?? ''))].join(', ')})`,
      )
      const selected = await db
        .query<{ id: number }>(
          `set timezone = 'UTC'; truncate public.filtered; insert into public.filtered (id, ${names.join(', ')}) values ${values.join(', ')}`,
        )
        .then(() => db.query<{ id: number }>(`select id from public.filtered where ${sql} order by id`))
      expect(ours).toEqual(selected.map(({ id }) => id))
    }),
    { numRuns: 300 },
  )
})

const value = (text: string | null, type: string): string => (text === null ? 'null' : `${quoteLiteral(text)}::${type}`)

/** As the parser builds it: what stands between equal words is one list. */
function normal(filter: Filter): Filter {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return { kind: filter.kind, terms: filter.terms.map(normal) }
    case 'not':
      return { kind: 'not', term: normal(filter.term) }
    default:
      return filter
  }
}

test.each([
  ["status = 'paid'", { kind: 'compare', column: 'status', op: '=', with: { kind: 'text', text: 'paid' } }],
  ['"Mixed ""Case""" is not null', { kind: 'not', term: { kind: 'is-null', column: 'Mixed "Case"' } }],
  ['ACTIVE', { kind: 'compare', column: 'active', op: '=', with: { kind: 'bool', value: true } }],
  [
    'a = 1 or b = 2 and c = 3',
    { kind: 'or', terms: [expect.anything(), { kind: 'and', terms: [expect.anything(), expect.anything()] }] },
  ],
])('%s', (text, expected) => {
  expect(parseFilter(text)).toEqual({ filter: expected })
})

test.each([
  ["status == 'paid'", 'character 9: found "=", expected a constant, such as 12.5, \'paid\' or true'],
  ['status = ', "character 10: found the end, expected a constant, such as 12.5, 'paid' or true"],
  ["status = 'paid", 'character 10: found "\'", which no filter has'],
  ['lower(status) = 1', 'character 6: found "(", expected and, or, or the end'],
  ["(a = 1 and b like 'x')", 'character 14: found "like", expected )'],
  ['a not = 1', 'character 7: found "=", expected in or between after not'],
  ['', 'character 1: found the end, expected a column'],
])('"%s" is told with its place', (text, problem) => {
  expect(parseFilter(text)).toEqual({ problem })
})

test.each([
  ["missing = 'x'", '"public.filtered" has no column "missing"; it has b, i'],
  ["t > 'x'", 'column "t" is text, whose order depends on the source\'s collation'],
  ["day = '2026-02-30'", 'column "day" is date (date); expected a date'],
  ["z = '2026-02-03 10:00'", 'expected a time with its zone'],
  ["w = '2026-02-03 10:00Z'", 'expected a time without a zone'],
  ["i = 'much'", 'column "i" is bigint (int64); expected a number'],
  ['b = 3', 'column "b" is boolean (bool); expected true or false'],
])('%s is refused for the table', (text, problem) => {
  const parsed = parseFilter(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  expect(compileFilter(parsed.filter, TABLE)).toEqual({ problem: expect.stringContaining(problem) })
})

test('a filter names the columns it looks at', () => {
  const parsed = parseFilter('a = 1 and (b is null or not (a = 2)) and c')
  if ('problem' in parsed) throw new Error(parsed.problem)
  expect([...filterColumns(parsed.filter)]).toEqual(['a', 'b', 'c'])
})
