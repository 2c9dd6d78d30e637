/** Results as Arrow: the types that hold them exactly, and what is refused instead of rounded. */
import { expect, test } from 'vitest'
import { canonicalText, type Value } from '../../../connectors/column-values.ts'
import { typeName } from '../../../connectors/logical-type.ts'
import type { SnowflakeColumn } from '../../../connectors/snowflake/client.ts'
import { query, valueReader } from '../../../connectors/snowflake/query.ts'
import { refusal, scriptedClient } from './scripted-client.ts'

const column = (type: string, precision: number | null = null, scale: number | null = null): SnowflakeColumn => ({
  name: 'C',
  type,
  precision,
  scale,
  nullable: true,
})
const signal = new AbortController().signal

function read(of: SnowflakeColumn, text: string): string {
  const { type, read: convert } = valueReader(of)
  const value: Value = convert(text)
  return `${typeName(type)} ${value === null ? '␀' : canonicalText(value, type)}`
}

test.each<readonly [SnowflakeColumn, string, string]>([
  [column('fixed', 5, 0), '-32768', 'int32 -32768'],
  [column('fixed', 9, 0), '999999999', 'int32 999999999'],
  [column('fixed', 10, 0), '9999999999', 'int64 9999999999'],
  [column('fixed', 19, 0), '-9223372036854775808', 'int64 -9223372036854775808'],
  [column('fixed', 38, 0), '9'.repeat(38), `decimal(38,0) ${'9'.repeat(38)}`],
  [column('fixed', 12, 2), '-0.01', 'decimal(12,2) -0.01'],
  [column('fixed', 38, 37), `9.${'9'.repeat(37)}`, `decimal(38,37) 9.${'9'.repeat(37)}`],
  [column('real'), '5e-324', 'float64 5e-324'],
  [column('real'), 'NaN', 'float64 NaN'],
  [column('real'), '-inf', 'float64 -Infinity'],
  [column('real'), '-0', 'float64 -0'],
  [column('boolean'), 'TRUE', 'bool t'],
  [column('boolean'), 'false', 'bool f'],
  [column('date'), '0001-01-01', 'date 0001-01-01'],
  [column('time', null, 9), '23:59:59.123456000', 'utf8(time) 23:59:59.123456'],
  [column('timestamp_ntz', null, 9), '1969-12-31 23:59:59.999999000', 'timestamp(us) 1969-12-31 23:59:59.999999'],
  [column('timestamp_ltz', null, 3), '2026-11-21 00:00:00.000000000', 'timestamp(us,UTC) 2026-11-21 00:00:00.000000'],
  [column('timestamp_tz', null, 9), '2026-11-21 02:30:00.500000000 +0230', 'timestamp(us,UTC) 2026-11-21 00:00:00.500000'],
  [column('timestamp_tz', null, 9), '2026-11-20 16:00:00.000000000 -0800', 'timestamp(us,UTC) 2026-11-21 00:00:00.000000'],
  [column('binary'), '00FF', 'binary 00ff'],
  [column('binary'), '', 'binary '],
  [column('variant'), '{"a":1}', 'utf8(json) {"a":1}'],
  [column('text'), 'NULL', 'utf8 NULL'],
  [column('geography'), 'POINT(1 2)', 'utf8 POINT(1 2)'],
])('%j reads %s', (of, text, expected) => {
  expect(read(of, text)).toBe(expected)
  expect(valueReader(of).read(null)).toBeNull()
})

test('what a type cannot hold is refused with the cast that helps, without the value', () => {
  for (const [of, text, cure] of [
    [column('fixed', 19, 0), '9223372036854775808', 'NUMBER(38,0)'],
    [column('timestamp_ntz', null, 9), '2026-11-21 00:00:00.000000001', 'TIMESTAMP_NTZ(6)'],
  ] as const) {
    expect(() => valueReader(of).read(text)).toThrow(new RegExp(cure.replaceAll(/[()]/g, '\\$&')))
    expect(() => valueReader(of).read(text)).not.toThrow(new RegExp(text))
  }
})

test('what the driver parses by itself is refused: large numbers in it would change', async () => {
  const client = scriptedClient([])
  const parsed = {
    ...client,
    stream: async () => ({ columns: [column('array')], queryId: '', batches: (async function* () {})() }),
  }
  await expect(query(parsed, 'select list from t', signal)).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('TO_JSON'),
  })
  await expect(query(scriptedClient([[/./, refusal('001003', '42000')]]), 'selec', signal)).rejects.toMatchObject({
    code: 'STATEMENT',
  })
})
