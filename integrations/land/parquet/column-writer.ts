/**
 * Writes one column's chunks: cuts rows into data pages, chooses dictionary or PLAIN page by page, compresses each page as
 * soon as it is full, and keeps what statistics and page index need. A chunk leaves memory at the end of its row group.
 */
import { ConnectorError } from '../../../connectors/errors.ts'
import { type Bounds, compareBounds, mergeBounds } from './bounds.ts'
import type { ByteStrings, ColumnView } from './column-view.ts'
import type { Compressor } from './compression.ts'
import { ChunkDictionary } from './dictionary.ts'
import { indexBitWidth, writeIndices } from './dictionary-indices.ts'
import { Encoding } from './format.ts'
import type { GrowingBytes } from './growing-bytes.ts'
import { writeDefinitionLevels } from './levels.ts'
import { OpenPage } from './open-page.ts'
import { dataPageHeader, dictionaryPageHeader } from './page-header.ts'
import type { IndexedPage } from './page-index.ts'
import type { PageLimits, PageScratch } from './page-scratch.ts'
import { decimalOverflow, earlyInt96, type PhysicalCodec } from './physical-codec.ts'
import type { ColumnSchema } from './schema-element.ts'
import { truncateBounds } from './truncate.ts'

export type FinishedPage = IndexedPage & { readonly encoding: Encoding }

/** A page that is being compressed, perhaps. */
type ClosedPage = Omit<FinishedPage, 'size'> & { readonly uncompressed: number; readonly body: Body }

/** `bytes` are there once it is settled. */
type Body = { readonly settled: Promise<void> | null; bytes: Uint8Array }

const NO_BYTES = new Uint8Array()

/** One column of a finished row group. `parts` are its bytes in file order: dictionary page first, if any. */
export type FinishedChunk = {
  readonly parts: readonly Uint8Array[]
  readonly pages: readonly FinishedPage[]
  /** Bytes of the dictionary page with its header; 0 = none. */
  readonly dictionarySize: number
  readonly compressedSize: number
  readonly uncompressedSize: number
  readonly rows: number
  readonly nulls: number
  readonly bounds: Bounds
}

const NO_BOUNDS: Bounds = { range: null, nans: 0 }

export class ColumnWriter {
  readonly schema: ColumnSchema
  readonly codec: PhysicalCodec
  readonly #compressor: Compressor
  readonly #limits: PageLimits
  readonly #scratch: PageScratch
  #page: OpenPage
  #dictionaryIfAny: ChunkDictionary | null = null
  /** `open`: new values may still get a number in this chunk. `never`: this column once had too many values. */
  #dictionaryState: 'open' | 'closed' | 'never'
  /** Arrow dictionary that `#numbers` translates: its entry → our number, -1 = not yet. */
  #translated: ByteStrings | null = null
  #numbers = new Int32Array(0)
  #pages: ClosedPage[] = []
  #dictionaryBody: Body | null = null
  /** Bodies that may still be on their way, and what they take until then. */
  #pending: Body[] = []
  #pendingBytes = 0
  #compressed = 0
  #uncompressed = 0

  constructor(schema: ColumnSchema, codec: PhysicalCodec, compressor: Compressor, limits: PageLimits, scratch: PageScratch) {
    this.schema = schema
    this.codec = codec
    this.#compressor = compressor
    this.#limits = limits
    this.#scratch = scratch
    this.#page = new OpenPage()
    this.#dictionaryState = codec.index === null ? 'never' : 'open'
  }

  /** Made when first needed. */
  get #dictionary(): ChunkDictionary {
    this.#dictionaryIfAny ??= new ChunkDictionary()
    return this.#dictionaryIfAny
  }

  /** Bytes of the chunk so far, before compression. */
  get uncompressed(): number {
    return this.#uncompressed + this.#page.plain.length + (this.#page.mode === 'indices' ? this.#page.values * 2 : 0)
  }

  /** Bytes held for the chunk: settled pages compressed, the others as they are. */
  get held(): number {
    return this.#compressed + this.#pendingBytes + this.#page.plain.length
  }

  /** Memory taken for the chunk, used or not. */
  get allocated(): number {
    return this.#compressed + this.#pendingBytes + this.#page.allocated + (this.#dictionaryIfAny?.allocated ?? 0)
  }

  /** Lets go of buffers that have grown; after `finish`. */
  shrink(): void {
    this.#page = new OpenPage()
    this.#dictionaryIfAny = null
  }

  /** Takes rows [from, to) over; nothing of `column` is referred to afterwards but its dictionary, by identity. */
  append(column: ColumnView, from: number, to: number): void {
    let row = from
    while (row < to) {
      const end = row + this.#fit(column, row, to)
      if (end === row) this.#closePage()
      else if (column.values.form === 'dictionary' && this.#dictionaryState === 'open')
        row = this.#appendNumbers(column, row, end)
      else {
        if (this.#page.mode === 'indices' && column.values.form !== 'null') this.#closePage()
        this.#appendPlain(column, row, end)
        row = end
      }
      if (this.#page.rows === this.#limits.rows || this.#page.plain.length >= this.#limits.bytes) this.#closePage()
    }
  }

  /** Settles when every page that was closed before is compressed. What is held is counted anew then, and only then. */
  async settle(): Promise<void> {
    const pending = this.#pending
    this.#pending = []
    for (const body of pending) {
      await body.settled
      this.#compressed += body.bytes.length
    }
    this.#pendingBytes = 0
  }

  /** Ends the chunk: no row is added until `finish`. */
  close(): void {
    this.#closePage()
    if (!this.#pages.some((page) => page.encoding === Encoding.PLAIN_DICTIONARY)) return
    const { entries } = this.#dictionary
    this.#dictionaryBody = this.#compress(entries.bytes.subarray(0, entries.length))
  }

  /** The closed chunk; it is forgotten. */
  async finish(): Promise<FinishedChunk> {
    await this.settle()
    const parts: Uint8Array[] = []
    let dictionarySize = 0
    let uncompressedSize = 0
    if (this.#dictionaryBody !== null) {
      const { entries, size } = this.#dictionary
      const { bytes } = this.#dictionaryBody
      const header = dictionaryPageHeader({ uncompressed: entries.length, compressed: bytes.length }, size)
      parts.push(header, bytes)
      dictionarySize = header.length + bytes.length
      uncompressedSize += header.length + entries.length
    }
    let compressedSize = dictionarySize
    const pages = this.#pages.map(({ body: { bytes }, uncompressed, ...page }): FinishedPage => {
      const header = dataPageHeader({ uncompressed, compressed: bytes.length }, page.rows, page.encoding)
      const size = header.length + bytes.length
      parts.push(header, bytes)
      compressedSize += size
      uncompressedSize += header.length + uncompressed
      return { ...page, size }
    })
    const finished: FinishedChunk = {
      parts,
      pages,
      dictionarySize,
      compressedSize,
      uncompressedSize,
      rows: pages.reduce((rows, page) => rows + page.rows, 0),
      nulls: pages.reduce((nulls, page) => nulls + page.nulls, 0),
      bounds: pages.map((page) => page.bounds).reduce(mergeBounds, NO_BOUNDS),
    }
    this.#pages = []
    this.#dictionaryBody = null
    this.#compressed = 0
    this.#uncompressed = 0
    this.#dictionaryIfAny?.clear()
    this.#translated = null
    if (this.#dictionaryState === 'closed') this.#dictionaryState = 'open'
    return finished
  }

  /** How many rows from `row` the open page takes. A page ends at a multiple of 8 rows unless its values are too large. */
  #fit(column: ColumnView, row: number, to: number): number {
    const { rows, plain } = this.#page
    const most = Math.min(to - row, this.#limits.rows - rows)
    const room = this.#limits.bytes - plain.length
    let fits = most
    const { values } = column
    if (this.codec.width > 1) fits = Math.min(most, Math.floor(room / this.codec.width))
    else if (values.form === 'bytes') {
      const { offsets } = values.strings
      const start = offsets[row] as number
      if ((offsets[row + most] as number) - start + most * 4 > room) {
        let low = 0
        for (let high = most; low < high; ) {
          const middle = (low + high + 1) >> 1
          if ((offsets[row + middle] as number) - start + middle * 4 <= room) low = middle
          else high = middle - 1
        }
        fits = low
      }
    } else if (values.form === 'dictionary' && this.#dictionaryState !== 'open') {
      let bytes = 0
      for (fits = 0; fits < most && bytes <= room; fits++) {
        const index = values.indices[row + fits] as number
        bytes += 4 + ((values.strings.offsets[index + 1] as number) - (values.strings.offsets[index] as number) || 0)
      }
      if (bytes > room) fits--
    }
    if (fits === most) return most
    const even = fits - ((rows + fits) & 7)
    if (even > 0) return even
    // A value larger than a page has a page of its own.
    return fits > 0 ? fits : rows === 0 ? 1 : 0
  }

  #appendPlain(column: ColumnView, from: number, to: number): void {
    const { logical, name, nullable } = this.schema
    const fits = column.values.form === 'null' || this.codec.append(this.#page.plain, column, from, to, this.#page.values)
    if (!fits && logical.kind === 'decimal') throw decimalOverflow(name, logical.precision, logical.scale)
    if (!fits) throw earlyInt96(name)
    if (this.#page.addLevels(column, from, to) !== to - from && !nullable) throw this.#unexpectedNull()
  }

  /**
   * Translates Arrow dictionary numbers into the chunk's; returns the row it got to. When the dictionary is full the page is
   * closed and later rows are written PLAIN.
   */
  #appendNumbers(column: ColumnView, from: number, to: number): number {
    const { values, validity, validityOffset } = column
    if (values.form !== 'dictionary') return from
    if (this.#page.mode === 'plain' && this.#page.values > 0) this.#closePage()
    this.#page.mode = 'indices'
    if (this.#translated !== values.strings) {
      this.#translated = values.strings
      this.#numbers = new Int32Array(values.size).fill(-1)
    }
    const numbers = this.#numbers
    const target = this.#page.reserveIndices(to - from)
    let at = this.#page.values
    let row = from
    for (; row < to; row++) {
      const bit = validityOffset + row
      if (validity !== null && (((validity[bit >> 3] as number) >> (bit & 7)) & 1) === 0) continue
      const index = values.indices[row] as number
      let number = numbers[index] as number
      if (!(number >= 0)) {
        if (index < 0 || index >= values.size) throw this.#badIndex(values.size)
        number = this.#dictionary.indexString(values.strings, index, this.#scratch.gathered)
        if (number < 0) break
        numbers[index] = number
      }
      target[at++] = number
    }
    if (row > from && this.#page.addLevels(column, from, row) !== row - from && !this.schema.nullable)
      throw this.#unexpectedNull()
    if (row < to) {
      this.#closePage()
      this.#dictionaryState = 'never'
    }
    return row
  }

  #closePage(): void {
    const page = this.#page
    if (page.rows === 0) {
      page.clear()
      return
    }
    const numbered = page.mode === 'indices' ? page.indices : this.#numberValues()
    const { values, rows, nulls } = page
    let bounds: Bounds
    let data: GrowingBytes
    if (numbered === null) {
      data = page.plain
      bounds = this.codec.bounds(page.plain, values)
    } else {
      data = this.#scratch.packed
      const end = writeIndices(data.bytes, data.base, numbered, values, indexBitWidth(this.#dictionary.size))
      data.length = end - data.base
      bounds = this.#boundsOfUsed(numbered, values)
    }
    this.#checkDecimal(bounds)
    let start = data.base
    if (this.schema.nullable) {
      const levels = writeDefinitionLevels(this.#scratch.levels, page.levels, rows, nulls)
      if (levels > start) {
        const { joined } = this.#scratch
        joined.length = 0
        joined.reserve(data.length)
        joined.bytes.set(data.bytes.subarray(data.base, data.end), joined.base)
        joined.length = data.length
        data = joined
        start = joined.base
      }
      start -= levels
      data.bytes.set(this.#scratch.levels.subarray(0, levels), start)
    }
    const encoding = numbered === null ? Encoding.PLAIN : Encoding.PLAIN_DICTIONARY
    const body = this.#compress(data.bytes.subarray(start, data.end))
    const uncompressed = data.end - start
    const shown = truncateBounds(bounds, this.schema.logical.kind === 'utf8')
    this.#pages.push({ rows, nulls, bounds: shown, encoding, uncompressed, body })
    this.#uncompressed += uncompressed
    page.clear()
  }

  #compress(bytes: Uint8Array): Body {
    const compressed = this.#compressor.compress(bytes)
    if (compressed instanceof Uint8Array) {
      this.#compressed += compressed.length
      return { settled: null, bytes: compressed }
    }
    const settled = compressed.then((result) => {
      body.bytes = result
    })
    // Whoever settles it sees the error; nobody does when the file is given up.
    settled.catch(() => undefined)
    const body: Body = { settled, bytes: NO_BYTES }
    this.#pending.push(body)
    this.#pendingBytes += bytes.length
    return body
  }

  /** Dictionary numbers of a PLAIN page's values; null when it stays PLAIN. */
  #numberValues(): Uint16Array | null {
    const { index } = this.codec
    const { plain, values } = this.#page
    if (index === null || values === 0 || this.#dictionaryState !== 'open') return null
    const dictionary = this.#dictionary
    const { indices } = this.#scratch
    const mark = dictionary.mark()
    const fits = index(dictionary, plain, values, indices)
    const packed = (values * indexBitWidth(dictionary.size)) >> 3
    if (fits && packed + dictionary.entries.length - mark.length < plain.length) return indices
    dictionary.rewind(mark)
    // Too many values: remembered for the whole file. Too few repetitions: another row group may have more.
    this.#dictionaryState = fits ? 'closed' : 'never'
    return null
  }

  /** Bounds of the dictionary entries that a page refers to. */
  #boundsOfUsed(numbers: Uint16Array, count: number): Bounds {
    const { used, gathered } = this.#scratch
    const { entries, size } = this.#dictionary
    used.fill(0, 0, size)
    for (let i = 0; i < count; i++) used[numbers[i] as number] = 1
    gathered.length = 0
    gathered.reserve(entries.length)
    let distinct = 0
    for (let entry = 0; entry < size; entry++) {
      if (used[entry] === 0) continue
      const start = this.#dictionary.start(entry)
      const end = entry + 1 === size ? entries.length : this.#dictionary.start(entry + 1)
      gathered.bytes.set(entries.bytes.subarray(start, end), gathered.length)
      gathered.length += end - start
      distinct++
    }
    return this.codec.bounds(gathered, distinct)
  }

  /** A decimal's physical type holds more digits than its precision: such a value would read differently elsewhere. */
  #checkDecimal(bounds: Bounds): void {
    const { logical, name } = this.schema
    if (logical.kind !== 'decimal' || bounds.range === null) return
    const limit = 10n ** BigInt(logical.precision)
    if (
      compareBounds(BigInt(bounds.range.max as bigint), limit) >= 0 ||
      compareBounds(BigInt(bounds.range.min as bigint), -limit) <= 0
    ) {
      throw decimalOverflow(name, logical.precision, logical.scale)
    }
  }

  #unexpectedNull(): ConnectorError {
    return new ConnectorError(
      'INTERNAL',
      `Column "${this.schema.name}" is declared not null, and a record batch has a null in it`,
    )
  }

  #badIndex(size: number): ConnectorError {
    return new ConnectorError('INTERNAL', `Column "${this.schema.name}" has a dictionary index outside its ${size} entries`)
  }
}
