/**
 * Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), as far as ORC's messages use it. A message is
 * a table of fields; the TypeScript type follows from the table. Unknown fields are skipped, absent ones stay absent.
 */
import { damaged } from './damaged.ts'

/** How one field stands on the wire. `uint` must be a safe integer; `sint64` is zigzag and a bigint. */
type Scalar = 'uint' | 'int32' | 'sint64' | 'bool' | 'double' | 'string' | 'bytes'
type Field = {
  readonly id: number
  readonly kind: Scalar | MessageTable
  readonly repeated?: true
  /** Written as one length-delimited field; both forms are read. */
  readonly packed?: true
}
export type MessageTable = { readonly name: string; readonly fields: Readonly<Record<string, Field>> }

type Value<K> = K extends 'uint' | 'int32' | 'double'
  ? number
  : K extends 'sint64'
    ? bigint
    : K extends 'bool'
      ? boolean
      : K extends 'string'
        ? string
        : K extends 'bytes'
          ? Uint8Array
          : K extends MessageTable
            ? Message<K>
            : never

/** The decoded form of a message: optional fields may be absent, repeated ones are always arrays. */
export type Message<M extends MessageTable> = {
  -readonly [N in keyof M['fields'] as M['fields'][N] extends { repeated: true } ? never : N]?:
    | Value<M['fields'][N]['kind']>
    | undefined
} & {
  -readonly [N in keyof M['fields'] as M['fields'][N] extends { repeated: true } ? N : never]: Value<M['fields'][N]['kind']>[]
}

const TEXT = new TextDecoder('utf-8')
const UTF8 = new TextEncoder()

/** Hostile bytes can hold millions of empty messages: this many fields in all are decoded before that is called damage. */
export const MAX_FIELDS = 8_000_000

/** Counts decoded fields over any number of messages of one file. */
export type FieldBudget = { left: number }

/** Decodes one message from all of `bytes`. Throws `FORMAT` for anything that is not valid. Byte fields share `bytes`. */
export function decodeMessage<M extends MessageTable>(
  table: M,
  bytes: Uint8Array,
  budget: FieldBudget = { left: MAX_FIELDS },
): Message<M> {
  const byId = fieldsById(table)
  const message: Record<string, unknown> = {}
  for (const name of Object.keys(table.fields)) if (table.fields[name]?.repeated) message[name] = []
  const cursor = new Cursor(bytes, table.name)
  while (cursor.at < bytes.length) {
    if (--budget.left < 0) throw damaged(table.name, `more than ${MAX_FIELDS} fields`)
    const tag = cursor.uint()
    const wire = tag & 7
    const entry = byId.get(Math.floor(tag / 8))
    if (entry === undefined) {
      cursor.skip(wire)
      continue
    }
    const [name, field] = entry
    if (field.repeated && wire === 2 && typeof field.kind === 'string' && field.kind !== 'string' && field.kind !== 'bytes') {
      const values = message[name] as unknown[]
      const packed = new Cursor(cursor.block(), table.name)
      while (packed.at < packed.bytes.length) {
        if (--budget.left < 0) throw damaged(table.name, `more than ${MAX_FIELDS} fields`)
        values.push(readScalar(packed, field.kind))
      }
      continue
    }
    if (wire !== wireOf(field.kind))
      throw damaged(table.name, `field ${field.id} has wire type ${wire}, expected ${wireOf(field.kind)}`)
    const value =
      typeof field.kind === 'string' ? readScalar(cursor, field.kind) : decodeMessage(field.kind, cursor.block(), budget)
    if (field.repeated) (message[name] as unknown[]).push(value)
    else message[name] = value
  }
  return message as Message<M>
}

/** Encodes a message; absent fields and empty arrays leave no bytes. Fields stand in the table's order. */
export function encodeMessage<M extends MessageTable>(table: M, message: Partial<Message<M>>): Uint8Array {
  const out = new ByteBuilder()
  const values = message as Record<string, unknown>
  for (const [name, field] of Object.entries(table.fields)) {
    const value = values[name]
    if (value === undefined) continue
    if (!field.repeated) writeField(out, field, value)
    else if (field.packed && (value as unknown[]).length > 0) {
      const packed = new ByteBuilder()
      for (const item of value as unknown[]) writeScalar(packed, field.kind as Scalar, item)
      out.uint(field.id * 8 + 2)
      out.block(packed.take())
    } else if (!field.packed) for (const item of value as unknown[]) writeField(out, field, item)
  }
  return out.take()
}

const INDEX = new WeakMap<MessageTable, Map<number, [string, Field]>>()

function fieldsById(table: MessageTable): Map<number, [string, Field]> {
  let index = INDEX.get(table)
  if (index === undefined) {
    index = new Map(Object.entries(table.fields).map(([name, field]) => [field.id, [name, field]]))
    INDEX.set(table, index)
  }
  return index
}

const wireOf = (kind: Field['kind']): number =>
  kind === 'double' ? 1 : kind === 'string' || kind === 'bytes' || typeof kind === 'object' ? 2 : 0

function readScalar(cursor: Cursor, kind: Scalar): unknown {
  switch (kind) {
    case 'uint':
      return cursor.uint()
    case 'int32':
      return Number(BigInt.asIntN(32, cursor.varint()))
    case 'sint64': {
      const value = cursor.varint()
      return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    }
    case 'bool':
      return cursor.varint() !== 0n
    case 'double':
      return cursor.double()
    case 'string':
      return TEXT.decode(cursor.block())
    case 'bytes':
      return cursor.block()
    default:
      return kind satisfies never
  }
}

function writeField(out: ByteBuilder, field: Field, value: unknown): void {
  out.uint(field.id * 8 + wireOf(field.kind))
  if (typeof field.kind === 'string') writeScalar(out, field.kind, value)
  else out.block(encodeMessage(field.kind, value as Message<MessageTable>))
}

function writeScalar(out: ByteBuilder, kind: Scalar, value: unknown): void {
  if (kind === 'uint') out.uint(value as number)
  else if (kind === 'int32') out.varint(BigInt.asUintN(64, BigInt(value as number)))
  else if (kind === 'bool') out.uint(value === true ? 1 : 0)
  else if (kind === 'double') out.double(value as number)
  else if (kind === 'string') out.block(UTF8.encode(value as string))
  else if (kind === 'bytes') out.block(value as Uint8Array)
  else {
    const signed = value as bigint
    out.varint(BigInt.asUintN(64, (signed << 1n) ^ (signed >> 63n)))
  }
}

class Cursor {
  readonly bytes: Uint8Array
  readonly #name: string
  at = 0

  constructor(bytes: Uint8Array, name: string) {
    this.bytes = bytes
    this.#name = name
  }

  /** A varint that must be a safe integer. */
  uint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw damaged(this.#name, 'it ends inside a number')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw damaged(this.#name, 'a length or count beyond 2^53')
        return value
      }
      scale *= 128
    }
    throw damaged(this.#name, 'a number of more than ten bytes')
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw damaged(this.#name, 'it ends inside a number')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw damaged(this.#name, 'a number of more than ten bytes')
  }

  double(): number {
    const start = this.advance(8)
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + start, 8).getFloat64(0, true)
  }

  block(): Uint8Array {
    const length = this.uint()
    const start = this.advance(length)
    return this.bytes.subarray(start, start + length)
  }

  skip(wire: number): void {
    if (wire === 0) this.varint()
    else if (wire === 1) this.advance(8)
    else if (wire === 2) this.block()
    else if (wire === 5) this.advance(4)
    else throw damaged(this.#name, `wire type ${wire}`)
  }

  advance(length: number): number {
    const start = this.at
    if (length > this.bytes.length - start) throw damaged(this.#name, `a part of ${length} bytes reaches beyond its end`)
    this.at = start + length
    return start
  }
}

class ByteBuilder {
  #bytes = new Uint8Array(64)
  #length = 0

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  uint(value: number): void {
    this.#room(10)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  varint(value: bigint): void {
    this.#room(10)
    let rest = value
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#bytes[this.#length++] = Number(rest)
  }

  double(value: number): void {
    this.#room(8)
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value, true)
    this.#length += 8
  }

  block(bytes: Uint8Array): void {
    this.uint(bytes.length)
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #room(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#length + extra, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
