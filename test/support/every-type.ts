/** A table of every logical type, its extremes first, with every pattern of nulls. */
import { type LogicalType, typeName } from '../../connectors/logical-type.ts'
import type { CellValue, TestColumn } from './arrow-columns.ts'

/** A type and a few hundred different values of it, the extremes first. */
export type Kind = { readonly type: LogicalType; readonly value: (i: number) => CellValue; readonly dictionary?: boolean }

export const INT64_MIN = -(2n ** 63n)
export const MICROS_YEAR_1 = -62_135_596_800_000_000n
export const MICROS_YEAR_9999 = 253_402_300_799_999_999n

const cycle = (extremes: readonly CellValue[], further: (i: number) => CellValue) => (i: number) =>
  i % 11 < extremes.length ? (extremes[i % 11] as CellValue) : further(i)

export const digits = (count: number): bigint => 10n ** BigInt(count) - 1n

export const KINDS: readonly Kind[] = [
  { type: { kind: 'bool' }, value: (i) => i % 3 === 0 },
  { type: { kind: 'int16' }, value: cycle([-32_768, 32_767, 0, -1], (i) => (i * 37) % 32_768) },
  { type: { kind: 'int32' }, value: cycle([-(2 ** 31), 2 ** 31 - 1, 0, -1], (i) => i * 65_537) },
  { type: { kind: 'int64' }, value: cycle([INT64_MIN, 2n ** 63n - 1n, 0n, -1n, 2n ** 53n + 1n], (i) => BigInt(i) << 33n) },
  {
    type: { kind: 'float32' },
    value: cycle([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, Math.fround(3.4e38)], (i) =>
      Math.fround(i / 7),
    ),
  },
  {
    type: { kind: 'float64' },
    value: cycle([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, Number.MAX_VALUE, 5e-324], (i) => i / 7),
  },
  { type: { kind: 'decimal', precision: 9, scale: 2 }, value: cycle([digits(9), -digits(9), 0n, -1n], (i) => BigInt(i * 101)) },
  {
    type: { kind: 'decimal', precision: 18, scale: 18 },
    value: cycle([digits(18), -digits(18), 0n, -1n], (i) => BigInt(i) << 40n),
  },
  {
    type: { kind: 'decimal', precision: 38, scale: 10 },
    value: cycle([digits(38), -digits(38), 0n, -1n], (i) => BigInt(i) << 90n),
  },
  {
    type: { kind: 'utf8', format: 'text' },
    value: cycle(['', 'é\u{10ffff}', 'a'.repeat(300), 'line\nfeed'], (i) => `value ${i}`),
  },
  { type: { kind: 'utf8', format: 'text' }, value: (i) => `state ${(i * i) % 5}`, dictionary: true },
  {
    type: { kind: 'binary' },
    value: cycle([new Uint8Array(0), Uint8Array.of(0xff, 0xfe, 0), Uint8Array.of(0xc3, 0x28)], (i) =>
      Uint8Array.of(i & 255, i >> 8),
    ),
  },
  { type: { kind: 'date' }, value: cycle([-719_162, 2_932_896, 0, -1], (i) => i) },
  {
    type: { kind: 'timestamp', utc: true },
    value: cycle([MICROS_YEAR_1, MICROS_YEAR_9999, 0n, -1n], (i) => BigInt(i) * 86_399_999_999n),
  },
  {
    type: { kind: 'timestamp', utc: false },
    value: cycle([MICROS_YEAR_1, MICROS_YEAR_9999, 0n, -1n], (i) => BigInt(i) * 1_000_003n),
  },
]

const NULLS: Readonly<Record<string, (i: number) => boolean>> = {
  none: () => false,
  all: () => true,
  alternating: (i) => i % 2 === 0,
  runs: (i) => Math.floor(i / 21) % 2 === 1,
}

/** Each type with each pattern of nulls, as columns of one table. */
export function columnsOf(rows: number): readonly TestColumn[] {
  return KINDS.flatMap(({ type, value, dictionary }) =>
    Object.entries(NULLS).map(([pattern, isNull]) => ({
      name: `${typeName(type)}${dictionary ? ' dictionary' : ''} ${pattern}`,
      type,
      values: Array.from({ length: rows }, (_, i) => (isNull(i) ? null : value(i))),
      ...(dictionary ? { dictionary } : {}),
    })),
  )
}
