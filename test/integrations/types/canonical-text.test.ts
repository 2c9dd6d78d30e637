import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decimalText } from '../../../connectors/column-values.ts'
import { bytesText, dateText, timestampText, timeText } from '../../../integrations/types/canonical-text.ts'

describe('canonical text', () => {
  test('dates agree with the platform in every year it knows', () => {
    fc.assert(
      fc.property(fc.integer({ min: -719_162, max: 2_932_896 }), (days) => {
        expect(dateText(days)).toBe(new Date(days * 86_400_000).toISOString().slice(0, 10))
      }),
    )
  })

  test('years before 1 and beyond 9999 keep their sign', () => {
    expect(dateText(-719_163)).toBe('0000-12-31')
    expect(dateText(-719_529)).toBe('-0001-12-31')
    expect(dateText(2_932_897)).toBe('+10000-01-01')
  })

  test('timestamps have six digits, also before 1970', () => {
    expect(timestampText(0n)).toBe('1970-01-01 00:00:00.000000')
    expect(timestampText(-1n)).toBe('1969-12-31 23:59:59.999999')
    expect(timestampText(-62_135_596_800_000_000n)).toBe('0001-01-01 00:00:00.000000')
    expect(timestampText(253_402_300_799_999_999n, 'T')).toBe('9999-12-31T23:59:59.999999')
    expect(timestampText(1n, 'T', 9)).toBe('1970-01-01T00:00:00.000000001')
    expect(timeText(86_399_001n, 3)).toBe('23:59:59.001')
  })

  test('decimals have exactly their scale', () => {
    expect(decimalText(-5n, 2)).toBe('-0.05')
    expect(decimalText(0n, 3)).toBe('0.000')
    expect(decimalText(123n, 0)).toBe('123')
    expect(decimalText(-(10n ** 38n - 1n), 38)).toBe(`-0.${'9'.repeat(38)}`)
  })

  test('bytes are lower-case hex, of the view and nothing around it', () => {
    expect(bytesText(Uint8Array.of(1, 0xab, 0xff, 2).subarray(1, 3))).toBe('abff')
  })
})
