/** Masks and chosen rows, value by value. */
import { Vector } from 'apache-arrow'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { columnData, type Value, valueReader } from '../../../../connectors/column-values.ts'
import type { LogicalType } from '../../../../connectors/logical-type.ts'
import { type Mask, maskData, maskedType, maskName, maskText } from '../../../../integrations/capture/policies/mask.ts'
import { hideRows, takeRows } from '../../../../integrations/capture/policies/take-rows.ts'

const HMAC: Mask = { kind: 'hmac_sha256', key: 'Jefe' }

test.each([
  // RFC 4231, test case 2.
  [HMAC, 'what do ya want for nothing?', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
  [{ kind: 'fixed', text: 'gone' }, 'x', 'gone'],
  [{ kind: 'partial', keepLast: 4 }, '4111111111111234', '****1234'],
  [{ kind: 'partial', keepLast: 4 }, '1234567', '****'],
  [{ kind: 'partial', keepLast: 0 }, 'anything', '****'],
  [{ kind: 'partial', keepLast: 1 }, '🎈🎉', '****🎉'],
  [{ kind: 'null' }, 'x', null],
] as readonly (readonly [Mask, string, string | null])[])('%j of "%s"', (mask, text, expected) => {
  expect(maskText(mask, text)).toBe(expected)
})

test('the name of a mask tells masks apart and holds neither key nor text', () => {
  const masks: readonly Mask[] = [
    HMAC,
    { ...HMAC, key: 'Jeff' },
    { kind: 'fixed', text: 'Jefe' },
    { kind: 'fixed', text: 'x' },
    { kind: 'partial', keepLast: 1 },
    { kind: 'partial', keepLast: 2 },
    { kind: 'null' },
  ]
  const names = masks.map(maskName)
  expect(new Set(names).size).toBe(masks.length)
  expect(names.join()).not.toContain('Jef')
})

const TYPED: readonly (readonly [LogicalType, fc.Arbitrary<Value>])[] = [
  [{ kind: 'bool' }, fc.boolean()],
  [{ kind: 'int16' }, fc.integer({ min: -32768, max: 32767 })],
  [{ kind: 'int32' }, fc.integer()],
  [{ kind: 'int64' }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [{ kind: 'float32' }, fc.float()],
  [{ kind: 'float64' }, fc.double()],
  [{ kind: 'decimal', precision: 38, scale: 5 }, fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })],
  [{ kind: 'utf8', format: 'text' }, fc.string({ unit: 'grapheme' })],
  [{ kind: 'binary' }, fc.uint8Array()],
  [{ kind: 'date' }, fc.integer({ min: -719_162, max: 2_932_896 })],
  [{ kind: 'timestamp', utc: true }, fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })],
]

const column = fc
  .constantFrom(...TYPED)
  .chain(([type, value]) => fc.record({ type: fc.constant(type), values: fc.array(fc.option(value), { maxLength: 40 }) }))

const valuesOf = (data: Parameters<typeof takeRows>[0]): readonly Value[] => {
  const read = valueReader(new Vector([data]))
  return Array.from({ length: data.length }, (_, row) => read(row))
}

test('rows are taken in the order asked for, with spare bytes behind; hidden ones are NULL and their values gone', () => {
  fc.assert(
    fc.property(column, fc.array(fc.nat()), ({ type, values }, picks) => {
      const data = columnData(type, values)
      const indices = Int32Array.from(values.length === 0 ? [] : picks.map((pick) => pick % values.length))
      const taken = takeRows(data, indices)
      expect(valuesOf(taken)).toEqual(Array.from(indices, (row) => values[row]))
      expect(taken.nullCount).toBe(Array.from(indices).filter((row) => values[row] === null).length)
      for (const buffer of [taken.values, taken.nullBitmap, taken.valueOffsets]) {
        if (buffer !== undefined && buffer !== null && taken.length > 0)
          expect(buffer.buffer.byteLength - buffer.byteOffset - buffer.byteLength).toBeGreaterThanOrEqual(8)
      }
      const hidden = values.map((_, row) => picks.includes(row))
      expect(valuesOf(hideRows(data, hidden))).toEqual(values.map((value, row) => (hidden[row] ? null : value)))
    }),
  )
})

test('every value of every type is masked by its canonical text, NULL stays NULL', () => {
  fc.assert(
    fc.property(column, ({ type, values }) => {
      const shown = valuesOf(maskData(HMAC, type, columnData(type, values)))
      expect(shown.map((value) => value === null)).toEqual(values.map((value) => value === null))
      for (const value of shown) if (value !== null) expect(value).toMatch(/^[0-9a-f]{64}$/)
      expect(valuesOf(maskData({ kind: 'null' }, type, columnData(type, values)))).toEqual(values.map(() => null))
      expect(maskedType({ kind: 'null' }, type)).toEqual(type)
    }),
  )
})
