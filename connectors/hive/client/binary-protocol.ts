/**
 * Thrift's binary protocol, strict form, as the generated code of the driver calls it. Pure. 64-bit integers are bigints.
 * Spec: apache/thrift `doc/specs/thrift-binary-protocol.md`.
 */

/** `TType` of the specification. */
export const TYPE = {
  stop: 0,
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
} as const

/** Upper half of a strict message's first word. */
export const VERSION_MASK = 0xffff0000
export const VERSION_1 = 0x80010000

/** Deeper nesting than any result has is an attack on the stack. */
const MAX_DEPTH = 64

/** Bytes are not a message of the protocol. */
export class ThriftFormatError extends Error {
  override readonly name = 'ThriftFormatError'
}

type Header = { readonly fname: string; readonly mtype: number; readonly rseqid: number }
type Field = { readonly fname: string; readonly ftype: number; readonly fid: number }

/** Reads one whole message; every length is held against what is there before memory is taken for it. */
export class MessageReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  readMessageBegin(): Header {
    const word = this.readI32()
    if ((word & VERSION_MASK) >>> 0 !== VERSION_1) throw new ThriftFormatError('a message begins with another version than 1')
    return { mtype: word & 0xff, fname: this.readString(), rseqid: this.readI32() }
  }

  readMessageEnd(): void {}
  readStructBegin(): void {}
  readStructEnd(): void {}
  readFieldEnd(): void {}
  readMapEnd(): void {}
  readListEnd(): void {}

  readFieldBegin(): Field {
    const ftype = this.readByte()
    return { fname: '', ftype, fid: ftype === TYPE.stop ? 0 : this.readI16() }
  }

  readMapBegin(): { readonly ktype: number; readonly vtype: number; readonly size: number } {
    const ktype = this.readByte()
    const vtype = this.readByte()
    return { ktype, vtype, size: this.#count() }
  }

  readListBegin(): { readonly etype: number; readonly size: number } {
    const etype = this.readByte()
    return { etype, size: this.#count() }
  }

  readBool(): boolean {
    return this.readByte() !== 0
  }

  readByte(): number {
    return this.#bytes.readInt8(this.#take(1))
  }

  readI16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  readI32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  readI64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8))
  }

  readDouble(): number {
    return this.#bytes.readDoubleBE(this.#take(8))
  }

  readString(): string {
    const length = this.#count()
    const from = this.#take(length)
    return this.#bytes.toString('utf8', from, from + length)
  }

  /** A copy: handles outlive the page they came with. */
  readBinary(): Buffer {
    const length = this.#count()
    const from = this.#take(length)
    return Buffer.from(this.#bytes.subarray(from, from + length))
  }

  skip(type: number, depth = 0): void {
    if (depth > MAX_DEPTH) throw new ThriftFormatError('a message is nested too deep')
    const width = WIDTHS[type]
    if (width !== undefined) {
      this.#take(width)
      return
    }
    switch (type) {
      case TYPE.string:
        this.#take(this.#count())
        return
      case TYPE.struct:
        for (let { ftype } = this.readFieldBegin(); ftype !== TYPE.stop; { ftype } = this.readFieldBegin()) {
          this.skip(ftype, depth + 1)
        }
        return
      case TYPE.map: {
        const { ktype, vtype, size } = this.readMapBegin()
        for (let index = 0; index < size; index++) {
          this.skip(ktype, depth + 1)
          this.skip(vtype, depth + 1)
        }
        return
      }
      case TYPE.set:
      case TYPE.list: {
        const { etype, size } = this.readListBegin()
        for (let index = 0; index < size; index++) this.skip(etype, depth + 1)
        return
      }
      default:
        throw new ThriftFormatError(`a message holds type ${type}, which the protocol has not`)
    }
  }

  /** Every element takes a byte at least, so a count beyond the rest of the message is none. */
  #count(): number {
    const count = this.readI32()
    if (count < 0 || count > this.#bytes.length - this.#at)
      throw new ThriftFormatError('a length is beyond the end of its message')
    return count
  }

  #take(count: number): number {
    const from = this.#at
    if (from + count > this.#bytes.length) throw new ThriftFormatError('a message ends in the middle of a value')
    this.#at = from + count
    return from
  }
}

/** Bytes of a value of fixed width, by type. */
export const WIDTHS: Readonly<Record<number, number>> = {
  [TYPE.bool]: 1,
  [TYPE.byte]: 1,
  [TYPE.double]: 8,
  [TYPE.i16]: 2,
  [TYPE.i32]: 4,
  [TYPE.i64]: 8,
}

/** Where a writer leaves its message. */
export type MessageSink = { message: Buffer }

/** Writes one message; at its end the sink has it. */
export class MessageWriter {
  readonly #sink: MessageSink
  #parts: Buffer[] = []

  constructor(sink: MessageSink) {
    this.#sink = sink
  }

  writeMessageBegin(name: string, type: number, sequence: number): void {
    this.#parts = []
    this.writeI32((VERSION_1 | type) >> 0)
    this.writeString(name)
    this.writeI32(sequence)
  }

  writeMessageEnd(): void {
    this.#sink.message = Buffer.concat(this.#parts)
    this.#parts = []
  }

  writeStructBegin(): void {}
  writeStructEnd(): void {}
  writeFieldEnd(): void {}
  writeMapEnd(): void {}
  writeListEnd(): void {}

  writeFieldBegin(_name: string, type: number, id: number): void {
    this.writeByte(type)
    this.writeI16(id)
  }

  writeFieldStop(): void {
    this.writeByte(TYPE.stop)
  }

  writeMapBegin(keyType: number, valueType: number, size: number): void {
    this.writeByte(keyType)
    this.writeByte(valueType)
    this.writeI32(size)
  }

  writeListBegin(type: number, size: number): void {
    this.writeByte(type)
    this.writeI32(size)
  }

  writeBool(value: boolean): void {
    this.writeByte(value ? 1 : 0)
  }

  writeByte(value: number): void {
    const part = Buffer.allocUnsafe(1)
    part.writeInt8(value)
    this.#parts.push(part)
  }

  writeI16(value: number): void {
    const part = Buffer.allocUnsafe(2)
    part.writeInt16BE(value)
    this.#parts.push(part)
  }

  writeI32(value: number): void {
    const part = Buffer.allocUnsafe(4)
    part.writeInt32BE(value)
    this.#parts.push(part)
  }

  writeI64(value: number | bigint): void {
    const part = Buffer.allocUnsafe(8)
    part.writeBigInt64BE(BigInt(value))
    this.#parts.push(part)
  }

  writeDouble(value: number): void {
    const part = Buffer.allocUnsafe(8)
    part.writeDoubleBE(value)
    this.#parts.push(part)
  }

  writeString(value: string): void {
    this.writeBinary(Buffer.from(value, 'utf8'))
  }

  writeBinary(value: Buffer): void {
    this.writeI32(value.length)
    this.#parts.push(value)
  }
}
