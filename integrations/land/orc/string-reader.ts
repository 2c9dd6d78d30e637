/** Strings and binary while a stripe is read, direct or by a dictionary; delivered as plain values either way. */
import { Binary, type Data, Utf8 } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import {
  BATCH_BYTES,
  ColumnReader,
  encodingOf,
  integers,
  MAX_COLUMN_BYTES,
  requiredStream,
  SmallIntegers,
  type StripeContext,
} from './column-reader.ts'
import { damaged } from './damaged.ts'
import type { InStream, PositionReader } from './in-stream.ts'
import { EncodingKind, TypeKind } from './messages.ts'
import type { OrcType } from './schema.ts'

/** What is allocated before bytes have shown that they are there. */
const FIRST_BYTES = 1024 * 1024
const MAX_ENTRIES = 16 * 1024 * 1024
const LENGTHS_AT_ONCE = 65_536

export function stringReader(type: OrcType, context: StripeContext): ColumnReader {
  const { kind } = encodingOf(type, context)
  const dictionary = kind === EncodingKind.DICTIONARY || kind === EncodingKind.DICTIONARY_V2
  return dictionary ? new DictionaryReader(type, context) : new DirectReader(type, context)
}

const arrowType = (type: OrcType) => (type.kind === TypeKind.BINARY ? new Binary() : new Utf8())

class DirectReader extends ColumnReader {
  readonly #in: InStream
  readonly #lengths: SmallIntegers

  constructor(type: OrcType, context: StripeContext) {
    super(type, arrowType(type), context)
    this.#lengths = new SmallIntegers(integers(type, 'LENGTH', context, { signed: false }), `column "${type.path}"`)
    this.#in = requiredStream(type, 'DATA', context)
  }

  override fitting(count: number): number {
    return this.#lengths.fitting(count, BATCH_BYTES, (length) => length)
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const lengths = this.#lengths.take(values)
    const offsets = offsetsOf(this.type, count, validity, lengths)
    return this.data(count, validity, values, { valueOffsets: offsets, data: readBytes(this.#in, offsets[count] as number) })
  }

  protected skipValues(values: number): void {
    for (let left = values; left > 0; left -= LENGTHS_AT_ONCE) {
      let bytes = 0
      for (const length of this.#lengths.take(Math.min(left, LENGTHS_AT_ONCE))) bytes += length
      this.#in.skip(bytes)
    }
  }

  protected seekValues(positions: PositionReader): void {
    this.#in.seek(positions)
    this.#lengths.seek(positions)
  }
}

class DictionaryReader extends ColumnReader {
  readonly #codes: SmallIntegers
  readonly #bytes: Uint8Array
  readonly #offsets: Int32Array

  constructor(type: OrcType, context: StripeContext) {
    super(type, arrowType(type), context)
    this.#codes = new SmallIntegers(integers(type, 'DATA', context, { signed: false }), `column "${type.path}"`)
    const { dictionarySize } = encodingOf(type, context)
    if (dictionarySize > MAX_ENTRIES) throw damaged(`column "${type.path}"`, `a dictionary of ${dictionarySize} entries`)
    const lengths = new SmallIntegers(integers(type, 'LENGTH', context, { signed: false }), `column "${type.path}"`)
    const read: number[] = [0]
    let total = 0
    for (let left = dictionarySize; left > 0; left -= LENGTHS_AT_ONCE) {
      for (const length of lengths.take(Math.min(left, LENGTHS_AT_ONCE))) {
        total += length
        read.push(total)
      }
      if (total > MAX_COLUMN_BYTES) throw damaged(`column "${type.path}"`, `a dictionary of more than ${MAX_COLUMN_BYTES} bytes`)
    }
    this.#offsets = Int32Array.from(read)
    this.#bytes = readBytes(requiredStream(type, 'DICTIONARY_DATA', context), total)
  }

  override fitting(count: number): number {
    const offsets = this.#offsets
    return this.#codes.fitting(count, BATCH_BYTES, (code) => (offsets[code + 1] ?? 0) - (offsets[code] ?? 0))
  }

  protected values(count: number, validity: Uint8Array | null, values: number): Data {
    const codes = this.#codes.take(values)
    const entries = this.#offsets
    const lengths = new Int32Array(values)
    for (let i = 0; i < values; i++) {
      const code = codes[i] as number
      if (code + 1 >= entries.length) throw damaged(`column "${this.type.path}"`, 'a code lies outside of its dictionary')
      lengths[i] = (entries[code + 1] as number) - (entries[code] as number)
    }
    const offsets = offsetsOf(this.type, count, validity, lengths)
    const out = new Uint8Array(offsets[count] as number)
    const bytes = this.#bytes
    let at = 0
    for (let i = 0; i < values; i++) {
      const from = entries[codes[i] as number] as number
      const length = lengths[i] as number
      if (length > 32) out.set(bytes.subarray(from, from + length), at)
      else for (let k = 0; k < length; k++) out[at + k] = bytes[from + k] as number
      at += length
    }
    return this.data(count, validity, values, { valueOffsets: offsets, data: out })
  }

  protected skipValues(values: number): void {
    this.#codes.skip(values)
  }

  protected seekValues(positions: PositionReader): void {
    this.#codes.seek(positions)
  }
}

/** Arrow offsets of dense lengths; a null has none. */
function offsetsOf(type: OrcType, count: number, validity: Uint8Array | null, lengths: Int32Array): Int32Array {
  const offsets = new Int32Array(count + 1)
  let at = 0
  let total = 0
  for (let row = 0; row < count; row++) {
    if (validity === null || ((validity[row >> 3] as number) >> (row & 7)) & 1) total += lengths[at++] as number
    if (total > MAX_COLUMN_BYTES) {
      throw new ConnectorError(
        'UNSUPPORTED',
        `ORC column "${type.path}" has more than ${MAX_COLUMN_BYTES} bytes in ${count} rows: read fewer rows at once (batchRows)`,
      )
    }
    offsets[row + 1] = total
  }
  return offsets
}

/** The next `count` bytes. Memory follows what the stream really holds, not what lengths claim. */
function readBytes(input: InStream, count: number): Uint8Array {
  let out = new Uint8Array(Math.min(count, FIRST_BYTES))
  for (let at = 0; at < count; ) {
    if (!input.more) throw input.short()
    const piece = Math.min(count - at, input.end - input.at)
    if (at + piece > out.length) {
      const grown = new Uint8Array(Math.min(count, Math.max(at + piece, out.length * 2)))
      grown.set(out.subarray(0, at))
      out = grown
    }
    input.copy(out, at, piece)
    at += piece
  }
  return out
}
