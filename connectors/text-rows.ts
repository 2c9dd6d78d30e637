/** Rows of record batches as lines of text in bytes, for COPY and CSV alike: exact, and without a string per text value. Pure. */
import { type Data, DataType, type RecordBatch } from 'apache-arrow'
import { canonicalText, dateText, type Value, valueReader } from './column-values.ts'
import type { LogicalType } from './logical-type.ts'

/** How one kind of text file writes its fields. */
export type TextForm = {
  /** One byte between fields, one behind each row. */
  readonly delimiter: number
  readonly end: number
  readonly null: string
  readonly true: string
  readonly false: string
  /** Between date and time, and behind an instant. */
  readonly separator: ' ' | 'T'
  readonly utc: string
  /** In front of hexadecimal bytes. */
  readonly hex: string
  /** Bytes of `source[start, end)` escaped into `target` at `at`, which has room for `room(length)` bytes; where they end. */
  readonly text: (source: Uint8Array, start: number, end: number, target: Uint8Array, at: number) => number
  readonly room: (length: number) => number
}

/** Writes the cell of a row at `at` of the buffer; where it ends. The buffer has been asked for enough room. */
type Cell = { readonly size: (row: number) => number; readonly put: (row: number, target: Buffer, at: number) => number }

const PLAIN_BYTES = 64

/** One chunk of bytes with every row of the batch. `types` are the logical types of its columns. */
export function encodeRows(batch: RecordBatch, types: readonly LogicalType[], form: TextForm): Buffer {
  const cells = types.map((type, index) => cellOf(batch, index, type, form))
  let target = Buffer.allocUnsafe(Math.max(1024, batch.numRows * cells.length * 12))
  let at = 0
  for (let row = 0; row < batch.numRows; row++) {
    for (let index = 0; index < cells.length; index++) {
      const cell = cells[index] as Cell
      const needed = at + cell.size(row) + 2
      if (needed > target.length) {
        const grown = Buffer.allocUnsafe(Math.max(needed, target.length * 2))
        target.copy(grown, 0, 0, at)
        target = grown
      }
      if (index > 0) target[at++] = form.delimiter
      at = cell.put(row, target, at)
    }
    target[at++] = form.end
  }
  return target.subarray(0, at)
}

function cellOf(batch: RecordBatch, index: number, type: LogicalType, form: TextForm): Cell {
  const data = batch.data.children[index]
  if (data !== undefined && DataType.isUtf8(data.type)) return textCell(data, form)
  const vector = batch.getChildAt(index)
  const read = vector === null ? () => null : valueReader(vector)
  if (type.kind === 'utf8') return dictionaryCell(read, form)
  const quick = data === undefined ? null : quickText(data, type, form)
  // The longest other than bytes is a decimal of 38 digits.
  const longest = type.kind === 'binary' ? null : PLAIN_BYTES
  let text = ''
  let textRow = -1
  const render = (row: number): string => {
    if (row === textRow) return text
    textRow = row
    const value = quick === null || !data?.getValid(row) ? read(row) : quick(row)
    text = value === null ? form.null : typeof value === 'string' ? value : plainText(value, type, form)
    return text
  }
  return {
    size: (row) => longest ?? render(row).length,
    put: (row, target, at) => at + target.write(render(row), at, 'latin1'),
  }
}

function plainText(value: Exclude<Value, null>, type: LogicalType, form: TextForm): string {
  if (type.kind === 'bool') return value === true ? form.true : form.false
  if (type.kind === 'binary') return form.hex + canonicalText(value, type)
  if (type.kind !== 'timestamp') return canonicalText(value, type)
  return canonicalText(value, type).replace(' ', form.separator) + (type.utc ? form.utc : '')
}

/** Texts of values that fit a JavaScript number exactly, which most do: without a bigint or Date for each. Null: none of this kind. */
function quickText(data: Data, type: LogicalType, form: TextForm): ((row: number) => string | bigint) | null {
  const { values } = data
  switch (type.kind) {
    case 'int64': {
      const safe = safeNumbers(values as BigInt64Array, 2)
      return (row) => {
        const value = safe(row)
        return value === null ? ((values as BigInt64Array)[row] as bigint) : String(value)
      }
    }
    case 'timestamp': {
      const safe = safeNumbers(values as BigInt64Array, 2)
      const day = recentDays()
      const end = type.utc ? form.utc : ''
      return (row) => {
        const value = safe(row)
        if (value === null) return (values as BigInt64Array)[row] as bigint
        const days = Math.floor(value / MICROS_PER_DAY)
        return `${day(days)}${form.separator}${clockText(value - days * MICROS_PER_DAY)}${end}`
      }
    }
    case 'decimal': {
      const words = values as Uint32Array
      const safe = safeNumbers(words, 4)
      const { scale } = type
      return (row) => {
        const value = safe(row)
        if (value === null || (words[row * 4 + 2] as number) !== (words[row * 4 + 3] as number)) return wideDecimal(words, row)
        const digits = String(Math.abs(value)).padStart(scale + 1, '0')
        const sign = value < 0 ? '-' : ''
        return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
      }
    }
    default:
      return null
  }
}

const MICROS_PER_DAY = 86_400_000_000
const TWO32 = 2 ** 32
const SAFE_HIGH = 2 ** 20

/** The low 64 bits of each value as a number, when they stand for it exactly; null when they do not. */
function safeNumbers(values: ArrayBufferView, wordsPerValue: 2 | 4): (row: number) => number | null {
  const words = new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2)
  return (row) => {
    const at = row * wordsPerValue
    const high = words[at + 1] as number
    if (high >= SAFE_HIGH || high < -SAFE_HIGH) return null
    if (wordsPerValue === 4 && words[at + 2] !== (high < 0 ? -1 : 0)) return null
    return high * TWO32 + ((words[at] as number) >>> 0)
  }
}

function wideDecimal(words: Uint32Array, row: number): bigint {
  let bits = 0n
  for (let word = 3; word >= 0; word--) bits = (bits << 32n) | BigInt(words[row * 4 + word] as number)
  return BigInt.asIntN(128, bits)
}

const RECENT_DAYS = 4096

/** Days repeat. */
function recentDays(): (days: number) => string {
  const known = new Map<number, string>()
  return (days) => {
    const found = known.get(days)
    if (found !== undefined) return found
    const text = dateText(days)
    if (known.size < RECENT_DAYS) known.set(days, text)
    return text
  }
}

/** `HH:MM:SS.ffffff` of microseconds since midnight. */
function clockText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const two = (value: number): string => (value < 10 ? `0${value}` : String(value))
  const fraction = String(micros - seconds * 1_000_000).padStart(6, '0')
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${fraction}`
}

function textCell(data: Data, form: TextForm): Cell {
  const offsets = data.valueOffsets as Int32Array
  const bytes = data.values as Uint8Array
  const nullText = form.null
  const allValid = data.nullCount === 0
  return {
    size: (row) => form.room((offsets[row + 1] as number) - (offsets[row] as number)) + nullText.length,
    put: (row, target, at) =>
      allValid || data.getValid(row)
        ? form.text(bytes, offsets[row] as number, offsets[row + 1] as number, target, at)
        : at + target.write(nullText, at, 'latin1'),
  }
}

function dictionaryCell(read: (row: number) => Value, form: TextForm): Cell {
  const encoded = new Map<string, Buffer>()
  const bytesOf = (text: string): Buffer => {
    const known = encoded.get(text)
    if (known !== undefined) return known
    const bytes = Buffer.from(text, 'utf8')
    encoded.set(text, bytes)
    return bytes
  }
  return {
    size: (row) => form.room(bytesOf(String(read(row) ?? '')).length) + form.null.length,
    put: (row, target, at) => {
      const value = read(row)
      if (value === null) return at + target.write(form.null, at, 'latin1')
      const bytes = bytesOf(String(value))
      return form.text(bytes, 0, bytes.length, target, at)
    },
  }
}

const QUOTE = 0x22

/** RFC 4180 with `\n`: a null is an empty field, an empty text is `""`. Instants are ISO-8601 with `Z`, bytes hexadecimal. */
export const CSV_FORM: TextForm = {
  delimiter: 0x2c,
  end: 0x0a,
  null: '',
  true: 'true',
  false: 'false',
  separator: 'T',
  utc: 'Z',
  hex: '',
  room: (length) => length * 2 + 2,
  text: (source, start, end, target, at) => {
    let quoted = start === end
    for (let i = start; i < end && !quoted; i++) {
      const byte = source[i]
      quoted = byte === QUOTE || byte === 0x2c || byte === 0x0a || byte === 0x0d
    }
    let to = at
    if (quoted) target[to++] = QUOTE
    for (let i = start; i < end; i++) {
      const byte = source[i] as number
      if (byte === QUOTE) target[to++] = QUOTE
      target[to++] = byte
    }
    if (quoted) target[to++] = QUOTE
    return to
  },
}
