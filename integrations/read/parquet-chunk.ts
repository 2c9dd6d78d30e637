/**
 * One column chunk of a flat Parquet file, page by page and without an object per value: a cursor that only goes forward. For who
 * reads whole files and looks at every value once. Spec: apache/parquet-format README (data pages V1), Encodings.md.
 */
import { crc32, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js'
import { ConnectorError } from '../../connectors/errors.ts'
import { snappyDecompress } from '../land/orc/snappy-decode.ts'
import { thriftEnd } from '../land/parquet/thrift-scan.ts'
import { decodeHybrid, isOneRunOfOnes } from './parquet-hybrid.ts'

export type ChunkShape = {
  /** File and column, for messages. */
  readonly subject: string
  readonly type: 'BOOLEAN' | 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'BYTE_ARRAY' | 'FIXED_LEN_BYTE_ARRAY'
  readonly width: number
  readonly codec: string
  readonly nullable: boolean
  readonly rows: number
}

/** Values as stored; which of the fields is filled depends on the type. */
export type StoredValues = {
  readonly count: number
  readonly bools: Uint8Array
  readonly ints: Int32Array
  /** 64-bit integers as pairs of words, the lower one first. */
  readonly words: Int32Array
  readonly floats: Float32Array | Float64Array
  readonly bytes: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
}

const EMPTY: StoredValues = {
  count: 0,
  bools: new Uint8Array(),
  ints: new Int32Array(),
  words: new Int32Array(),
  floats: new Float64Array(),
  bytes: new Uint8Array(),
  starts: new Int32Array(),
  ends: new Int32Array(),
}

/**
 * Thrift PageHeader: 1 type, 2 uncompressed size, 3 compressed size, 4 CRC-32 of the page as it is stored, 5 data page (1 values, 2 encoding,
 * 3 encoding of definition levels), 7 dictionary page (1 values).
 */
type ThriftStruct = { readonly [field: `field_${number}`]: unknown }
const PAGE = { data: 0, dictionary: 2 } as const
const ENCODING = { plain: 0, plainDictionary: 2, rle: 3, rleDictionary: 8 } as const

/** Far beyond what writers make, whose pages end at a megabyte: what is larger says so to take memory. */
export const MAX_PAGE_BYTES = 512 * 1024 * 1024
const MAX_PAGE_ROWS = 2 ** 25

export class ParquetChunk {
  /** What the newest `seek` points into. */
  values: StoredValues = EMPTY
  readonly #bytes: Uint8Array
  readonly #shape: ChunkShape
  #at = 0
  #pageStart = 0
  #pageEnd = 0
  #dictionary: StoredValues | null = null
  /** Per row of the page where its value is, −1 for NULL; null = no NULLs. */
  #places: Int32Array | null = null
  #indices: Int32Array | null = null

  /** `bytes`: the whole chunk as it lies in the file, its dictionary page first where it has one. */
  constructor(bytes: Uint8Array, shape: ChunkShape) {
    this.#bytes = bytes
    this.#shape = shape
  }

  /** Where the row's value is in `values`; −1 for NULL. Rows are asked for in ascending order. Throws `FORMAT`. */
  seek(row: number): number {
    while (row >= this.#pageEnd) this.#next()
    const place = this.#places === null ? row - this.#pageStart : (this.#places[row - this.#pageStart] as number)
    return place < 0 || this.#indices === null ? place : (this.#indices[place] as number)
  }

  #next(): void {
    try {
      while (this.#page() === PAGE.dictionary);
    } catch (cause) {
      throw cause instanceof ConnectorError ? cause : this.#damaged('has a page that cannot be read', cause)
    }
  }

  #page(): number {
    const bytes = this.#bytes
    if (this.#at >= bytes.length || this.#pageEnd >= this.#shape.rows) throw this.#damaged(`ends after ${this.#pageEnd} rows`)
    const start = thriftEnd(bytes, this.#at)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const header: ThriftStruct = deserializeTCompactProtocol({ view, offset: this.#at })
    const [type, size, compressed] = [Number(header.field_1), Number(header.field_2), Number(header.field_3)]
    if (!(compressed >= 0 && start + compressed <= bytes.length)) throw this.#damaged('has a page beyond its end')
    if (!(size >= 0 && size <= MAX_PAGE_BYTES)) throw this.#damaged(`has a page of ${size} bytes`)
    this.#at = start + compressed
    const stored = bytes.subarray(start, this.#at)
    if (!hasChecksum(stored, header.field_4)) throw this.#damaged('has a page that differs from its checksum')
    const body = uncompressed(stored, this.#shape.codec, size)
    if (body.length !== size) throw this.#damaged(`has a page of ${body.length} bytes instead of ${size}`)
    if (type === PAGE.dictionary) {
      const count = Number((header.field_7 as ThriftStruct | undefined)?.field_1)
      this.#dictionary = plainValues(this.#shape, body, 0, count)
    } else if (type === PAGE.data) this.#data((header.field_5 ?? {}) as ThriftStruct, body)
    else throw this.#damaged(`has a page of type ${type}, which is not understood`)
    return type
  }

  #data(header: ThriftStruct, body: Uint8Array): void {
    const [rows, encoding] = [Number(header.field_1), Number(header.field_2)]
    if (!(rows > 0 && this.#pageEnd + rows <= this.#shape.rows)) throw this.#damaged('has a page of too many rows')
    if (rows > MAX_PAGE_ROWS) throw this.#damaged(`has a page of ${rows} rows, at most ${MAX_PAGE_ROWS} are read at once`)
    const levels = Number(header.field_3 ?? ENCODING.rle)
    if (this.#shape.nullable && levels !== ENCODING.rle)
      throw this.#damaged(`has levels of encoding ${levels}, which is not understood`)
    let at = 0
    let present = rows
    this.#places = null
    if (this.#shape.nullable) {
      const length = new DataView(body.buffer, body.byteOffset).getUint32(0, true)
      at = 4 + length
      if (at > body.length) throw this.#damaged('has definition levels beyond its page')
      if (!isOneRunOfOnes(body, 4, at, rows)) {
        const places = decodeHybrid(body, 4, at, 1, rows)
        present = 0
        for (let row = 0; row < rows; row++) places[row] = places[row] === 1 ? present++ : -1
        if (present < rows) this.#places = places
      }
    }
    this.#indices = null
    if (encoding === ENCODING.plain) this.values = plainValues(this.#shape, body, at, present)
    else if ((encoding === ENCODING.rleDictionary || encoding === ENCODING.plainDictionary) && this.#dictionary !== null) {
      const indices = present === 0 ? new Int32Array() : decodeHybrid(body, at + 1, body.length, body[at] ?? 0, present)
      const { count } = this.#dictionary
      for (const index of indices) if (!(index >= 0 && index < count)) throw this.#damaged('has an index beyond its dictionary')
      this.#indices = indices
      this.values = this.#dictionary
    } else throw this.#damaged(`has a page of encoding ${encoding}, which is not understood`)
    this.#pageStart = this.#pageEnd
    this.#pageEnd += rows
  }

  #damaged(problem: string, cause?: unknown): ConnectorError {
    return new ConnectorError('FORMAT', `${this.#shape.subject} ${problem}: the file is damaged or of another format`, { cause })
  }
}

/** True of pages without one, too. `crc`: PageHeader 4, a signed word. */
export const hasChecksum = (page: Uint8Array, crc: unknown): boolean => typeof crc !== 'number' || crc32(page) === crc >>> 0

function uncompressed(bytes: Uint8Array, codec: string, size: number): Uint8Array {
  switch (codec) {
    case 'ZSTD':
      return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, size) })
    case 'GZIP':
      return gunzipSync(bytes, { maxOutputLength: Math.max(1, size) })
    case 'SNAPPY':
      return snappyDecompress(bytes, size)
    case 'UNCOMPRESSED':
      return bytes
    default:
      throw new RangeError(`codec ${codec}`)
  }
}

function plainValues({ type, width }: ChunkShape, body: Uint8Array, at: number, count: number): StoredValues {
  if (!(count >= 0)) throw new RangeError('no number of values')
  // A copy starts where every typed array may.
  const copied = (bytesEach: number) => {
    if (at + count * bytesEach > body.length) throw new RangeError('values are cut off')
    return new Uint8Array(body.subarray(at, at + count * bytesEach)).buffer
  }
  switch (type) {
    case 'BOOLEAN':
      if (at + ((count + 7) >> 3) > body.length) throw new RangeError('values are cut off')
      return { ...EMPTY, count, bools: body.subarray(at) }
    case 'INT32':
      return { ...EMPTY, count, ints: new Int32Array(copied(4), 0, count) }
    case 'INT64':
      return { ...EMPTY, count, words: new Int32Array(copied(8), 0, 2 * count) }
    case 'FLOAT':
      return { ...EMPTY, count, floats: new Float32Array(copied(4), 0, count) }
    case 'DOUBLE':
      return { ...EMPTY, count, floats: new Float64Array(copied(8), 0, count) }
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY': {
      const least = type === 'BYTE_ARRAY' ? 4 : width
      if (!(least > 0 && at + count * least <= body.length)) throw new RangeError('values are cut off')
      const [starts, ends] = [new Int32Array(count), new Int32Array(count)]
      const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
      let next = at
      for (let i = 0; i < count; i++) {
        const length = type === 'BYTE_ARRAY' ? view.getUint32(next, true) : width
        if (type === 'BYTE_ARRAY') next += 4
        starts[i] = next
        next += length
        ends[i] = next
      }
      if (next > body.length) throw new RangeError('values are cut off')
      return { ...EMPTY, count, bytes: body, starts, ends }
    }
    default:
      return type satisfies never
  }
}
