/** One column chunk of a Parquet file of the lake, page by page, into a column vector. Pure but for its memory. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { snappyUncompress } from 'hyparquet/src/snappy.js'
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { copyBits, countBits, fillBits, setBit } from '../../land/parquet/bits.ts'
import { Encoding, PageType } from '../../land/parquet/format.ts'
import type { ColumnVector } from './column-vector.ts'
import { type DecodePlain, type DenseValues, plainDecoder } from './dense-values.ts'
import { readIndices, readLevels } from './hybrid.ts'

export type ChunkSource = {
  /** The whole chunk, dictionary page first. */
  readonly bytes: Uint8Array
  readonly codec: string
  readonly rows: number
  readonly from: LogicalType
  readonly to: LogicalType
  readonly optional: boolean
  /** Names column and file in errors. */
  readonly subject: string
}

/** RLE_DICTIONARY of parquet.thrift: the same bytes as PLAIN_DICTIONARY. */
const RLE_DICTIONARY = 8

type Page = {
  readonly rows: number
  readonly nulls: number
  readonly validity: Uint8Array
  readonly values: DenseValues
  /** Null: the values stand in row order. */
  readonly indices: Int32Array | null
  /** Rows and values already handed out. */
  row: number
  value: number
}

/** Yields the chunk's rows in order, as many as asked for at a time. Throws `RangeError` and `FORMAT` for damaged pages. */
export class ColumnChunkReader {
  readonly #source: ChunkSource
  readonly #decode: DecodePlain
  #at = 0
  #dictionary: DenseValues | null = null
  #page: Page | null = null
  /** Used from page to page. */
  #validity = new Uint8Array(0)
  #indices = new Int32Array(0)

  constructor(source: ChunkSource) {
    this.#source = source
    this.#decode = plainDecoder(source.from, source.to, source.subject)
  }

  /** Appends the next `count` rows. */
  read(to: ColumnVector, count: number): void {
    for (let left = count; left > 0; ) {
      if (this.#page === null || this.#page.row === this.#page.rows) this.#page = this.#nextPage()
      const taken = Math.min(left, this.#page.rows - this.#page.row)
      appendRows(to, this.#page, taken)
      left -= taken
    }
  }

  #nextPage(): Page {
    for (;;) {
      const { bytes, subject } = this.#source
      if (this.#at >= bytes.length) throw new RangeError(`${subject} ends before its last row`)
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: this.#at }
      const header = deserializeTCompactProtocol(reader) as PageHeader
      const end = reader.offset + header.field_3
      if (end > bytes.length) throw new RangeError(`${subject} ends in a page`)
      const page = decompress(bytes.subarray(reader.offset, end), header.field_2, this.#source.codec)
      this.#at = end
      if (header.field_1 === PageType.DATA_PAGE && header.field_5 !== undefined) {
        return this.#dataPage(page, header.field_5.field_1, header.field_5.field_2)
      }
      if (header.field_1 !== PageType.DICTIONARY_PAGE || header.field_7 === undefined) {
        throw new RangeError(`${subject} has a page of type ${header.field_1}`)
      }
      const { from, to } = this.#source
      this.#dictionary = plainDecoder(from, to, subject)(page, 0, header.field_7.field_1)
    }
  }

  #dataPage(page: Uint8Array, rows: number, encoding: number): Page {
    if (this.#validity.length < (rows >> 3) + 9) this.#validity = new Uint8Array((rows >> 3) + 9)
    const validity = this.#validity
    let start = 0
    if (this.#source.optional) {
      const length = new DataView(page.buffer, page.byteOffset).getUint32(0, true)
      start = 4 + length
      readLevels(page, 4, rows, validity)
    } else fillBits(validity, 0, rows, 1)
    const nulls = rows - countBits(validity, 0, rows)
    const present = rows - nulls
    if (encoding === Encoding.PLAIN) {
      return { rows, nulls, validity, values: this.#decode(page, start, present), indices: null, row: 0, value: 0 }
    }
    if ((encoding !== Encoding.PLAIN_DICTIONARY && encoding !== RLE_DICTIONARY) || this.#dictionary === null) {
      throw new RangeError(`${this.#source.subject} has a page of encoding ${encoding}`)
    }
    if (this.#indices.length < present) this.#indices = new Int32Array(present)
    const indices = this.#indices
    if (present > 0) readIndices(page, start, present, indices)
    return { rows, nulls, validity, values: this.#dictionary, indices, row: 0, value: 0 }
  }
}

/** The fields of PageHeader that are looked at: 1 type, 2 and 3 sizes, 5 DataPageHeader, 7 DictionaryPageHeader. */
type PageHeader = {
  readonly field_1: number
  readonly field_2: number
  readonly field_3: number
  readonly field_5?: { readonly field_1: number; readonly field_2: number }
  readonly field_7?: { readonly field_1: number }
}

function decompress(page: Uint8Array, size: number, codec: string): Uint8Array {
  const whole = decompressed(page, size, codec)
  if (whole.length !== size) throw new RangeError(`page of ${whole.length} bytes, expected ${size}`)
  return whole
}

function decompressed(page: Uint8Array, size: number, codec: string): Uint8Array {
  // Chunks larger than the result: zlib hands out one buffer and copies nothing together.
  const options = { chunkSize: Math.max(64, size + 64) }
  switch (codec) {
    case 'UNCOMPRESSED':
      return page
    case 'ZSTD':
      return zstdDecompressSync(page, options)
    case 'GZIP':
      return gunzipSync(page, options)
    case 'SNAPPY': {
      const output = new Uint8Array(size)
      snappyUncompress(page, output)
      return output
    }
    default:
      throw new RangeError(`pages are compressed with ${codec}`)
  }
}

function appendRows(to: ColumnVector, page: Page, count: number): void {
  const { row, nulls, validity } = page
  const at = to.rows
  const missing = nulls === 0 ? 0 : count - countBits(validity, row, count)
  if (nulls === 0) fillBits(to.validity, at, count, 1)
  else copyBits(to.validity, at, validity, row, count)
  const { width } = to
  if (width === 0) appendStrings(to, page, count)
  else if (width === 1) appendBits(to, page, count, missing)
  else if (page.indices === null && missing === 0) appendDense(to, page, count)
  else if (width === 2) appendShorts(to, page, count)
  else appendWords(to, page, count, width >> 2)
  to.rows += count
  to.nulls += missing
  page.row += count
  page.value += count - missing
}

const present = (validity: Uint8Array, row: number): number => ((validity[row >> 3] as number) >> (row & 7)) & 1

/** Values stand in row order, without gaps. INT_16 is kept in 32 bits in files. */
function appendDense(to: ColumnVector, { values, value }: Page, count: number): void {
  const { width } = to
  if (width === 2) {
    const shorts = new Int16Array(to.bytes.buffer)
    for (let i = 0; i < count; i++) shorts[to.rows + i] = values.int32[value + i] as number
  } else {
    to.bytes.set(values.bytes.subarray(value * width, (value + count) * width), to.rows * width)
  }
}

function appendShorts(to: ColumnVector, { values, value, indices, validity, row }: Page, count: number): void {
  const shorts = new Int16Array(to.bytes.buffer)
  let next = value
  for (let i = 0; i < count; i++) {
    if (present(validity, row + i) === 0) continue
    const from = indices === null ? next : (indices[next] as number)
    next++
    shorts[to.rows + i] = values.int32[from] as number
  }
}

function appendWords(to: ColumnVector, { values, value, indices, validity, row }: Page, count: number, words: number): void {
  const source = values.int32
  const target = to.int32
  let next = value
  let at = to.rows * words
  for (let i = 0; i < count; i++, at += words) {
    if (present(validity, row + i) === 0) continue
    const from = (indices === null ? next : (indices[next] as number)) * words
    next++
    target[at] = source[from] as number
    if (words === 1) continue
    target[at + 1] = source[from + 1] as number
    if (words === 2) continue
    target[at + 2] = source[from + 2] as number
    target[at + 3] = source[from + 3] as number
  }
}

function appendBits(to: ColumnVector, { values, value, indices, validity, row }: Page, count: number, missing: number): void {
  if (indices === null && missing === 0) {
    copyBits(to.bytes, to.rows, values.bytes, value, count)
    return
  }
  let next = value
  for (let i = 0; i < count; i++) {
    const there = present(validity, row + i)
    const from = indices === null ? next : (indices[next] as number)
    setBit(to.bytes, to.rows + i, there === 0 ? 0 : present(values.bytes, from))
    next += there
  }
}

/** From this length on a native copy is cheaper than a loop of words. */
const NATIVE_COPY = 96

function appendStrings(to: ColumnVector, page: Page, count: number): void {
  const { values, value, indices, validity, row } = page
  const { starts, ends, bytes } = values
  const gaps = page.nulls > 0
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lastWord = bytes.length - 8
  let target = to.view
  let next = value
  let end = to.offsets[to.rows] as number
  for (let i = 0; i < count; i++) {
    if (!gaps || present(validity, row + i) === 1) {
      const from = indices === null ? next : (indices[next] as number)
      next++
      const start = starts[from] as number
      const length = (ends[from] as number) - start
      if (to.grow(end, length)) target = to.view
      if (length > NATIVE_COPY || start + length > lastWord) to.bytes.set(bytes.subarray(start, start + length), end)
      else {
        // Whole words, up to seven bytes past the end: both buffers have room there.
        for (let done = 0; done < length; done += 8) {
          target.setBigInt64(end + done, source.getBigInt64(start + done, true), true)
        }
      }
      end += length
    }
    to.offsets[to.rows + i + 1] = end
  }
}
