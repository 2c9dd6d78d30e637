/** The table whose every value other implementations must read from our ORC files: all types, at their extremes. */
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  type RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow'
import { type Plain, plainBatch } from './plain-values.ts'

export const NULL_PATTERNS = ['none', 'all', 'alternating', 'runs'] as const
export type NullPattern = (typeof NULL_PATTERNS)[number]

/** Null or not, by row. */
export function isNull(pattern: NullPattern, row: number): boolean {
  if (pattern === 'none') return false
  if (pattern === 'all') return true
  return pattern === 'alternating' ? row % 2 === 0 : Math.floor(row / 37) % 3 === 0
}

const MAX_LONG = 2n ** 63n - 1n
const digits = (count: number) => 10n ** BigInt(count) - 1n
const cycle =
  (values: readonly Plain[], more: (row: number) => Plain) =>
  (row: number): Plain =>
    row % (values.length + 1) === values.length ? more(row) : (values[row % (values.length + 1)] ?? null)

/** A number that looks random and is the same in every run. */
const scrambled = (row: number): bigint => BigInt.asIntN(64, BigInt(row + 1) * 0x9e3779b97f4a7c15n)

const MICROS_PER_DAY = 86_400_000_000n

const struct = new Struct([new Field('x', new Int32(), true), new Field('y', new Utf8(), true)])
const entries = new Struct([new Field('key', new Utf8(), false), new Field('value', new Int64(), true)])

/** By column name: its type and the value of a row. */
const COLUMNS: Readonly<Record<string, { readonly type: DataType; readonly value: (row: number) => Plain }>> = {
  boolean: { type: new Bool(), value: (row) => (row * 7) % 3 === 0 },
  tinyint: { type: new Int8(), value: cycle([-128, 127, 0], (row) => row % 100) },
  smallint: { type: new Int16(), value: cycle([-32_768, 32_767, 0], (row) => row % 1000) },
  int: { type: new Int32(), value: cycle([-2_147_483_648, 2_147_483_647, 0], (row) => row) },
  int_rising: { type: new Int32(), value: (row) => row * 3 },
  bigint: { type: new Int64(), value: cycle([-MAX_LONG - 1n, MAX_LONG, 0n, -1n], (row) => BigInt(row) * 1_000_003n) },
  bigint_random: { type: new Int64(), value: scrambled },
  bigint_outliers: { type: new Int64(), value: (row) => (row % 61 === 7 ? scrambled(row) >> 20n : BigInt((row * 31) % 97)) },
  float: {
    type: new Float32(),
    value: cycle([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 2 ** -149], (row) => row / 4),
  },
  double: {
    type: new Float64(),
    value: cycle([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 5e-324], (row) => row / 3),
  },
  decimal_9_2: { type: new Decimal(2, 9, 128), value: cycle([digits(9), -digits(9), 0n, -1n], BigInt) },
  decimal_18_0: { type: new Decimal(0, 18, 128), value: cycle([digits(18), -digits(18), 0n, 1n], BigInt) },
  decimal_38_10: { type: new Decimal(10, 38, 128), value: cycle([digits(38), -digits(38), 0n, 1n], (row) => BigInt(row) ** 7n) },
  decimal_38_38: { type: new Decimal(38, 38, 128), value: cycle([digits(38), -digits(38), 0n], (row) => -BigInt(row)) },
  string: { type: new Utf8(), value: cycle(['', 'a', '日本語', '\u{10ffff}', 'it\'s \\ " \t\n'], (row) => `row ${row}`) },
  string_few: { type: new Utf8(), value: (row) => ['APPROVED', 'REJECTED', 'PENDING', ''][(row * row) % 4] ?? null },
  binary: { type: new Binary(), value: cycle(['', '00', 'ff00fe', 'c328'], (row) => Buffer.from([row & 255]).toString('hex')) },
  /** Not 5 to 14 October 1582, which Java's calendar has not: Spark shows them ten days later. */
  date: { type: new DateDay(), value: cycle([-719_162, -141_438, -141_427, 2_932_896, 0, -1], (row) => row - 20_000) },
  /** Within the years that nanoseconds of 64 bits can hold: pyarrow reads no others. */
  timestamp: {
    type: new TimestampMicrosecond(),
    value: cycle(
      [0n, 1n, -1_000_001n, -1_500_000n, -62_135_596n, 9_223_372_035_999_999n, -9_223_372_035_999_999n],
      (row) => BigInt(row) * 1_234_567_891n,
    ),
  },
  instant: {
    type: new TimestampMicrosecond('UTC'),
    value: (row) => (BigInt(row) - 10_000n) * MICROS_PER_DAY + BigInt(row % 3) * 500n,
  },
  /** Years 1 to 9999, and both sides of the change of the calendar. */
  timestamp_far: {
    type: new TimestampMicrosecond(),
    value: cycle(
      [
        -62_135_596_800_000_000n,
        253_402_300_799_999_999n,
        -12_220_156_800_000_001n,
        -12_219_292_800_000_000n,
        -62_135_596_798_999_999n,
      ],
      (row) => BigInt(row) * -MICROS_PER_DAY * 20n - 1_000_001n,
    ),
  },
  list: {
    type: new List(new Field('item', new Int64(), true)),
    value: (row) => Array.from({ length: row % 4 }, (_, i) => (i % 3 === 1 ? null : BigInt(row * i))),
  },
  struct: { type: struct, value: (row) => [row % 3 === 0 ? null : row, `v${row % 9}`] },
  map: {
    type: new Map_(new Field('entries', entries, false) as never),
    value: (row) => Array.from({ length: row % 3 }, (_, i) => [`k${i}`, BigInt(row)]),
  },
  nested: {
    type: new List(new Field('item', new List(new Field('item', struct, true)), true)),
    value: (row) => Array.from({ length: row % 3 }, (_, i) => (i === 1 ? null : [[row, 'a'], null])),
  },
}

export const TRUTH_COLUMNS = Object.keys(COLUMNS)

export function truthBatch(rows: number, pattern: NullPattern, names: readonly string[] = TRUTH_COLUMNS): RecordBatch {
  const picked = names.map((name) => ({ name, ...(COLUMNS[name] as (typeof COLUMNS)[string]) }))
  const schema = new Schema(picked.map(({ name, type }) => new Field(name, type, true)))
  const columns = picked.map(({ value }) => Array.from({ length: rows }, (_, row) => (isNull(pattern, row) ? null : value(row))))
  return plainBatch(schema, columns)
}

/** Counts of equal values by column and direction, printed as the suite's truth table. */
export class TruthTable {
  readonly #title: string
  readonly #counts = new Map<string, { values: number; equal: number }>()

  constructor(title: string) {
    this.#title = title
  }

  add(column: string, values: number, equal: number): void {
    const count = this.#counts.get(column) ?? { values: 0, equal: 0 }
    this.#counts.set(column, { values: count.values + values, equal: count.equal + equal })
  }

  get differences(): number {
    return [...this.#counts.values()].reduce((sum, { values, equal }) => sum + values - equal, 0)
  }

  print(): void {
    const lines = [...this.#counts].map(
      ([name, { values, equal }]) => `  ${name.padEnd(18)} ${String(values).padStart(9)} values, ${values - equal} differ`,
    )
    console.log([`${this.#title}:`, ...lines].join('\n'))
  }
}
