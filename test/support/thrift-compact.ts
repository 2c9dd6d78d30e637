/** Thrift's compact protocol as a tree that can be changed and written again, sound or not. Spec: apache/thrift `thrift-compact-protocol.md`. */

const TYPE = { true: 1, false: 2, byte: 3, double: 7, binary: 8, list: 9, struct: 12 } as const

/** Which of the members are used depends on the type: a number, bytes, the elements of a list, the fields of a struct by their id. */
export type ThriftNode = {
  readonly type: number
  number: bigint | null
  bytes: Uint8Array | null
  readonly elementType: number
  readonly items: ThriftNode[]
  readonly fields: Map<number, ThriftNode>
}

const node = (type: number, members: Partial<ThriftNode> = {}): ThriftNode => ({
  type,
  number: null,
  bytes: null,
  elementType: 0,
  items: [],
  fields: new Map(),
  ...members,
})

/** A struct that begins at `at`; sound input only. */
export function decodeThrift(bytes: Uint8Array, at: number): { readonly node: ThriftNode; readonly end: number } {
  let next = at
  const byte = (): number => bytes[next++] as number
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const one = byte()
      value |= BigInt(one & 0x7f) << shift
      if (one < 0x80) return value
    }
  }
  const zigzag = (): bigint => {
    const value = varint()
    return (value >> 1n) ^ -(value & 1n)
  }
  const element = (type: number): ThriftNode => {
    if (type === TYPE.true || type === TYPE.false) return node(type)
    if (type === TYPE.byte) return node(type, { bytes: Uint8Array.of(byte()) })
    if (type === TYPE.struct) return struct()
    if (type === TYPE.double || type === TYPE.binary) {
      const length = type === TYPE.double ? 8 : Number(varint())
      next += length
      return node(type, { bytes: bytes.slice(next - length, next) })
    }
    if (type !== TYPE.list) return node(type, { number: zigzag() })
    const head = byte()
    const size = head >> 4 === 15 ? Number(varint()) : head >> 4
    const elementType = head & 15
    const bools = elementType === TYPE.true || elementType === TYPE.false
    return node(type, { elementType, items: Array.from({ length: size }, () => element(bools ? TYPE.byte : elementType)) })
  }
  const struct = (): ThriftNode => {
    const found = node(TYPE.struct)
    for (let id = 0, head = byte(); head !== 0; head = byte()) {
      id = head >> 4 === 0 ? Number(zigzag()) : id + (head >> 4)
      found.fields.set(id, element(head & 15))
    }
    return found
  }
  return { node: struct(), end: next }
}

export function encodeThrift(root: ThriftNode): Uint8Array {
  const out: number[] = []
  const varint = (value: bigint): void => {
    let rest = BigInt.asUintN(64, value)
    for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
    out.push(Number(rest))
  }
  const zigzag = (value: bigint): void => varint((value << 1n) ^ (value >> 63n))
  const element = ({ type, number, bytes, elementType, items, fields }: ThriftNode): void => {
    if (number !== null) zigzag(number)
    else if (type === TYPE.struct) {
      for (const [id, field] of fields) {
        out.push(field.type)
        zigzag(BigInt(id))
        element(field)
      }
      out.push(0)
    } else if (type === TYPE.list) {
      out.push(0xf0 | elementType)
      varint(BigInt(items.length))
      for (const item of items) element(item)
    } else if (bytes !== null) {
      if (type === TYPE.binary) varint(BigInt(bytes.length))
      for (const one of bytes) out.push(one)
    }
  }
  element(root)
  return Uint8Array.from(out)
}

/** A struct of numbers, texts, lists and structs by the ids of its fields. */
export type ThriftValue = number | bigint | string | readonly ThriftValue[] | { readonly [id: number]: ThriftValue }

const I32 = 5
const I64 = 6

export function thriftOf(value: ThriftValue): ThriftNode {
  if (typeof value === 'bigint') return node(I64, { number: value })
  if (typeof value === 'number') return node(I32, { number: BigInt(value) })
  if (typeof value === 'string') return node(TYPE.binary, { bytes: Buffer.from(value) })
  if (Array.isArray(value)) {
    const items = value.map(thriftOf)
    return node(TYPE.list, { items, elementType: items[0]?.type ?? TYPE.struct })
  }
  return node(TYPE.struct, { fields: new Map(Object.entries(value).map(([id, each]) => [Number(id), thriftOf(each)])) })
}

/** Of a Parquet page: where its bytes begin, and how many they are (PageHeader 3). */
export function parquetHeader(bytes: Uint8Array, at: number): { readonly start: number; readonly size: number } {
  const { node: header, end } = decodeThrift(bytes, at)
  return { start: end, size: Number(header.fields.get(3)?.number) }
}
