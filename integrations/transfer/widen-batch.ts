/** Columns of a batch under the target's wider types. What is of the right type already is not copied. Pure. */
import { type Data, makeData } from 'apache-arrow'
import { ConnectorError } from '../../connectors/errors.ts'
import { arrowType, type LogicalType, typeName } from '../../connectors/logical-type.ts'

const SPARE_BYTES = 8

/** Both types as `canWiden` allows them. */
export function widened(data: Data, from: LogicalType, to: LogicalType): Data {
  if (from.kind === to.kind && (from.kind !== 'decimal' || typeName(from) === typeName(to))) return data
  const { length, nullCount } = data
  const nullBitmap = data.nullCount === 0 ? null : alignedBitmap(data)
  const made = (values: ArrayBufferView): Data =>
    makeData({ type: arrowType(to), length, nullCount, nullBitmap, data: values } as never)
  const source = data.values as Int16Array | Int32Array | Float32Array
  if (from.kind === 'decimal' && to.kind === 'decimal') {
    return made(
      from.scale === to.scale ? (data.values as Uint32Array).subarray(0, length * 4) : rescaled(data, to.scale - from.scale),
    )
  }
  if (to.kind === 'int32') return made(copied(new Int32Array(new ArrayBuffer(length * 4 + SPARE_BYTES), 0, length), source))
  if (to.kind === 'float64') return made(copied(new Float64Array(new ArrayBuffer(length * 8 + SPARE_BYTES), 0, length), source))
  if (to.kind === 'int64') {
    const values = new BigInt64Array(new ArrayBuffer(length * 8 + SPARE_BYTES), 0, length)
    for (let row = 0; row < length; row++) values[row] = BigInt(source[row] as number)
    return made(values)
  }
  throw new ConnectorError('INTERNAL', `A column of ${typeName(from)} was to become ${typeName(to)}`)
}

function copied<A extends Int32Array | Float64Array>(into: A, source: ArrayLike<number>): A {
  for (let row = 0; row < into.length; row++) into[row] = source[row] as number
  return into
}

/** The values begin at the first row; the bits of the original may not. */
function alignedBitmap(data: Data): Uint8Array {
  const bits = new Uint8Array(((data.length + 7) >> 3) + SPARE_BYTES)
  for (let row = 0; row < data.length; row++) {
    if (data.getValid(row)) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7))
  }
  return bits
}

function rescaled(data: Data, digits: number): Uint32Array {
  const source = new BigUint64Array((data.values as Uint32Array).slice(0, data.length * 4).buffer)
  const target = new BigUint64Array(new ArrayBuffer(data.length * 16 + SPARE_BYTES), 0, data.length * 2)
  const factor = 10n ** BigInt(digits)
  for (let row = 0; row < data.length; row++) {
    const value = BigInt.asIntN(128, ((source[row * 2 + 1] as bigint) << 64n) | (source[row * 2] as bigint)) * factor
    const bits = BigInt.asUintN(128, value)
    target[row * 2] = BigInt.asUintN(64, bits)
    target[row * 2 + 1] = bits >> 64n
  }
  return new Uint32Array(target.buffer, 0, data.length * 4)
}
