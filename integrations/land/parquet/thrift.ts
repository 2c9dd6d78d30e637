/**
 * Thrift compact protocol, writing side: what Parquet's headers, page index and footer are made of.
 * Spec: apache/thrift doc/specs/thrift-compact-protocol.md.
 */

/** Compact-protocol element types. */
export const ThriftType = {
  TRUE: 1,
  FALSE: 2,
  BYTE: 3,
  I16: 4,
  I32: 5,
  I64: 6,
  BINARY: 8,
  LIST: 9,
  STRUCT: 12,
} as const

/** Appends compact-protocol values to a growing buffer. Structs are written through callbacks, so that they always close. */
export class ThriftWriter {
  #bytes: Uint8Array
  #length = 0
  /** Id of the last field written in the struct under way; field headers carry the difference. */
  #field = 0

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** The bytes written so far, valid until the next write. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  reset(): void {
    this.#length = 0
    this.#field = 0
  }

  /** Writes a struct's fields and its stop byte. At the top level this is the message itself. */
  struct(fields: () => void): void {
    const outer = this.#field
    this.#field = 0
    fields()
    this.#byte(0)
    this.#field = outer
  }

  structField(id: number, fields: () => void): void {
    this.#header(id, ThriftType.STRUCT)
    this.struct(fields)
  }

  boolField(id: number, value: boolean): void {
    this.#header(id, value ? ThriftType.TRUE : ThriftType.FALSE)
  }

  byteField(id: number, value: number): void {
    this.#header(id, ThriftType.BYTE)
    this.#byte(value)
  }

  i16Field(id: number, value: number): void {
    this.#header(id, ThriftType.I16)
    this.#zigzag(value)
  }

  i32Field(id: number, value: number): void {
    this.#header(id, ThriftType.I32)
    this.#zigzag(value)
  }

  /** Up to 2^52 either way: offsets, sizes and counts. */
  i64Field(id: number, value: number): void {
    this.#header(id, ThriftType.I64)
    this.#zigzag(value)
  }

  binaryField(id: number, value: Uint8Array | string): void {
    this.#header(id, ThriftType.BINARY)
    this.#binary(value)
  }

  i32List(id: number, values: readonly number[]): void {
    this.#list(id, ThriftType.I32, values.length)
    for (const value of values) this.#zigzag(value)
  }

  i64List(id: number, values: readonly number[]): void {
    this.#list(id, ThriftType.I64, values.length)
    for (const value of values) this.#zigzag(value)
  }

  /** In lists a bool is a byte: 1 true, 2 false, under element type 1 as the C++ and Java writers do. */
  boolList(id: number, values: readonly boolean[]): void {
    this.#list(id, ThriftType.TRUE, values.length)
    for (const value of values) this.#byte(value ? 1 : 2)
  }

  binaryList(id: number, values: readonly (Uint8Array | string)[]): void {
    this.#list(id, ThriftType.BINARY, values.length)
    for (const value of values) this.#binary(value)
  }

  structList<T>(id: number, items: readonly T[], fields: (item: T) => void): void {
    this.#list(id, ThriftType.STRUCT, items.length)
    for (const item of items) this.struct(() => fields(item))
  }

  #header(id: number, type: number): void {
    const delta = id - this.#field
    if (delta > 0 && delta <= 15) this.#byte((delta << 4) | type)
    else {
      this.#byte(type)
      this.#zigzag(id)
    }
    this.#field = id
  }

  #list(id: number, type: number, size: number): void {
    this.#header(id, ThriftType.LIST)
    if (size < 15) this.#byte((size << 4) | type)
    else {
      this.#byte(0xf0 | type)
      this.#varint(size)
    }
  }

  #binary(value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
    this.#varint(bytes.length)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #zigzag(value: number): void {
    this.#varint(value >= 0 ? value * 2 : -value * 2 - 1)
  }

  #varint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.#byte(rest)
  }

  #byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}
