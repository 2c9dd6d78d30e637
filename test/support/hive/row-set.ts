/** Values to the structures of TCLIService: columns since protocol V6, rows before. */
import type { FakeValue } from './answers.ts'

const TYPE_IDS: Readonly<Record<string, number>> = {
  boolean: 0,
  tinyint: 1,
  smallint: 2,
  int: 3,
  bigint: 4,
  float: 5,
  double: 6,
  string: 7,
  timestamp: 8,
  binary: 9,
  array: 10,
  map: 11,
  struct: 12,
  uniontype: 13,
  decimal: 15,
  void: 16,
  date: 17,
  varchar: 18,
  char: 19,
}

const MEMBERS: Readonly<Record<string, string>> = {
  boolean: 'boolVal',
  tinyint: 'byteVal',
  smallint: 'i16Val',
  int: 'i32Val',
  bigint: 'i64Val',
  float: 'doubleVal',
  double: 'doubleVal',
  binary: 'binaryVal',
}

/** What stands under a null. */
const PLACE_HOLDERS: Readonly<Record<string, unknown>> = {
  boolVal: true,
  byteVal: 0,
  i16Val: 0,
  i32Val: 0,
  i64Val: int64(0n),
  doubleVal: 0,
  stringVal: '',
  binaryVal: Buffer.alloc(0),
}

type Column = { readonly name: string; readonly base: string; readonly sizes: readonly number[] }

function parse(column: string): Column {
  const [, name = '', base = 'string', sizes] = /^(\S*) (\w+)(?:\(([\d,]+)\))?$/.exec(column) ?? []
  return { name, base, sizes: sizes === undefined ? [] : sizes.split(',').map(Number) }
}

/** `TTableSchema`. */
export function schemaOf(columns: readonly string[]): object {
  return {
    columns: columns.map((text, index) => {
      const { name, base, sizes } = parse(text)
      const type = TYPE_IDS[base]
      if (type === undefined) throw new Error(`Type "${base}" is none of HiveServer2's`)
      const [first = 0, second = 0] = sizes
      const qualifiers =
        base === 'decimal'
          ? { precision: { i32Value: first }, scale: { i32Value: second } }
          : sizes.length === 1
            ? { characterMaximumLength: { i32Value: first } }
            : null
      return {
        columnName: name,
        position: index + 1,
        typeDesc: { types: [{ primitiveEntry: { type, ...(qualifiers === null ? {} : { typeQualifiers: { qualifiers } }) } }] },
      }
    }),
  }
}

/** `TRowSet`. */
export function rowSetOf(columns: readonly string[], rows: readonly (readonly FakeValue[])[], columnar: boolean): object {
  const parsed = columns.map(parse)
  const startRowOffset = int64(0n)
  if (!columnar) {
    const colVals = (row: readonly FakeValue[]): object[] =>
      parsed.map(({ base }, index) => ({ [memberOf(base, false)]: { value: wire(row[index] ?? null) } }))
    return { startRowOffset, rows: rows.map((row) => ({ colVals: colVals(row) })) }
  }
  return {
    startRowOffset,
    rows: [],
    columns: parsed.map(({ base }, index) => {
      const member = memberOf(base, true)
      const nulls = Buffer.alloc(1 + (rows.length >> 3))
      const values = rows.map((row, at) => {
        const value = wire(row[index] ?? null)
        if (value !== null) return value
        nulls[at >> 3] = (nulls[at >> 3] ?? 0) | (1 << (at & 7))
        return PLACE_HOLDERS[member]
      })
      return { [member]: { values, nulls } }
    }),
  }
}

const memberOf = (base: string, columnar: boolean): string =>
  base === 'binary' && !columnar ? 'stringVal' : (MEMBERS[base] ?? 'stringVal')

function wire(value: FakeValue): unknown {
  if (typeof value === 'bigint') return int64(value)
  return value instanceof Uint8Array ? Buffer.from(value) : value
}

/** What Thrift's library takes for an integer of 64 bits. */
function int64(value: bigint): { readonly buffer: Buffer } {
  const buffer = Buffer.alloc(8)
  buffer.writeBigInt64BE(value)
  return { buffer }
}
