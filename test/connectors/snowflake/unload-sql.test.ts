/** The statements of an unload, and what becomes of every type under every policy. */
import { expect, test } from 'vitest'
import { typeName } from '../../../connectors/logical-type.ts'
import type { SnowflakeColumn } from '../../../connectors/snowflake/client.ts'
import { ownStage } from '../../../connectors/snowflake/stage.ts'
import { unloadPlan, wantedColumns } from '../../../connectors/snowflake/tables/unload-plan.ts'
import { DEFAULT_POLICIES, type UnloadPolicies, unloadPolicies } from '../../../connectors/snowflake/tables/unload-policy.ts'
import { copySql, describeSql, unloadSelect } from '../../../connectors/snowflake/tables/unload-sql.ts'
import { pathBelow } from '../../../connectors/snowflake/tables/unload-stage.ts'

const column = (name: string, type: string, precision: number | null = null, scale: number | null = null): SnowflakeColumn => {
  return { name, type, precision, scale, nullable: true }
}

const COLUMNS: readonly SnowflakeColumn[] = [
  column('ID', 'fixed', 38, 0),
  column('Small', 'fixed', 4, 0),
  column('MEDIUM', 'fixed', 9, 0),
  column('BIG', 'fixed', 19, 0),
  column('AMOUNT', 'fixed', 12, 2),
  column('RATIO', 'real'),
  column('NAME', 'text'),
  column('name', 'text'),
  column('Odd "name"', 'text'),
  column('OK', 'boolean'),
  column('DAY', 'date'),
  column('AT', 'time', null, 9),
  column('WALL', 'timestamp_ntz', null, 9),
  column('WALL_6', 'timestamp_ntz', null, 6),
  column('INSTANT', 'timestamp_ltz', null, 9),
  column('ZONED', 'timestamp_tz', null, 9),
  column('DOC', 'variant'),
  column('LIST', 'array'),
  column('RECORD', 'object'),
  column('BYTES', 'binary'),
]

const ROWS = { from: { relation: '"DB"."RAW"."LOANS"' }, columns: ['ID', 'AMOUNT'], where: "AMOUNT > 1 -- it's" } as const
const stage = { url: 's3compat://bucket/raw/', endpoint: '127.0.0.1:1', access_key_id: 'id', secret_access_key: "it's" }

test('the statements are those that were looked at', async () => {
  const plan = unloadPlan('Table "X"', COLUMNS, DEFAULT_POLICIES)
  const select = unloadSelect(plan, { from: { sql: 'select * from x -- all;' }, columns: null, where: null })
  const location = `"DB"."RAW"."PORTAGE__UNLOAD"/${pathBelow(stage, 's3://bucket/raw/_unload/1/').path}`
  const statements = [
    describeSql(ROWS),
    ...ownStage('"DB"."RAW"."PORTAGE__UNLOAD"', stage, { comment: 'Where Portage unloads', secrets: true }),
    copySql(select, { location, maxFileBytes: 268_435_456 }),
    copySql(unloadSelect(unloadPlan('Table "X"', COLUMNS.slice(0, 5), DEFAULT_POLICIES), ROWS), {
      location,
      maxFileBytes: 1_000_000,
      partitionBy: 'TO_VARCHAR("small")',
    }),
    copySql(
      unloadSelect(
        unloadPlan('Table "X"', COLUMNS, unloadPolicies.parse({ timestamps: 'text', zoned: 'text', time: 'text' })),
        ROWS,
      ),
      { location, maxFileBytes: 268_435_456 },
    ),
  ]
  await expect(`${statements.join(';\n\n')};\n`).toMatchFileSnapshot('../../golden/snowflake/unload.sql')
})

test('every type has a logical type; policies change it by name', () => {
  const types = (given: Partial<UnloadPolicies>): Readonly<Record<string, string>> =>
    Object.fromEntries(
      unloadPlan('Table "X"', COLUMNS, unloadPolicies.parse(given)).columns.map(({ column: { name, type } }) => [
        name,
        typeName(type),
      ]),
    )
  expect(types({})).toEqual({
    id: 'decimal(38,0)',
    Small: 'int16',
    medium: 'int32',
    big: 'int64',
    amount: 'decimal(12,2)',
    ratio: 'float64',
    NAME: 'utf8',
    name: 'utf8',
    'Odd "name"': 'utf8',
    ok: 'bool',
    day: 'date',
    at: 'utf8(time)',
    wall: 'timestamp(us)',
    wall_6: 'timestamp(us)',
    instant: 'timestamp(us,UTC)',
    zoned: 'timestamp(us,UTC)',
    doc: 'utf8(json)',
    list: 'utf8(json)',
    record: 'utf8(json)',
    bytes: 'binary',
  })
  expect(types({ integers: 'int64', binary: 'hex', zoned: 'text', timestamps: 'milliseconds', time: 'text' })).toMatchObject({
    id: 'int64',
    bytes: 'utf8(hex)',
    zoned: 'utf8',
    wall: 'timestamp(us)',
    at: 'utf8',
  })
})

test('columns are asked for as people write them', () => {
  expect(wantedColumns('Table "X"', COLUMNS, ['id', 'Small', 'name', 'NAME'])).toEqual(['ID', 'Small', 'name', 'NAME'])
  expect(() => wantedColumns('Table "X"', COLUMNS, ['id', 'nobody'])).toThrow('has no column "nobody"; it has id, Small, medium')
})

test('what no file can hold, and what would collide, is refused with the way out', () => {
  const plan = (columns: readonly SnowflakeColumn[]) => unloadPlan('Table "X"', columns, DEFAULT_POLICIES)
  expect(() => plan([column('PLACE', 'geography')])).toThrow(
    'column "PLACE" is GEOGRAPHY, which no Parquet file holds. Convert it',
  )
  expect(() => plan([column('A', 'text'), column('A', 'text')])).toThrow('two columns "A". Name one of them otherwise with "as"')
  expect(plan([column('A', 'text'), column('a', 'text')]).columns.map(({ alias }) => alias)).toEqual(['a', 'a_2'])
})

test('what the stage does not show is refused before anything is unloaded', () => {
  expect(pathBelow(stage, 's3://bucket/raw/_unload/1/').path).toBe('_unload/1/')
  expect(() => pathBelow(undefined, 's3://bucket/x/')).toThrow('stage: {url, storage_integration}')
  expect(() => pathBelow(stage, 's3://bucket/x/_unload/1/')).toThrow('outside the stage')
  expect(() => pathBelow(stage, '/srv/lake/x')).toThrow('outside the stage')
})
