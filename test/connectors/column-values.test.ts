import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalText, parseCanonical, type Value } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'

const DATE = { kind: 'date' } as const
const TIMESTAMP = { kind: 'timestamp', utc: true } as const

test('dates and timestamps are told and read again, far beyond what Date holds', () => {
  const same = (type: LogicalType) => (value: Exclude<Value, null>) => {
    expect(parseCanonical(canonicalText(value, type), type)).toBe(value)
  }
  fc.assert(fc.property(fc.integer(), same(DATE)))
  fc.assert(fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), same(TIMESTAMP)))
  fc.assert(fc.property(fc.bigInt(-(10n ** 12n), 10n ** 12n), same(TIMESTAMP)))
})

test.each([
  [0, '1970-01-01'],
  [-719_162, '0001-01-01'],
  [-719_163, '0000-12-31'],
  [-719_529, '-0001-12-31'],
  [2_932_897, '10000-01-01'],
  // PostgreSQL's last one.
  [2_145_042_905, '5874897-12-31'],
])('day %d is %s', (days, text) => {
  expect(canonicalText(days, DATE)).toBe(text)
})

test.each([
  [-1n, '1969-12-31 23:59:59.999999'],
  [86_399_000_001n, '1970-01-01 23:59:59.000001'],
  [2n ** 63n - 1n, '294247-01-10 04:00:54.775807'],
])('microsecond %d is %s', (micros, text) => {
  expect(canonicalText(micros, TIMESTAMP)).toBe(text)
})
