/** Rows of record batches as lines of text in bytes, for COPY and CSV alike: exact, and without a string per text value. Pure. */
import { type Data, DataType, type RecordBatch } from 'apache-arrow'
import { canonicalText, type Value, valueReader } from './column-values.ts'
import type { LogicalType } from './logical-type.ts'

/** How one kind of text file writes its fields. */
export type TextForm = {
  /** One byte between fields, one behind each row. */
  readonly delimiter: number
  readonly end: number
  readonly null: string
  /** Values that are not text, in ASCII; they hold neither delimiter nor quotes. */
  readonly plain: (value: Exclude<Value, null>, type: LogicalType) => string
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
  // The longest other than bytes is a decimal of 38 digits.
  const longest = type.kind === 'binary' ? null : PLAIN_BYTES
  let text = ''
  let textRow = -1
  const render = (row: number): string => {
    if (row === textRow) return text
    const value = read(row)
    text = value === null ? form.null : form.plain(value, type)
    textRow = row
    return text
  }
  return {
    size: (row) => longest ?? render(row).length,
    put: (row, target, at) => at + target.write(render(row), at, 'latin1'),
  }
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
  plain: (value, type) => {
    if (type.kind === 'bool') return value === true ? 'true' : 'false'
    if (type.kind === 'timestamp') return canonicalText(value, type).replace(' ', 'T') + (type.utc ? 'Z' : '')
    return canonicalText(value, type)
  },
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
