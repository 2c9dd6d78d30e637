/**
 * Finds where a struct of Thrift's compact protocol ends, and makes nothing of it. `hyparquet` believes every length: of a hostile footer it
 * takes memory for lists that are not there, and endless time for one number. Pure. Spec: apache/thrift `thrift-compact-protocol.md`.
 */

const TYPE = { stop: 0, true: 1, false: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, struct: 12 } as const

/** Bytes of values of fixed width; that of a boolean field is in its head. */
const WIDTHS: Readonly<Record<number, number>> = { [TYPE.true]: 0, [TYPE.false]: 0, [TYPE.byte]: 1, [TYPE.double]: 8 }

/** `parquet.thrift` nests less than half as deep. */
const MAX_DEPTH = 32
const MAX_VARINT_BYTES = 10

/** The place behind the struct that begins at `start`. Throws `RangeError` when it is damaged, or not whole. */
export function thriftEnd(bytes: Uint8Array, start: number): number {
  let at = start

  const byte = (): number => {
    const found = bytes[at++]
    if (found === undefined) throw new RangeError('a Thrift struct is cut off')
    return found
  }

  const varint = (): number => {
    let value = 0
    for (let read = 0; read < MAX_VARINT_BYTES; read++) {
      const part = byte()
      value += (part & 0x7f) * 2 ** (7 * read)
      if (part < 0x80) return value
    }
    throw new RangeError('a Thrift number is too long')
  }

  const skip = (count: number): void => {
    if (count > bytes.length - at) throw new RangeError('a Thrift length is beyond the end')
    at += count
  }

  const element = (type: number, depth: number): void => {
    const width = WIDTHS[type]
    if (width !== undefined) skip(width)
    else if (type === TYPE.i16 || type === TYPE.i32 || type === TYPE.i64) varint()
    else if (type === TYPE.binary) skip(varint())
    else if (type === TYPE.list) list(depth + 1)
    else if (type === TYPE.struct) struct(depth + 1)
    else throw new RangeError(`Thrift type ${type}, which Parquet has not`)
  }

  const list = (depth: number): void => {
    const head = byte()
    const size = head >> 4 === 15 ? varint() : head >> 4
    // Every element takes a byte at least.
    if (depth > MAX_DEPTH || size > bytes.length - at) throw new RangeError('a Thrift list is too deep or too long')
    const type = head & 15
    const each = type === TYPE.true || type === TYPE.false ? TYPE.byte : type
    for (let index = 0; index < size; index++) element(each, depth)
  }

  const struct = (depth: number): void => {
    if (depth > MAX_DEPTH) throw new RangeError('Thrift is nested too deep')
    for (let head = byte(); head !== TYPE.stop; head = byte()) {
      if (head >> 4 === 0) varint()
      element(head & 15, depth)
    }
  }

  struct(0)
  return at
}
