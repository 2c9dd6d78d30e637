/** Cells of a file as Arrow data of the table's column. Pure. */
import { type Data, makeData } from 'apache-arrow'
import { columnData, parseCanonical, type Value } from '../../../connectors/column-values.ts'
import { arrowType, type LogicalType } from '../../../connectors/logical-type.ts'
import type { ForeignColumn, ForeignLayout, ForeignShape } from '../../../connectors/manifest.ts'
import { converter, isIdentity } from './convert.ts'
import type { Cells } from './foreign-file.ts'
import { renderer, type Tree } from './tree.ts'

/** Nested values are JSON. */
export const carriedType = ({ type }: Pick<ForeignColumn, 'type'>): LogicalType => type ?? { kind: 'utf8', format: 'json' }

/** Makes a column's data of some rows; null: a value does not fit its type. */
export type MakeData = (cells: Cells, rows: number) => Data | null

/** `from` and the column's shape as `typeProblem` allows them. */
export function dataMaker(column: ForeignColumn, from: ForeignShape, owner: ForeignLayout['owner']): MakeData {
  const to = column.shape
  const type = carriedType(column)
  if (to?.kind === 'value' && from.kind === 'value') {
    const convert = converter(from.type, to, owner)
    const identity = isIdentity(from.type, to)
    return (cells, rows) => {
      if (identity && cells.data !== null) return cells.owned ? cells.data() : ownedData(cells.data(), type)
      return typeof convert === 'function' ? mapped(cells, rows, type, (tree) => convert(tree as Exclude<Value, null>)) : null
    }
  }
  const render = to === null ? null : renderer(from, to, owner)
  return (cells, rows) => (typeof render === 'function' ? mapped(cells, rows, type, (tree) => render(tree)) : null)
}

function mapped(cells: Cells, rows: number, type: LogicalType, convert: (tree: Tree) => Value | undefined): Data | null {
  const values: Value[] = new Array(rows)
  for (let row = 0; row < rows; row++) {
    const tree = cells.at(row)
    if (tree === null) values[row] = null
    else {
      const value = convert(tree)
      if (value === undefined) return null
      values[row] = value
    }
  }
  return columnData(type, values)
}

/** Encoders read whole words: every buffer has this many readable bytes behind its last value. */
const SPARE_BYTES = 8

/** A copy under the logical type's own Arrow type, with room behind its values. */
function ownedData(data: Data, type: LogicalType): Data {
  const { length, nullCount, nullBitmap, values, valueOffsets } = data
  return makeData({
    type: arrowType(type),
    length,
    nullCount,
    nullBitmap: nullCount === 0 ? null : roomy(nullBitmap as Uint8Array, (length + 7) >> 3),
    ...(valueOffsets === undefined
      ? { data: roomy(values, values.length) }
      : { valueOffsets: roomy(valueOffsets, length + 1), data: roomy(values, valueOffsets[length] as number) }),
  } as never)
}

type Typed = Uint8Array | Int16Array | Int32Array | Uint32Array | Float32Array | Float64Array | BigInt64Array

function roomy(source: Typed, length: number): Typed {
  const Constructor = source.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => Typed
  const copy = new Constructor(new ArrayBuffer(length * source.BYTES_PER_ELEMENT + SPARE_BYTES), 0, length)
  copy.set(source.subarray(0, length) as never)
  return copy
}

const WHOLE = /^-?\d{1,38}$/
const CLOCK = /^ (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?$/

/** One of the calendar: the 31st of February would be taken for one of March. */
function isDay(text: string): boolean {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

/** A partition's value, from its directory's name; undefined when it is none of the type. */
export function partitionValue(text: string | null, { type, shape }: ForeignColumn): Value | undefined {
  if (text === null) return null
  if (type === null) return undefined
  switch (type.kind) {
    case 'int16':
    case 'int32':
    case 'int64': {
      const convert = shape?.kind === 'value' ? converter({ kind: 'decimal', precision: 38, scale: 0 }, shape, 'hive') : null
      return WHOLE.test(text) && typeof convert === 'function' ? convert(BigInt(text)) : undefined
    }
    case 'decimal': {
      const [, whole = '', fraction = ''] = /^-?0*(\d+)(?:\.(\d+))?$/.exec(text) ?? []
      const digits = whole === '0' ? 0 : whole.length
      if (whole === '' || fraction.length > type.scale || digits > type.precision - type.scale) return undefined
      return parseCanonical(text, type)
    }
    case 'float32':
    case 'float64': {
      const value = Number(text)
      return Number.isNaN(value) && text !== 'NaN' ? undefined : type.kind === 'float32' ? Math.fround(value) : value
    }
    case 'bool':
      return /^(?:true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined
    case 'date':
      return isDay(text) ? parseCanonical(text, type) : undefined
    case 'timestamp':
      return isDay(text.slice(0, 10)) && CLOCK.test(text.slice(10)) ? parseCanonical(text, type) : undefined
    case 'utf8': {
      const convert = shape?.kind === 'value' ? converter(type, shape, 'hive') : null
      return typeof convert === 'function' ? convert(text) : text
    }
    case 'binary':
      return new Uint8Array(Buffer.from(text, 'utf8'))
    default:
      return type satisfies never
  }
}

/** The same value in every row. */
export function constantData(type: LogicalType, value: Value, rows: number): Data {
  return columnData(type, new Array<Value>(rows).fill(value))
}
