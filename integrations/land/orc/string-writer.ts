/**
 * Strings and binary while a stripe is written. A string column begins each stripe with a dictionary; after the first row
 * group, and after each further one, it stays only if it takes fewer bytes than the strings themselves. Otherwise what
 * was collected is written out directly, and the column's later stripes do not try again.
 */
import { type Data, DataType, type FixedSizeBinary } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import { badValue, broken, ColumnWriter, DIRECT_V2, type WriterContext } from './column-writer.ts'
import { bitsOf } from './integer-widths.ts'
import { EncodingKind, StreamKind, TypeKind } from './messages.ts'
import { OutStream } from './out-stream.ts'
import { IntegerEncoder } from './rle-v2-encoder.ts'
import type { OrcType } from './schema.ts'
import type { Statistics } from './statistics.ts'
import { StringDictionary } from './string-dictionary.ts'

/** A dictionary larger than this is read as a whole for a single row: no. */
const MAX_ENTRIES = 65_536
const MAX_DICTIONARY_BYTES = 4 * 1024 * 1024

/** Byte strings end to end: string `i` is bytes [offsets[i], offsets[i + 1]). */
type Strings = { readonly bytes: Uint8Array; readonly offsets: Int32Array }

export class StringWriter extends ColumnWriter {
  readonly #dataOut: OutStream
  readonly #lengthOut: OutStream
  readonly #dictionaryOut: OutStream
  readonly #data: IntegerEncoder
  readonly #lengths: IntegerEncoder
  readonly #dictionary = new StringDictionary()
  #mode: 'dictionary' | 'direct'
  /** Codes of the open stripe, and where its row groups end in them. */
  #codes = new Int32Array(1_024)
  #count = 0
  #groupEnds: number[] = []
  /** Bytes of all values of the open stripe. */
  #total = 0

  constructor(type: OrcType, context: WriterContext) {
    super(type, context)
    this.#dataOut = new OutStream(context.compress)
    this.#lengthOut = new OutStream(context.compress)
    this.#dictionaryOut = new OutStream(context.compress)
    this.#data = new IntegerEncoder(this.#dataOut, { signed: false })
    this.#lengths = new IntegerEncoder(this.#lengthOut, { signed: false })
    this.#mode = type.kind === TypeKind.BINARY ? 'direct' : 'dictionary'
    this.begin()
  }

  protected write(data: Data, rows: Int32Array, count: number): void {
    if (DataType.isDictionary(data.type)) {
      const [entries] = data.dictionary?.data ?? []
      if (data.dictionary?.data.length !== 1 || entries === undefined || entries.nullCount > 0) {
        throw new ConnectorError('UNSUPPORTED', `Dictionary of column "${this.type.path}": expected one chunk without nulls`)
      }
      this.#indexed(stringsOf(entries, this.type), entries.length, data.values as Int32Array, rows, count)
      return
    }
    this.#values(stringsOf(data, this.type), rows, count)
  }

  /** Values by an Arrow dictionary: each entry is looked up once per slice. */
  #indexed(strings: Strings, size: number, indices: ArrayLike<number>, rows: Int32Array, count: number): void {
    const picked = new Int32Array(count)
    for (let i = 0; i < count; i++) {
      const index = Number(indices[rows[i] as number])
      if (!(index >= 0 && index < size)) throw broken(this.type, 'an index lies outside of its dictionary')
      picked[i] = index
    }
    if (this.#mode === 'direct') {
      this.#values(strings, picked, count)
      return
    }
    const known = new Int32Array(size).fill(-1)
    this.#reserve(count)
    for (let i = 0; i < count; i++) {
      const index = picked[i] as number
      const from = strings.offsets[index] as number
      const to = strings.offsets[index + 1] as number
      let code = known[index] as number
      if (code < 0) {
        this.#check(strings, index)
        code = this.#dictionary.code(strings.bytes, from, to)
        known[index] = code
      }
      this.#codes[this.#count++] = code
      this.#total += to - from
    }
  }

  #values(strings: Strings, rows: Int32Array, count: number): void {
    if (this.type.maximumLength > 0) for (let i = 0; i < count; i++) this.#check(strings, rows[i] as number)
    if (this.#mode === 'direct') {
      this.#direct(strings, rows, count)
      return
    }
    this.#reserve(count)
    const { bytes, offsets } = strings
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number
      const from = offsets[row] as number
      const to = offsets[row + 1] as number
      this.#codes[this.#count++] = this.#dictionary.code(bytes, from, to)
      this.#total += to - from
    }
    if (this.#dictionary.count > MAX_ENTRIES || this.#dictionary.length > MAX_DICTIONARY_BYTES) this.#giveUp()
  }

  /** Writes bytes and lengths; spans that stand together are copied together. */
  #direct({ bytes, offsets }: Strings, rows: Int32Array, count: number): void {
    let spanStart = 0
    let spanEnd = 0
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number
      const from = offsets[row] as number
      const to = offsets[row + 1] as number
      this.#lengths.push(to - from)
      this.#total += to - from
      if (from !== spanEnd) {
        this.#dataOut.write(bytes, spanStart, spanEnd)
        spanStart = from
      }
      spanEnd = to
    }
    this.#dataOut.write(bytes, spanStart, spanEnd)
    if (!this.stated) return
    const { statistics } = this
    let sum = 0
    let min = rows[0] as number
    let max = min
    const ordered = this.type.kind !== TypeKind.BINARY
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number
      sum += (offsets[row + 1] as number) - (offsets[row] as number)
      if (!ordered) continue
      // The maximum first: values that arrive in order then cost one comparison.
      if (compare(bytes, offsets, row, max) > 0) max = row
      else if (compare(bytes, offsets, row, min) < 0) min = row
    }
    statistics.sum += BigInt(sum)
    if (!ordered) return
    // Copies: the batch's buffers belong to its sender.
    statistics.bound(bytes.slice(offsets[min], offsets[min + 1]), bytes.slice(offsets[max], offsets[max + 1]))
  }

  #check({ bytes, offsets }: Strings, row: number): void {
    const limit = this.type.maximumLength
    if (limit === 0) return
    let characters = 0
    for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++) {
      if (((bytes[i] as number) & 0xc0) !== 0x80) characters++
    }
    if (characters > limit)
      throw badValue(this.type, `a value is longer than ${limit} characters`, 'give the column a larger length')
  }

  #reserve(count: number): void {
    if (this.#count + count <= this.#codes.length) return
    const grown = new Int32Array(Math.max(this.#count + count, this.#codes.length * 2))
    grown.set(this.#codes.subarray(0, this.#count))
    this.#codes = grown
  }

  override endGroup(): void {
    if (this.#mode === 'dictionary' && !this.#pays()) this.#giveUp()
    super.endGroup()
    this.#groupEnds.push(this.#count)
  }

  /** Whether dictionary and codes take clearly fewer bytes than the strings and their lengths. */
  #pays(): boolean {
    const entries = this.#dictionary.count
    const coded = this.#dictionary.length + entries + (this.#count * bitsOf(entries)) / 8
    return coded < 0.8 * (this.#total + this.#count)
  }

  /** Writes out directly what was collected, group by group, so that their index entries and statistics are those of direct groups. */
  #giveUp(): void {
    const { bytes, offsets } = this.#dictionary
    const open = this.statistics
    let start = 0
    this.#total = 0
    this.#mode = 'direct'
    for (const [i, group] of this.groups.entries()) {
      const data: number[] = []
      this.dataPosition(data)
      group.data = data
      this.statistics = group.statistics
      const end = this.#groupEnds[i] as number
      if (end > start) this.#direct({ bytes, offsets }, this.#codes.subarray(start, end), end - start)
      this.flushData()
      start = end
    }
    this.statistics = open
    this.startData()
    if (this.#count > start) this.#direct({ bytes, offsets }, this.#codes.subarray(start, this.#count), this.#count - start)
    this.#count = 0
    this.#dictionary.clear()
  }

  protected flushData(): void {
    if (this.#mode === 'dictionary') return
    this.#lengths.flush()
  }

  protected dataPosition(into: number[]): void {
    // Codes are encoded when the stripe ends; their positions are known then.
    if (this.#mode === 'dictionary') return
    this.#dataOut.position(into)
    this.#lengths.position(into)
  }

  protected dataSize(): number {
    const coded = this.#mode === 'dictionary' ? this.#dictionary.length + (this.#count * bitsOf(this.#dictionary.count)) / 8 : 0
    return this.#dataOut.size + this.#lengthOut.size + coded
  }

  protected finishData() {
    const { count } = this.#dictionary
    const dictionary = this.#mode === 'dictionary'
    if (dictionary) this.#encodeDictionary()
    this.#count = 0
    this.#groupEnds = []
    this.#total = 0
    this.#dictionary.clear()
    if (!dictionary) {
      return {
        streams: [
          [StreamKind.DATA, this.#dataOut],
          [StreamKind.LENGTH, this.#lengthOut],
        ] as const,
        encoding: DIRECT_V2,
      }
    }
    return {
      streams: [
        [StreamKind.DATA, this.#dataOut],
        [StreamKind.LENGTH, this.#lengthOut],
        [StreamKind.DICTIONARY_DATA, this.#dictionaryOut],
      ] as const,
      encoding: { kind: EncodingKind.DICTIONARY_V2, dictionarySize: count },
    }
  }

  /** Entries in byte order, as the specification says; codes become places in that order. */
  #encodeDictionary(): void {
    const dictionary = this.#dictionary
    const order = Int32Array.from({ length: dictionary.count }, (_, code) => code)
    order.sort((a, b) => Buffer.compare(dictionary.entry(a), dictionary.entry(b)))
    const rank = new Int32Array(dictionary.count)
    for (const [place, code] of order.entries()) {
      rank[code] = place
      const entry = dictionary.entry(code)
      this.#lengths.push(entry.length)
      this.#dictionaryOut.write(entry, 0, entry.length)
    }
    this.#lengths.flush()
    let start = 0
    for (const [i, group] of this.groups.entries()) {
      const data: number[] = []
      this.#data.position(data)
      group.data = data
      const end = this.#groupEnds[i] as number
      const seen = new Int32Array(dictionary.count)
      const codes = this.#codes
      for (let at = start; at < end; at++) {
        const code = codes[at] as number
        seen[code] = (seen[code] as number) + 1
        codes[at] = rank[code] as number
      }
      this.#data.pushNumbers(codes, start, end)
      this.#data.flush()
      start = end
      if (this.stated) this.#stateGroup(group.statistics, seen, order)
    }
  }

  /** Statistics of a row group from how often it has each entry; `order` are the entries in byte order. */
  #stateGroup(statistics: Statistics, seen: Int32Array, order: Int32Array): void {
    const dictionary = this.#dictionary
    let sum = 0
    let min = -1
    let max = -1
    for (const code of order) {
      const times = seen[code] as number
      if (times === 0) continue
      if (min < 0) min = code
      max = code
      sum += times * ((dictionary.offsets[code + 1] as number) - (dictionary.offsets[code] as number))
    }
    if (min < 0) return
    statistics.sum += BigInt(sum)
    statistics.bound(dictionary.entry(min).slice(), dictionary.entry(max).slice())
  }
}

function stringsOf(data: Data, type: OrcType): Strings {
  const bytes = data.values as Uint8Array
  if (DataType.isFixedSizeBinary(data.type)) {
    const width = (data.type as FixedSizeBinary).byteWidth
    if (bytes.length < width * data.length) throw broken(type, 'its values are too few')
    return { bytes, offsets: Int32Array.from({ length: data.length + 1 }, (_, i) => i * width) }
  }
  const offsets = data.valueOffsets as Int32Array
  if (offsets.length < data.length + 1) throw broken(type, 'its offsets are too few')
  if ((offsets[data.length] as number) > bytes.length) throw broken(type, 'its offsets point beyond its values')
  return { bytes, offsets }
}

function compare(bytes: Uint8Array, offsets: Int32Array, a: number, b: number): number {
  if (a === b) return 0
  let i = offsets[a] as number
  let j = offsets[b] as number
  const endA = offsets[a + 1] as number
  const endB = offsets[b + 1] as number
  for (; i < endA && j < endB; i++, j++) {
    const difference = (bytes[i] as number) - (bytes[j] as number)
    if (difference !== 0) return difference
  }
  return endA - i - (endB - j)
}
