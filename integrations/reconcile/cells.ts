/** Cells of decoded columns, written as canonical text: from Arrow batches of a source, and from columns of lake files. */
import { type Data, DataType } from 'apache-arrow'
import type { Value } from '../../connectors/column-values.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { RowText } from './row-text.ts'

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
      const values = data.values as BigInt64Array
      return (row, out) => out.bigInteger(values[row] as bigint)
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
      const values = data.values as BigInt64Array
      return (row, out) => out.timestamp(values[row] as bigint)
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

function decimalCell(words: Uint32Array, at: number, scale: number, out: RowText): void {
  const [low, next, third, top] = [words[at] as number, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number]
  if (third === 0 && top === 0 && next < 0x20_0000) {
    out.decimal(next * WORD + low, scale)
    return
  }
  const bits = (BigInt(top) << 96n) | (BigInt(third) << 64n) | (BigInt(next) << 32n) | BigInt(low)
  out.bigDecimal(BigInt.asIntN(128, bits), scale)
}

/** A column of a file as its decoder left it: plain values, absent ones null or undefined, text as UTF-8 bytes. */
export type StoredColumn = ArrayLike<unknown>

/**
 * Cells of a file's column, widened to the type. `scale` is the decimal scale in the file; decimals are stored as integers
 * or as two's complement bytes, most significant first.
 */
export function storedCells(type: LogicalType, values: StoredColumn, scale: number): CellWriter {
  const write = storedValues(type, scale)
  return (row, out) => {
    const value = values[row]
    if (value === null || value === undefined) out.null()
    else write(value, out)
  }
}

function storedValues(type: LogicalType, scale: number): (value: unknown, out: RowText) => void {
  switch (type.kind) {
    case 'bool':
      return (value, out) => out.bool(value === true)
    case 'int16':
    case 'int32':
    case 'int64':
      return (value, out) => (typeof value === 'number' ? out.integer(value) : out.bigInteger(value as bigint))
    case 'float32':
      return (value, out) => out.float(value as number, 4)
    case 'float64':
      return (value, out) => out.float(value as number, 8)
    case 'decimal': {
      const growth = 10n ** BigInt(type.scale - scale)
      if (growth !== 1n) return (value, out) => out.bigDecimal(unscaled(value) * growth, type.scale)
      return (value, out) => {
        if (typeof value === 'number') out.decimal(value, type.scale)
        else out.bigDecimal(unscaled(value), type.scale)
      }
    }
    case 'date':
      return (value, out) => out.date(value as number)
    case 'timestamp':
      return (value, out) => out.timestamp(value as bigint)
    case 'utf8':
      return (value, out) => out.text(value as Uint8Array, 0, (value as Uint8Array).length)
    case 'binary':
      return (value, out) => out.hex(value as Uint8Array, 0, (value as Uint8Array).length)
    default:
      return type satisfies never
  }
}

function unscaled(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint)
  let bits = 0n
  for (const byte of value) bits = (bits << 8n) | BigInt(byte)
  return BigInt.asIntN(value.length * 8, bits)
}

/** A cell that is the same in every row it is used for: the value with which a column was added. */
export function constantCell(value: Exclude<Value, null>, type: LogicalType): CellWriter {
  const bytes = type.kind === 'utf8' ? new TextEncoder().encode(value as string) : null
  const write = storedValues(type, type.kind === 'decimal' ? type.scale : 0)
  return (_, out) => write(bytes ?? value, out)
}
