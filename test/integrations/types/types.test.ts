import { Dictionary, Int8, Int32, Utf8 } from 'apache-arrow'
import { describe, expect, test } from 'vitest'
import { sqlType } from '../../../connectors/duckdb/dialect.ts'
import { arrowType, type LogicalType, typeName } from '../../../connectors/logical-type.ts'
import { logicalTypeOf } from '../../../integrations/types/arrow-types.ts'
import { canWiden, sameType } from '../../../integrations/types/widening.ts'
import { engineType } from '../../support/type-table.ts'

const TYPES: readonly LogicalType[] = [
  { kind: 'bool' },
  { kind: 'int16' },
  { kind: 'int32' },
  { kind: 'int64' },
  { kind: 'float32' },
  { kind: 'float64' },
  { kind: 'decimal', precision: 12, scale: 2 },
  { kind: 'utf8', format: 'text' },
  { kind: 'binary' },
  { kind: 'date' },
  { kind: 'timestamp', utc: true },
  { kind: 'timestamp', utc: false },
]

const decimal = (precision: number, scale: number): LogicalType => ({ kind: 'decimal', precision, scale })

describe('type table', () => {
  test('names a type in each engine', () => {
    expect(engineType(decimal(12, 2), 'snowflake')).toBe('NUMBER(12,2)')
    expect(engineType({ kind: 'utf8', format: 'uuid' }, 'snowflake')).toBe('VARCHAR(36)')
    expect(engineType({ kind: 'utf8', format: 'json' }, 'hive')).toBe('STRING')
    expect(engineType({ kind: 'int16' }, 'orc')).toBe('short')
  })

  test.each(TYPES.map((type) => [typeName(type), type] as const))('%s survives the way through Arrow', (_, type) => {
    expect(logicalTypeOf(arrowType(type), 'c')).toEqual(type)
  })

  test('a dictionary counts as its values, and a type outside the table is refused by column', () => {
    expect(logicalTypeOf(new Dictionary(new Utf8(), new Int32()), 'c')).toEqual({ kind: 'utf8', format: 'text' })
    expect(() => logicalTypeOf(new Int8(), 'age')).toThrow(/"age".*Int8/)
  })
})

describe('widening', () => {
  test.each<[LogicalType, LogicalType, boolean]>([
    [{ kind: 'int16' }, { kind: 'int64' }, true],
    [{ kind: 'int64' }, { kind: 'int32' }, false],
    [{ kind: 'int32' }, { kind: 'float64' }, false],
    [{ kind: 'float32' }, { kind: 'float64' }, true],
    [{ kind: 'float64' }, { kind: 'float32' }, false],
    [decimal(12, 2), decimal(14, 2), true],
    [decimal(12, 2), decimal(12, 3), false],
    [decimal(12, 2), decimal(13, 3), true],
    [decimal(12, 2), decimal(14, 1), false],
    [{ kind: 'utf8', format: 'json' }, { kind: 'utf8', format: 'text' }, true],
    [{ kind: 'utf8', format: 'text' }, { kind: 'utf8', format: 'json' }, false],
    [{ kind: 'timestamp', utc: true }, { kind: 'timestamp', utc: false }, false],
    [{ kind: 'date' }, { kind: 'date' }, true],
    [{ kind: 'date' }, { kind: 'timestamp', utc: false }, false],
  ])('%o → %o: %s', (from, to, expected) => {
    expect(canWiden(from, to)).toBe(expected)
  })

  test('same type is widening both ways', () => {
    for (const a of TYPES) for (const b of TYPES) expect(sameType(a, b)).toBe(typeName(a) === typeName(b))
  })
})

describe('the DuckDB dialect', () => {
  test('has the names of the type table: a connector may not import it, so this holds the two together', () => {
    const formats = ['json', 'uuid', 'time', 'timetz', 'interval', 'hex'] as const
    const types: readonly LogicalType[] = [...TYPES, ...formats.map((format) => ({ kind: 'utf8', format }) as const)]
    for (const type of types) expect(sqlType(type), typeName(type)).toBe(engineType(type, 'duckdb'))
  })
})
