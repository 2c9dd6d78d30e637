/** Values and results as the unpatched driver reads them. */
import { describe, expect, test } from 'vitest'
import { startSnowflakeEndpoint } from '../support/snowflake/endpoint.ts'
import { ADA, connect, refusal, run } from './driver.ts'
import { useEndpoint } from './endpoint-fixture.ts'
import { type Answer, scriptedEngine } from './scripted-engine.ts'

const VALUES: Answer = {
  columns: [
    ['N', 'fixed'],
    ['D', 'fixed', 4],
    ['R', 'real'],
    ['T', 'text'],
    ['B', 'boolean'],
    ['DAY', 'date'],
    ['CLOCK', 'time'],
    ['NTZ', 'timestamp_ntz'],
    ['LTZ', 'timestamp_ltz'],
    ['TZ', 'timestamp_tz'],
    ['BYTES', 'binary'],
    ['V', 'variant'],
    ['O', 'object'],
    ['A', 'array'],
  ],
  rows: [
    [
      '9007199254740993',
      '-99999999999999999999999999999999.9999',
      '1.7976931348623157e308',
      'NULL',
      '1',
      '-719162',
      '86399.123456789',
      '1700000000.123456789',
      '-0.000000001',
      '1700000000.000001000 1500',
      '00FFA0',
      '{\n  "a": 9007199254740993\n}',
      '{}',
      '[\n  1,\n  null\n]',
    ],
    ['0', '0.0000', '0', '', '0', '0', '0', '0', '0', '0 1440', '', '"x"', '{}', '[]'],
    Array.from({ length: 14 }, () => null),
  ],
}
const ROWS = 50_000
const MANY: Answer = {
  columns: [
    ['ID', 'fixed'],
    ['TEXT', 'text'],
  ],
  rows: {
    *[Symbol.iterator]() {
      for (let id = 0; id < ROWS; id += 1) yield [String(id), `row "${id}" é`]
    },
  },
}
const FORMATS = {
  TIMEZONE: 'UTC',
  TIME_OUTPUT_FORMAT: 'HH24:MI:SS.FF9',
  TIMESTAMP_NTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF9',
  TIMESTAMP_LTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM',
  TIMESTAMP_TZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM',
}
const fixture = useEndpoint(
  {
    values: VALUES,
    many: MANY,
    none: { columns: [['A', 'text']], rows: [] },
    'bad number': { columns: [['A', 'fixed', 2]], rows: [['1.5']] },
    'bad date': { columns: [['A', 'date']], rows: [['2024-01-01']] },
    'bad width': { columns: [['A', 'text']], rows: [['1', '2']] },
  },
  { limits: { inlineBytes: 2_000, chunkBytes: 100_000 }, onDefect: () => undefined },
)

describe('values', () => {
  test('of every type arrive as exact texts, OBJECT and ARRAY as the driver parses them, and NULL is not a text', async () => {
    await using session = await connect(fixture.endpoint())
    for (const [name, value] of Object.entries(FORMATS)) await run(session, `alter session set ${name} = '${value}'`)
    const { statement, rows } = await run(session, 'values')
    expect(statement.getColumns()?.map((column) => column.getType())).toEqual(VALUES.columns.map(([, type]) => type))
    expect(rows).toEqual([
      [
        '9007199254740993',
        '-99999999999999999999999999999999.9999',
        '1.7976931348623157e308',
        'NULL',
        true,
        '0001-01-01',
        '23:59:59.123456789',
        '2023-11-14 22:13:20.123456789',
        '1969-12-31 23:59:59.999999999 +0000',
        '2023-11-14 23:13:20.000001000 +0100',
        '00FFA0',
        '{\n  "a": 9007199254740993\n}',
        {},
        [1, null],
      ],
      [
        '0',
        '0.0000',
        '0',
        '',
        false,
        '1970-01-01',
        '00:00:00.000000000',
        '1970-01-01 00:00:00.000000000',
        '1970-01-01 00:00:00.000000000 +0000',
        '1970-01-01 00:00:00.000000000 +0000',
        '',
        '"x"',
        {},
        [],
      ],
      Array.from({ length: 14 }, () => null),
    ])
  })

  test('in another form than JSON results have are a defect of the SQL side, told without the value', async () => {
    const defects: unknown[] = []
    const engine = scriptedEngine({ bad: { columns: [['A', 'date']], rows: [['2024-01-01']] } })
    await using endpoint = await startSnowflakeEndpoint({ engine, users: [ADA], onDefect: (error) => defects.push(error) })
    {
      await using session = await connect(endpoint)
      expect(await refusal(run(session, 'bad'))).toEqual(['000603', 'XX000'])
    }
    expect(defects.map(String)).toEqual(['Error: The SQL side answered column "A" of type date has a value in another form'])
    await using session = await connect(fixture.endpoint())
    for (const sql of ['bad number', 'bad date', 'bad width']) {
      expect(await refusal(run(session, sql))).toEqual(['000603', 'XX000'])
    }
  })
})

describe('results', () => {
  test('without rows have their columns', async () => {
    await using session = await connect(fixture.endpoint())
    const { statement, rows } = await run(session, 'none')
    expect(rows).toEqual([])
    expect(statement.getColumns()?.map((column) => column.getName())).toEqual(['A'])
    expect(statement.getNumRows()).toBe(0)
  })

  test('that are large come in packed chunks, every row once and in order', async () => {
    await using session = await connect(fixture.endpoint())
    const { statement, rows } = await run(session, 'many')
    expect(statement.getNumRows()).toBe(ROWS)
    expect(rows).toHaveLength(ROWS)
    expect(rows.every(([id, text], index) => id === String(index) && text === `row "${index}" é`)).toBe(true)
    const chunks = fixture.endpoint().requests.filter(({ kind, sql }) => kind === 'chunk' && sql === 'many')
    expect(chunks.length).toBeGreaterThan(5)
  })

  test('can be asked for again by their query id', async () => {
    await using session = await connect(fixture.endpoint())
    const { statement } = await run(session, 'many')
    const before = fixture.engine().executed.length
    const again = await session.connection.getResultsFromQueryId({ queryId: statement.getQueryId() })
    const rows: unknown[] = []
    await new Promise<void>((resolve, reject) => {
      again
        .streamRows()
        .on('data', (row) => rows.push(row))
        .on('end', () => resolve())
        .on('error', reject)
    })
    expect(rows).toHaveLength(ROWS)
    expect(fixture.engine().executed).toHaveLength(before)
  })

  test('carry the session as the statement left it', async () => {
    await using session = await connect(fixture.endpoint(), { database: 'D', schema: 'S', warehouse: 'W', role: 'R' })
    const { statement } = await run(session, 'none')
    const state = statement.getSessionState() as Readonly<Record<string, () => string>>
    const current = ['Database', 'Schema', 'Warehouse', 'Role'].map((name) => state[`getCurrent${name}`]?.())
    expect(current).toEqual(['D', 'S', 'W', 'R'])
  })
})

describe('statements', () => {
  test('have their bindings', async () => {
    await using session = await connect(fixture.endpoint())
    await run(session, 'none', { binds: ['a', 1, 2.5, true, null] })
    expect(fixture.engine().executed.at(-1)?.bindings).toEqual([
      { type: 'TEXT', value: 'a' },
      { type: 'FIXED', value: '1' },
      { type: 'REAL', value: '2.5' },
      { type: 'BOOLEAN', value: 'true' },
      { type: 'TEXT', value: null },
    ])
  })

  test('that fail say code and SQL state', async () => {
    await using session = await connect(fixture.endpoint())
    expect(await refusal(run(session, 'nonsense'))).toEqual(['001003', '42000'])
  })

  test('are counted by their tag', async () => {
    await using session = await connect(fixture.endpoint(), { queryTag: 'portage:loans:7' })
    await run(session, 'none')
    await run(session, 'none')
    expect(fixture.endpoint().countByTag().get('portage:loans:7')).toBe(2)
  })
})
