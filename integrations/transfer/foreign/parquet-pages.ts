/**
 * The pages of a column chunk that `hyparquet` is about to read, held against what they say: it believes counts and runs, takes an index
 * beyond the dictionary for NULL, and goes on in other memory where a value is cut off. Pure. Spec: apache/parquet-format README, Encodings.md.
 */
import type { ColumnMetaData, Compressors } from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js'
import { thriftEnd } from '../../land/parquet/thrift-scan.ts'
import { hasChecksum, MAX_PAGE_BYTES } from '../../read/parquet-chunk.ts'
import { decodeHybrid, requireExactRuns } from '../../read/parquet-hybrid.ts'

/** Values of one page that are turned into objects at once. */
const MAX_PAGE_VALUES = 2 ** 23

export type PagedColumn = {
  readonly meta: Pick<ColumnMetaData, 'type' | 'codec' | 'num_values'>
  /** Of FIXED_LEN_BYTE_ARRAY. */
  readonly width: number
  /** Levels of the leaf: how many of its ancestors and itself are not required, and how many are repeated. */
  readonly maxDefinition: number
  readonly maxRepetition: number
  readonly compressors: Compressors
}

/** `at`: its place in the chunk. */
export type DataPage = { readonly at: number; readonly rows: number }

type Header = ReturnType<typeof parquetHeader>

/** The data pages in their order. Throws `RangeError` for what is not as the format has it. */
export function soundPages(chunk: Uint8Array, column: PagedColumn): readonly DataPage[] {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  const pages: DataPage[] = []
  let entries: number | null = null
  let total = 0
  for (let at = 0; at < chunk.length; ) {
    const start = thriftEnd(chunk, at)
    const header = parquetHeader({ view, offset: at })
    const stored = storedPage(chunk, start, header)
    if (header.type === 'DICTIONARY_PAGE') {
      entries = header.dictionary_page_header?.num_values ?? -1
      requirePlain(unpacked(stored, header.uncompressed_page_size, column), entries, column)
    } else {
      const count = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? -1
      if (!(count >= 0 && count <= MAX_PAGE_VALUES)) throw new RangeError(`a page of ${count} values`)
      pages.push({ at, rows: dataPageRows(stored, header, { ...column, count, entries }) })
      total += count
    }
    at = start + stored.length
  }
  if (total !== Number(column.meta.num_values)) throw new RangeError(`${total} values instead of ${column.meta.num_values}`)
  return pages
}

function storedPage(chunk: Uint8Array, start: number, header: Header): Uint8Array {
  const { compressed_page_size: size, uncompressed_page_size: whole, crc } = header
  if (!(size >= 0 && start + size <= chunk.length)) throw new RangeError('a page goes beyond its column')
  if (!(whole >= 0 && whole <= MAX_PAGE_BYTES)) throw new RangeError(`a page of ${whole} bytes`)
  const stored = chunk.subarray(start, start + size)
  if (!hasChecksum(stored, crc)) throw new RangeError('a page differs from its checksum')
  return stored
}

function unpacked(bytes: Uint8Array, size: number, { meta, compressors }: PagedColumn): Uint8Array {
  if (!(size >= 0)) throw new RangeError(`${size} bytes of values`)
  const page = meta.codec === 'UNCOMPRESSED' ? bytes : compressors[meta.codec]?.(bytes, size)
  if (page === undefined) throw new RangeError(`codec ${meta.codec}`)
  if (page.length !== size) throw new RangeError(`a page of ${page.length} bytes instead of ${size}`)
  return page
}

/** A page of `count` values, NULLs included; `entries` of its dictionary. */
type PageColumn = PagedColumn & { readonly count: number; readonly entries: number | null }

function dataPageRows(stored: Uint8Array, header: Header, column: PageColumn): number {
  const { repetition, definition, values } = partsOf(stored, header, column)
  const { count, maxDefinition, maxRepetition } = column
  let rows = count
  if (repetition !== null) for (const level of levels(repetition, maxRepetition, count)) if (level > 0) rows--
  let present = count
  if (definition !== null) {
    for (const level of levels(definition, maxDefinition, count)) if (level < maxDefinition) present--
  }
  const v2 = header.data_page_header_v2
  if (v2 !== undefined && (v2.num_rows !== rows || (definition !== null && v2.num_nulls !== count - present))) {
    throw new RangeError('a page has other numbers of rows and NULLs than it says')
  }
  const encoding = header.data_page_header?.encoding ?? v2?.encoding
  requireValues(values, String(encoding), { ...column, present })
  return rows
}

/** Null: the column has no levels of the kind. */
type Parts = { readonly repetition: Uint8Array | null; readonly definition: Uint8Array | null; readonly values: Uint8Array }

function partsOf(stored: Uint8Array, header: Header, column: PageColumn): Parts {
  const { maxDefinition, maxRepetition } = column
  const v2 = header.data_page_header_v2
  if (header.type === 'DATA_PAGE_V2' && v2 !== undefined) {
    const [first, second] = [v2.repetition_levels_byte_length, v2.definition_levels_byte_length]
    if (!(first >= 0 && second >= 0 && first + second <= stored.length)) throw new RangeError('levels go beyond their page')
    const rest = stored.subarray(first + second)
    return {
      repetition: maxRepetition > 0 ? stored.subarray(0, first) : null,
      definition: maxDefinition > 0 ? stored.subarray(first, first + second) : null,
      values: v2.is_compressed === false ? rest : unpacked(rest, header.uncompressed_page_size - first - second, column),
    }
  }
  const v1 = header.data_page_header
  if (header.type !== 'DATA_PAGE' || v1 === undefined) throw new RangeError(`a page of type ${header.type}`)
  const body = unpacked(stored, header.uncompressed_page_size, column)
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  let at = 0
  const prefixed = (encoding: string | undefined): Uint8Array => {
    if (encoding !== 'RLE') throw new RangeError(`levels of encoding ${encoding}`)
    const start = at + 4
    at = start + view.getUint32(at, true)
    if (at > body.length) throw new RangeError('levels go beyond their page')
    return body.subarray(start, at)
  }
  const repetition = maxRepetition > 0 ? prefixed(v1.repetition_level_encoding) : null
  const definition = maxDefinition > 0 ? prefixed(v1.definition_level_encoding) : null
  return { repetition, definition, values: body.subarray(at) }
}

function levels(bytes: Uint8Array, most: number, count: number): Int32Array {
  const found = hybrid(bytes, 0, { width: 32 - Math.clz32(most), count })
  for (const level of found) if (level > most) throw new RangeError('a level beyond those of the column')
  return found
}

function hybrid(bytes: Uint8Array, start: number, { width, count }: { readonly width: number; readonly count: number }) {
  if (width > 32) throw new RangeError(`values of ${width} bits`)
  requireExactRuns(bytes, start, width, count)
  return decodeHybrid(bytes, start, bytes.length, width, count)
}

/** `present`: values that are not NULL. */
type ValuesColumn = PageColumn & { readonly present: number }

function requireValues(values: Uint8Array, encoding: string, column: ValuesColumn): void {
  const { present, entries, meta } = column
  switch (encoding) {
    case 'PLAIN':
      requirePlain(values, present, column)
      return
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY': {
      if (entries === null) throw new RangeError('a page whose dictionary is missing')
      if (present === 0) return
      const width = values[0] ?? 33
      // No bits: each is the first entry, and nothing has to follow.
      const indices = width === 0 ? [0] : hybrid(values, 1, { width, count: present })
      for (const index of indices) if (!(index >= 0 && index < entries)) throw new RangeError('an index beyond the dictionary')
      return
    }
    case 'RLE':
      if (meta.type !== 'BOOLEAN') throw new RangeError(`encoding RLE of ${meta.type}`)
      if (present > 0) hybrid(values, 4, { width: 1, count: present })
      return
    case 'BYTE_STREAM_SPLIT':
      if (present * (WIDTHS[meta.type] ?? column.width) > values.length) throw new RangeError('values are cut off')
      return
    case 'DELTA_BINARY_PACKED':
      if (meta.type !== 'INT32' && meta.type !== 'INT64') throw new RangeError(`encoding ${encoding} of ${meta.type}`)
      requireDelta(values, 0, present)
      return
    case 'DELTA_LENGTH_BYTE_ARRAY':
    case 'DELTA_BYTE_ARRAY':
      requireTexts(values, encoding, present)
      return
    default:
      throw new RangeError(`encoding ${encoding}`)
  }
}

const WIDTHS: Readonly<Record<string, number>> = { INT32: 4, INT64: 8, INT96: 12, FLOAT: 4, DOUBLE: 8 }

function requirePlain(values: Uint8Array, count: number, { meta, width }: PagedColumn): void {
  const each = meta.type === 'BOOLEAN' ? 1 / 8 : meta.type === 'BYTE_ARRAY' ? 4 : (WIDTHS[meta.type] ?? width)
  if (!(count >= 0 && each > 0 && count * each <= values.length)) throw new RangeError('values are cut off')
  if (meta.type !== 'BYTE_ARRAY') return
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
  let at = 0
  for (let index = 0; index < count; index++) at += 4 + view.getUint32(at, true)
  if (at > values.length) throw new RangeError('a text is cut off')
}

/** The head of a delta-encoded block: a block has miniblocks, those hold whole bytes, and all have so many values as the page. */
function requireDelta(values: Uint8Array, start: number, count: number): void {
  if (count === 0) return
  let at = start
  const number = (): number => {
    let found = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = values[at++]
      if (byte === undefined) break
      found += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return found
    }
    throw new RangeError('a number of a delta-encoded page is cut off')
  }
  const [block, miniblocks, total] = [number(), number(), number()]
  const each = block / miniblocks
  if (!(miniblocks > 0 && each >= 8 && each % 8 === 0 && block <= 2 ** 20 && total === count)) {
    throw new RangeError('a delta-encoded page has an unsound head')
  }
}

/** Lengths are deltas; of `DELTA_BYTE_ARRAY` those of the part that repeats the text before stand first. */
function requireTexts(values: Uint8Array, encoding: string, count: number): void {
  if (count === 0) return
  const reader = { view: new DataView(values.buffer, values.byteOffset, values.byteLength), offset: 0 }
  const lengths = (): Int32Array => {
    requireDelta(values, reader.offset, count)
    const found = new Int32Array(count)
    deltaBinaryUnpack(reader, count, found)
    return found
  }
  const prefixes = encoding === 'DELTA_BYTE_ARRAY' ? lengths() : new Int32Array(count)
  const suffixes = lengths()
  let at = reader.offset
  let before = 0
  let whole = 0
  for (let index = 0; index < count; index++) {
    const [prefix, suffix] = [prefixes[index] ?? 0, suffixes[index] ?? 0]
    if (prefix < 0 || suffix < 0 || prefix > before) throw new RangeError('a text has a length that cannot be')
    at += suffix
    before = prefix + suffix
    whole += before
  }
  if (at > values.length || whole > MAX_PAGE_BYTES) throw new RangeError('texts are cut off, or too long')
}
