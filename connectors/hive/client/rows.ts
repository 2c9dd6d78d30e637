/**
 * From the row sets of TCLIService to pages. Pure. Since protocol V6 a set holds columns, each with a bitmap of its nulls (bit i of
 * byte i/8 from the lowest); before, rows. Values under a null are place-holders.
 */
import { ConnectorError } from '../../errors.ts'
import type { HiveColumn, HivePage, HiveValue } from './client.ts'
import { brokenAnswer, required } from './failure.ts'

/** `TTypeId` of the interface, as Hive writes the types. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'boolean',
  1: 'tinyint',
  2: 'smallint',
  3: 'int',
  4: 'bigint',
  5: 'float',
  6: 'double',
  7: 'string',
  8: 'timestamp',
  9: 'binary',
  10: 'array',
  11: 'map',
  12: 'struct',
  13: 'uniontype',
  14: 'user_defined',
  15: 'decimal',
  16: 'void',
  17: 'date',
  18: 'varchar',
  19: 'char',
  20: 'interval_year_month',
  21: 'interval_day_time',
  22: 'timestamp with local time zone',
}

type Qualifiers = Readonly<Record<string, { readonly i32Value?: number | null }>>

/** As the generated code reads `TColumnDesc`. */
export type WireColumn = {
  readonly columnName: string | null
  readonly typeDesc: {
    readonly types:
      | null
      | readonly {
          readonly primitiveEntry?: PrimitiveEntry | null
        }[]
  } | null
}

/** Columns in their order, repeated names kept. */
export function columnsOf(columns: readonly WireColumn[], subject: string): readonly HiveColumn[] {
  return columns.map(({ columnName, typeDesc }) => ({
    name: required(columnName, subject, 'the name of a column'),
    type: typeName(required(typeDesc?.types, subject, 'the type of a column')[0]?.primitiveEntry),
  }))
}

type PrimitiveEntry = { readonly type: number; readonly typeQualifiers?: { readonly qualifiers: Qualifiers } | null }

function typeName(entry: PrimitiveEntry | null | undefined): string {
  if (entry === null || entry === undefined) return 'user_defined'
  const name = TYPE_NAMES[entry.type] ?? 'user_defined'
  const of = (qualifier: string): number | undefined => entry.typeQualifiers?.qualifiers[qualifier]?.i32Value ?? undefined
  switch (name) {
    case 'decimal': {
      const precision = of('precision')
      return precision === undefined ? name : `decimal(${precision},${of('scale') ?? 0})`
    }
    case 'varchar':
    case 'char': {
      const length = of('characterMaximumLength')
      return length === undefined ? name : `${name}(${length})`
    }
    default:
      return name
  }
}

type WireValues = { readonly values: readonly unknown[]; readonly nulls: Uint8Array | null }

/** As the generated code reads `TRowSet`: of each column and value one member is set. */
export type WireRowSet = {
  readonly columns?: readonly Readonly<Record<string, WireValues | null>>[] | null
  readonly rows?: readonly { readonly colVals: readonly Readonly<Record<string, { readonly value: unknown } | null>>[] }[] | null
  readonly binaryColumns?: Uint8Array | null
}

/** `subject` names the server in errors. Throws `UNSUPPORTED` or `INTERNAL` for a set that is not as the interface says. */
export function pageOf(set: WireRowSet | null | undefined, columns: readonly HiveColumn[], subject: string): HivePage {
  if (set === null || set === undefined) return { rows: 0, columns: columns.map(() => []) }
  if (set.columns !== null && set.columns !== undefined && set.columns.length > 0) return columnar(set.columns, columns, subject)
  if (set.binaryColumns !== null && set.binaryColumns !== undefined && set.binaryColumns.length > 0) {
    throw new ConnectorError(
      'UNSUPPORTED',
      `${subject} sends rows that its tasks packed. Set session: {"hive.server2.thrift.resultset.serialize.in.tasks": "false"} in the connection block`,
    )
  }
  return byRows(set.rows ?? [], columns, subject)
}

function columnar(wire: NonNullable<WireRowSet['columns']>, columns: readonly HiveColumn[], subject: string): HivePage {
  if (wire.length !== columns.length)
    throw brokenAnswer(subject, `with ${wire.length} columns of values for ${columns.length} columns`)
  const decoded = wire.map((column, index) => {
    const { name, type } = columns[index] as HiveColumn
    const [member, values] = Object.entries(column).find(([, each]) => each !== null && each !== undefined) ?? []
    const expected = MEMBERS[type]
    if (expected !== undefined && member !== expected)
      throw brokenAnswer(subject, `with ${member} for column "${name}", which is ${type}`)
    return decode(required(values, subject, `values of column "${name}"`), type)
  })
  const rows = decoded[0]?.length ?? 0
  if (decoded.some(({ length }) => length !== rows)) throw brokenAnswer(subject, 'with columns of different lengths')
  return { rows, columns: decoded }
}

/** Members of `TColumn` by type. Every other type comes as text. */
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

/** The server leaves the zeros at the end of a bitmap out. */
function decode({ values, nulls }: WireValues, type: string): readonly HiveValue[] {
  const convert = CONVERSIONS[type.replace(/\(.*/, '')]
  const mask = nulls ?? new Uint8Array(0)
  return values.map((value, row) => {
    if (((mask[row >> 3] ?? 0) >> (row & 7)) & 1) return null
    return convert === undefined ? (value as HiveValue) : convert(value)
  })
}

/** Where the wire's value is not the one to hand on. The others are: exact texts, booleans, integers, bigints. */
const CONVERSIONS: Readonly<Record<string, (value: unknown) => HiveValue>> = {
  // Sent as the double nearest to its decimal text, or as its widened bits: both round to the float.
  float: (value) => Math.fround(Number(value)),
  void: () => null,
}

/** Protocol V1 to V5. */
function byRows(rows: NonNullable<WireRowSet['rows']>, columns: readonly HiveColumn[], subject: string): HivePage {
  const bytes = columns.find(({ type }) => type === 'binary')
  if (bytes !== undefined && rows.length > 0) {
    throw new ConnectorError(
      'UNSUPPORTED',
      `${subject} would send the bytes of column "${bytes.name}" as text by this version of its protocol. Set protocol to 6 or higher in the connection block, or select hex(${bytes.name})`,
    )
  }
  const decoded = columns.map(({ type }, index) =>
    rows.map(({ colVals }) => {
      if (colVals.length !== columns.length) {
        throw brokenAnswer(subject, `with ${colVals.length} values for ${columns.length} columns`)
      }
      const value = Object.values(colVals[index] ?? {}).find((each) => each !== null && each !== undefined)?.value
      if (value === null || value === undefined) return null
      return CONVERSIONS[type]?.(value) ?? (value as HiveValue)
    }),
  )
  return { rows: rows.length, columns: decoded }
}
