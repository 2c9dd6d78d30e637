import { makeData, RecordBatch, Struct } from 'apache-arrow'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalText, columnData, type Value } from '../../connectors/column-values.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import { CSV_FORM, encodeRows } from '../../connectors/text-rows.ts'
import { batchSchema } from '../../integrations/transfer/csv/csv-rows.ts'

function lines(type: LogicalType, values: readonly Value[]): readonly string[] {
  const schema = batchSchema([{ name: 'v', type }])
  const data = makeData({
    type: new Struct(schema.fields),
    length: values.length,
    nullCount: 0,
    children: [columnData(type, values)],
  })
  return encodeRows(new RecordBatch(schema, data), [type], CSV_FORM).toString('utf8').split('\n').slice(0, -1)
}

const expected = (type: LogicalType, value: Value): string => {
  if (value === null) return ''
  const text = canonicalText(value, type)
  return type.kind === 'timestamp' ? `${text.replace(' ', 'T')}${type.utc ? 'Z' : ''}` : text
}

const edges = (bits: bigint) =>
  fc.constantFrom(...[0n, 1n, 2n ** 32n, 2n ** 52n, 2n ** 53n, 2n ** 63n - 1n, bits].flatMap((n) => [n, -n, n - 1n, 1n - n]))
const DECIMAL: LogicalType = { kind: 'decimal', precision: 38, scale: 4 }

test.each([
  [
    'int64',
    { kind: 'int64' },
    fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), edges(2n ** 62n)).map((n) => BigInt.asIntN(64, n)),
  ],
  [
    'decimals',
    DECIMAL,
    fc.oneof(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }), edges(2n ** 64n), edges(2n ** 96n)),
  ],
  ['whole decimals', { kind: 'decimal', precision: 38, scale: 0 }, edges(2n ** 65n)],
  [
    'timestamps',
    { kind: 'timestamp', utc: false },
    fc.oneof(
      fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
      fc.constantFrom(-1n, 0n, -86_400_000_000n),
    ),
  ],
  ['instants', { kind: 'timestamp', utc: true }, fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n })],
] as const)('property: %s have the canonical text, near the limits of numbers, too', (_, type, values) => {
  fc.assert(
    fc.property(fc.array(fc.option(values as fc.Arbitrary<bigint>), { maxLength: 20 }), (column) => {
      expect(lines(type, column)).toEqual(column.map((value) => expected(type, value)))
    }),
    { numRuns: 300 },
  )
})
