/**
 * What every column does while a stripe is read: which rows are null, by the PRESENT stream and by the parent. What differs
 * by type — the streams of the values — is in the classes derived from it.
 */
import { type Data, type DataType, makeData } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import { BooleanDecoder } from './byte-rle.ts'
import type { ReaderCompression } from './compression.ts'
import { damaged } from './damaged.ts'
import { InStream, type PositionReader } from './in-stream.ts'
import { type IntegerDecoder, integerDecoder } from './integer-decoder.ts'
import { type ColumnEncoding, EncodingKind, StreamKind } from './messages.ts'
import type { OrcType } from './schema.ts'
import type { ZoneOffset } from './time-zone.ts'

/** How timestamps are delivered. */
export type TimestampMode = 'micros' | 'nanos' | 'text'

/** What column readers need of their stripe. */
export type StripeContext = {
  readonly compression: ReaderCompression
  readonly encodings: readonly ColumnEncoding[]
  /** Bytes of a stream, null when the stripe has none. */
  readonly stream: (column: number, kind: number) => Uint8Array | null
  readonly rows: number
  readonly hybrid: boolean
  /** Of the writer; null = UTC. */
  readonly zone: ZoneOffset | null
  readonly timestamps: TimestampMode
  /** Of plain timestamps: what the writer's clock showed, or the instant at which it did. */
  readonly clock: 'wall' | 'instant'
}

/** Bytes of one column in one batch, beyond which a batch ends early: its rows are large, not many. */
export const BATCH_BYTES = 64 * 1024 * 1024
/** Elements of one list or map column in one batch, likewise. */
export const BATCH_ELEMENTS = 4 * 1024 * 1024
/** More than this in one column of one batch is refused: no Arrow buffer and no engine holds it. */
export const MAX_COLUMN_BYTES = 1024 * 1024 * 1024
export const MAX_COLUMN_ELEMENTS = 64 * 1024 * 1024

export abstract class ColumnReader {
  readonly type: OrcType
  readonly arrow: DataType
  readonly children: readonly ColumnReader[]
  readonly #present: BooleanDecoder | null

  constructor(type: OrcType, arrow: DataType, context: StripeContext, children: readonly ColumnReader[] = []) {
    this.type = type
    this.arrow = arrow
    this.children = children
    const present = context.stream(type.id, StreamKind.PRESENT)
    this.#present = present === null ? null : new BooleanDecoder(streamOf(type, 'PRESENT', present, context))
  }

  /**
   * The next `count` rows. Only those set in `mask` (`set` of them; null = all) have an entry in the file; the others are
   * rows whose parent is null.
   */
  read(count: number, mask: Uint8Array | null, set: number): Data {
    let validity = mask
    let values = set
    if (this.#present !== null) {
      const bits = bitmap(set)
      values = this.#present.read(bits, set)
      if (values < set) validity = mask === null ? bits : expandBits(bits, mask, count)
    }
    return this.values(count, values < count ? validity : null, values)
  }

  /** Passes over entries; the parent's nulls are not among them. */
  skip(entries: number): void {
    if (entries === 0) return
    const values = this.#present === null ? entries : this.#present.skip(entries)
    if (values > 0) this.skipValues(values)
  }

  /** Goes to the start of a row group; `positions` gives the index entry of each column. */
  seek(positions: (column: number) => PositionReader): void {
    const own = positions(this.type.id)
    if (this.#present !== null) this.#present.seek(own)
    this.seekValues(own)
    for (const child of this.children) child.seek(positions)
  }

  /** How many of the next `count` rows fit into a batch, at least 1. Never passes over anything. */
  fitting(count: number): number {
    return count
  }

  /** `values` entries are set in `validity` (null: all of `count`). */
  protected abstract values(count: number, validity: Uint8Array | null, values: number): Data
  protected abstract skipValues(values: number): void
  protected abstract seekValues(positions: PositionReader): void

  /** Arrow data of this column with buffers of its type. */
  protected data(count: number, validity: Uint8Array | null, values: number, buffers: object): Data {
    return makeData({
      type: this.arrow,
      length: count,
      nullCount: count - values,
      nullBitmap: validity,
      ...buffers,
    } as Parameters<typeof makeData>[0])
  }
}

/** A stream that must be there. A stripe without a value may leave it out: it is empty then. */
export function requiredStream(type: OrcType, kind: keyof typeof StreamKind, context: StripeContext): InStream {
  return streamOf(type, kind, context.stream(type.id, StreamKind[kind]) ?? new Uint8Array(0), context)
}

function streamOf(type: OrcType, kind: string, bytes: Uint8Array, { compression }: StripeContext): InStream {
  return new InStream(`stream ${kind} of column "${type.path}"`, bytes, compression)
}

export function encodingOf(type: OrcType, context: StripeContext): { readonly kind: number; readonly dictionarySize: number } {
  const encoding = context.encodings[type.id]
  return { kind: encoding?.kind ?? 0, dictionarySize: encoding?.dictionarySize ?? 0 }
}

/** Version of the integer encodings. Throws `UNSUPPORTED` for those of ORC v2. */
export function versionOf(type: OrcType, context: StripeContext): 1 | 2 {
  const { kind } = encodingOf(type, context)
  if (kind === EncodingKind.DIRECT || kind === EncodingKind.DICTIONARY) return 1
  if (kind === EncodingKind.DIRECT_V2 || kind === EncodingKind.DICTIONARY_V2) return 2
  throw new ConnectorError(
    'UNSUPPORTED',
    `ORC column "${type.path}" has encoding ${kind}${kind === EncodingKind.DECIMAL_64 ? ' (decimal64 of ORC v2)' : ''}, which is not read here: ` +
      'write the file as version 0.12',
  )
}

export function integers(
  type: OrcType,
  kind: keyof typeof StreamKind,
  context: StripeContext,
  options: { readonly signed: boolean },
): IntegerDecoder {
  return integerDecoder(requiredStream(type, kind, context), { ...options, version: versionOf(type, context) })
}

/** Zeroed, in whole 64-bit words, as Arrow likes its bitmaps. */
export const bitmap = (bits: number): Uint8Array => new Uint8Array(((bits + 63) >> 6) << 3)

/** Spreads packed bits over the set bits of `mask`. */
export function expandBits(bits: Uint8Array, mask: Uint8Array, count: number): Uint8Array {
  const out = bitmap(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    if (((mask[i >> 3] as number) >> (i & 7)) & 1) {
      out[i >> 3] = (out[i >> 3] as number) | ((((bits[at >> 3] as number) >> (at & 7)) & 1) << (i & 7))
      at++
    }
  }
  return out
}

/** Moves dense elements to the rows that have them, from the back, within one array. `width` elements each. */
export function spread(
  values: { [index: number]: number },
  width: number,
  count: number,
  validity: Uint8Array,
  dense: number,
): void {
  let from = dense
  for (let row = count - 1; row >= 0; row--) {
    if (((validity[row >> 3] as number) >> (row & 7)) & 1) {
      from--
      for (let i = width - 1; i >= 0; i--) values[row * width + i] = values[from * width + i] as number
    } else for (let i = 0; i < width; i++) values[row * width + i] = 0
  }
}

/**
 * Small non-negative integers — lengths, dictionary codes — with a look ahead, so that a batch can end before a column
 * grows too large.
 */
export class SmallIntegers {
  readonly #decoder: IntegerDecoder
  readonly #name: string
  /** Values decoded and not taken yet are [#at, #end). */
  #ahead = new Int32Array(1_024)
  #at = 0
  #end = 0
  #pairs = new Int32Array(1_024)

  constructor(decoder: IntegerDecoder, name: string) {
    this.#decoder = decoder
    this.#name = name
  }

  /** The next `count` values, each below 2^31. Valid until the next call. */
  take(count: number): Int32Array {
    const missing = count - (this.#end - this.#at)
    if (missing > 0) this.#load(missing)
    const values = this.#ahead.subarray(this.#at, this.#at + count)
    this.#at += count
    return values
  }

  /** How many of the next `count` values have a total weight of at most `limit`; at least 1. */
  fitting(count: number, limit: number, weight: (value: number) => number): number {
    let total = 0
    for (let i = 0; i < count; i++) {
      if (this.#at + i >= this.#end && !this.#tryLoad(count - i)) return count
      total += weight(this.#ahead[this.#at + i] as number)
      if (total > limit) return Math.max(1, i)
    }
    return count
  }

  skip(count: number): void {
    const ready = Math.min(count, this.#end - this.#at)
    this.#at += ready
    this.#decoder.skip(count - ready)
  }

  seek(positions: PositionReader): void {
    this.#decoder.seek(positions)
    this.#at = 0
    this.#end = 0
  }

  #load(count: number): void {
    this.#room(count)
    if (this.#pairs.length < 2 * count) this.#pairs = new Int32Array(2 * count)
    const pairs = this.#pairs
    this.#decoder.read(pairs, 0, count)
    const ahead = this.#ahead
    let end = this.#end
    for (let i = 0; i < count; i++) {
      const low = pairs[2 * i] as number
      if (low < 0 || pairs[2 * i + 1] !== 0) throw damaged(this.#name, 'a length or code beyond 2^31')
      ahead[end++] = low
    }
    this.#end = end
  }

  /** Room for `count` more behind those ahead, which move to the front. */
  #room(count: number): void {
    const kept = this.#ahead.subarray(this.#at, this.#end)
    if (this.#end + count <= this.#ahead.length) return
    if (kept.length + count > this.#ahead.length) {
      const grown = new Int32Array(Math.max(kept.length + count, this.#ahead.length * 2))
      grown.set(kept)
      this.#ahead = grown
    } else this.#ahead.copyWithin(0, this.#at, this.#end)
    this.#at = 0
    this.#end = kept.length
  }

  /** False at the end of the stream: nulls need no values, so a look ahead may ask for more than there are. */
  #tryLoad(count: number): boolean {
    const ready = Math.min(count, this.#decoder.ready())
    if (ready > 0) this.#load(ready)
    return ready > 0
  }
}
