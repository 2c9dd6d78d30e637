/** Cells of decoded columns, written as canonical text: from Arrow batches of a source, and from columns of lake files. */
import { type Data, DataType } from 'apache-arrow'
import type { SchemaElement } from 'hyparquet'
import { canonicalText, parseCanonical } from '../../connectors/column-values.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { ParquetChunk } from '../read/parquet-chunk.ts'
import type { StoredColumn } from '../read/stored-groups.ts'
import { isShort, joinedWords, type RowText } from './row-text.ts'

/** Writes the cell of a row, `\N` for NULL. */
export type CellWriter = (row: number, out: RowText) => void

export const NULL_CELLS: CellWriter = (_, out) => out.null()

/** Cells of a source's batch. */
export function arrowCells(type: LogicalType, data: Data): CellWriter {
  if (DataType.isDictionary(data.type)) throw new ConnectorError('INTERNAL', 'Source columns are not dictionaries')
  const write = arrowValues(type, data)
  const { nullBitmap, offset } = data
  if (data.nullCount === 0 || nullBitmap.length === 0) return write
  return (row, out) => {
    const bit = offset + row
    if (((nullBitmap[bit >> 3] as number) >> (bit & 7)) & 1) write(row, out)
    else out.null()
  }
}

function arrowValues(type: LogicalType, data: Data): CellWriter {
  switch (type.kind) {
    case 'bool': {
      const [values, offset] = [data.values as Uint8Array, data.offset]
      return (row, out) => out.bool((((values[(offset + row) >> 3] as number) >> ((offset + row) & 7)) & 1) === 1)
    }
    case 'int16':
    case 'int32': {
      const values = data.values as Int32Array
      return (row, out) => out.integer(values[row] as number)
    }
    case 'int64': {
      const words = wordsOf(data.values as BigInt64Array)
      return (row, out) => out.integer64(words[2 * row + 1] as number, words[2 * row] as number)
    }
    case 'float32':
    case 'float64': {
      const values = data.values as Float64Array
      const width = type.kind === 'float32' ? 4 : 8
      return (row, out) => out.float(values[row] as number, width)
    }
    case 'decimal': {
      const words = data.values as Uint32Array
      return (row, out) => decimalCell(words, row * 4, type.scale, out)
    }
    case 'date': {
      const values = data.values as Int32Array
      return (row, out) => out.date(values[row] as number)
    }
    case 'timestamp': {
      const words = wordsOf(data.values as BigInt64Array)
      return (row, out) => out.timestamp64(words[2 * row + 1] as number, words[2 * row] as number)
    }
    case 'utf8':
    case 'binary': {
      const [values, offsets] = [data.values as Uint8Array, data.valueOffsets as Int32Array]
      return type.kind === 'utf8'
        ? (row, out) => out.text(values, offsets[row] as number, offsets[row + 1] as number)
        : (row, out) => out.hex(values, offsets[row] as number, offsets[row + 1] as number)
    }
    default:
      return type satisfies never
  }
}

const WORD = 0x1_0000_0000

const wordsOf = (values: BigInt64Array): Int32Array => new Int32Array(values.buffer, values.byteOffset, 2 * values.length)

function decimalCell(words: Uint32Array, at: number, scale: number, out: RowText): void {
  const low = words[at] as number
  const next = words[at + 1] as number
  const third = words[at + 2] as number
  const top = words[at + 3] as number
  if (third === 0 && top === 0 && next < 0x20_0000) {
    out.decimal(next * WORD + low, scale)
    return
  }
  const bits = (BigInt(top) << 96n) | (BigInt(third) << 64n) | (BigInt(next) << 32n) | BigInt(low)
  out.bigDecimal(BigInt.asIntN(128, bits), scale)
}

/**
 * Cells of a file's column, widened to the type. Decimals are stored as integers or as two's complement bytes, most significant
 * first. Rows are visited in ascending order. Throws `FORMAT` when the column is stored as something else.
 */
export function storedCells(type: LogicalType, { chunk, element }: StoredColumn): CellWriter {
  const write = storedValues(type, chunk, element)
  return (row, out) => {
    const at = chunk.seek(row)
    if (at < 0) out.null()
    else write(at, out)
  }
}

type ValueWriter = (at: number, out: RowText) => void

function storedValues(type: LogicalType, chunk: ParquetChunk, element: SchemaElement): ValueWriter {
  const stored = element.type
  const narrow: ValueWriter = (at, out) => out.integer(chunk.values.ints[at] as number)
  const unfit = () => new ConnectorError('FORMAT', `Column "${element.name}" is stored as ${stored}, which is no ${type.kind}`)
  switch (type.kind) {
    case 'bool':
      if (stored !== 'BOOLEAN') throw unfit()
      return (at, out) => out.bool((((chunk.values.bools[at >> 3] as number) >> (at & 7)) & 1) === 1)
    case 'int16':
    case 'int32':
    case 'int64':
      if (stored === 'INT32') return narrow
      if (stored !== 'INT64') throw unfit()
      return (at, out) => out.integer64(chunk.values.words[2 * at + 1] as number, chunk.values.words[2 * at] as number)
    case 'float32':
    case 'float64': {
      if (stored !== 'FLOAT' && stored !== 'DOUBLE') throw unfit()
      const width = type.kind === 'float32' ? 4 : 8
      return (at, out) => out.float(chunk.values.floats[at] as number, width)
    }
    case 'decimal':
      return storedDecimal(type.scale, chunk, element)
    case 'date':
      if (stored !== 'INT32') throw unfit()
      return (at, out) => out.date(chunk.values.ints[at] as number)
    case 'timestamp':
      if (stored !== 'INT64') throw unfit()
      return (at, out) => out.timestamp64(chunk.values.words[2 * at + 1] as number, chunk.values.words[2 * at] as number)
    case 'utf8':
    case 'binary': {
      if (stored !== 'BYTE_ARRAY') throw unfit()
      return type.kind === 'utf8'
        ? (at, out) => out.text(chunk.values.bytes, chunk.values.starts[at] as number, chunk.values.ends[at] as number)
        : (at, out) => out.hex(chunk.values.bytes, chunk.values.starts[at] as number, chunk.values.ends[at] as number)
    }
    default:
      return type satisfies never
  }
}

function storedDecimal(scale: number, chunk: ParquetChunk, { type: stored, scale: kept = 0, name }: SchemaElement): ValueWriter {
  if (kept > scale) throw new ConnectorError('FORMAT', `Column "${name}" is stored with scale ${kept}, more than ${scale}`)
  const growth = 10n ** BigInt(scale - kept)
  if (stored === 'INT32') {
    if (growth === 1n) return (at, out) => out.decimal(chunk.values.ints[at] as number, scale)
    return (at, out) => out.bigDecimal(BigInt(chunk.values.ints[at] as number) * growth, scale)
  }
  if (stored === 'INT64') {
    return (at, out) => {
      const high = chunk.values.words[2 * at + 1] as number
      const low = chunk.values.words[2 * at] as number
      if (growth === 1n && isShort(high)) out.decimal(high * WORD + (low >>> 0), scale)
      else out.bigDecimal(joinedWords(high, low) * growth, scale)
    }
  }
  if (stored !== 'BYTE_ARRAY' && stored !== 'FIXED_LEN_BYTE_ARRAY') {
    throw new ConnectorError('FORMAT', `Column "${name}" is stored as ${stored}, which is no decimal`)
  }
  return (at, out) => {
    const [start, end] = [chunk.values.starts[at] as number, chunk.values.ends[at] as number]
    let bits = 0n
    for (let i = start; i < end; i++) bits = (bits << 8n) | BigInt(chunk.values.bytes[i] as number)
    out.bigDecimal(BigInt.asIntN((end - start) * 8, bits) * growth, scale)
  }
}

/** A cell that is the same in every row it is used for: the value with which a column was added, in canonical text. */
export function constantCell(canonical: string, type: LogicalType): CellWriter {
  if (type.kind === 'float32' || type.kind === 'float64') {
    const value = parseCanonical(canonical, type) as number
    return (_, out) => out.float(value, type.kind === 'float32' ? 4 : 8)
  }
  // Written for the scale that the column had then.
  const text = type.kind === 'decimal' ? canonicalText(parseCanonical(canonical, type), type) : canonical
  const bytes = new TextEncoder().encode(text)
  return (_, out) => out.text(bytes, 0, bytes.length)
}
