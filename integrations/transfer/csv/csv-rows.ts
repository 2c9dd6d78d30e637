/**
 * CSV text → record batches. Bytes are scanned once and written straight into column buffers. Memory: one batch, a few chunks,
 * and the longest record. Every value fits its type exactly, or the row is refused with its line and column.
 */
import { isUtf8 } from 'node:buffer'
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { type BufferPool, createBufferPool } from '../../../connectors/buffer-pool.ts'
import { MAX_BATCH_ROWS } from '../../../connectors/change.ts'
import { ColumnBuffer } from '../../../connectors/column-buffer.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import { arrowType, typeName } from '../../../connectors/logical-type.ts'
import type { BadValues, TableBatch } from '../../../connectors/tables.ts'
import { type Bytes, type CellParser, cellParser } from './cell-parsers.ts'
import { dialectText } from './dialect.ts'
import type { CsvColumn, CsvLayout } from './layout.ts'
import { FIELD, INCOMPLETE, RecordProblem, RecordScanner, unescapeField } from './record-scanner.ts'
import { fieldBytes, wholeCharacters } from './sniff.ts'

const MAX_BATCH_BYTES = 16 * 1024 * 1024
/** A record this long is a quote that was never closed. */
export const MAX_RECORD_BYTES = 64 * 1024 * 1024
const WINDOW_BYTES = 4 * 1024 * 1024
/** Behind the text, for reads of whole words. */
const SPARE_BYTES = 16
const MAX_NULL_WORD = 64

export type CsvRowsOptions = {
  readonly layout: CsvLayout
  /** Places in `layout.columns` that are wanted, in the order of the batches. */
  readonly wanted: readonly number[]
  /** `File "members.csv"`. */
  readonly subject: string
  readonly badValues: BadValues
  readonly signal: AbortSignal
}

export function batchSchema(columns: readonly Pick<CsvColumn, 'name' | 'type'>[]): Schema {
  return new Schema(
    columns.map(({ name, type }) => new Field(name, arrowType(type), true, new Map([['portage.type', typeName(type)]]))),
  )
}

/** Rows in the order of the file. Throws `BAD_VALUE` and `FORMAT` with line and column, never with the value. */
export async function* csvRows(chunks: AsyncIterable<Buffer>, options: CsvRowsOptions): AsyncGenerator<TableBatch> {
  const rows = new CsvRows(options)
  try {
    for await (const chunk of chunks) {
      options.signal.throwIfAborted()
      rows.add(chunk)
      for (let batch = rows.next(false); batch !== null; batch = rows.next(false)) yield batch
    }
    for (let batch = rows.next(true); batch !== null; batch = rows.next(true)) yield batch
  } finally {
    rows.abandon()
  }
}

class CsvRows {
  readonly #options: CsvRowsOptions
  readonly #columns: readonly CsvColumn[]
  readonly #scanner: RecordScanner
  readonly #schema: Schema
  readonly #pool: BufferPool = createBufferPool({ maxIdleBytes: 48 * 1024 * 1024 })
  readonly #buffers: readonly ColumnBuffer[]
  readonly #parsers: readonly CellParser[]
  /** Fields of the file by place: which column of the batch, -1 = left out. */
  readonly #wanted: readonly number[]
  readonly #isText: readonly boolean[]
  readonly #nulls: readonly Buffer[]
  #bytes = Buffer.alloc(WINDOW_BYTES + SPARE_BYTES)
  #window = viewed(this.#bytes)
  #at = 0
  #end = 0
  /** End of what was checked to be UTF-8 without NUL; beyond the first doubt each record is looked at. */
  #checked = 0
  #doubtful = false
  #scratch = viewed(Buffer.alloc(1024 + SPARE_BYTES))
  #line = 1
  #headerSeen: boolean
  #rows = 0
  #rowBytes = 0
  /** Rows that fit into every column. */
  #capacity = 0

  constructor(options: CsvRowsOptions) {
    const { layout, wanted } = options
    this.#options = options
    this.#columns = layout.columns
    this.#scanner = new RecordScanner(layout.dialect)
    this.#headerSeen = !layout.dialect.header
    this.#schema = batchSchema(wanted.map((place) => layout.columns[place] as CsvColumn))
    this.#buffers = wanted.map(
      (place, i) => new ColumnBuffer(column(layout, place).type.kind, this.#schema.fields[i]?.type as never, this.#pool),
    )
    this.#parsers = wanted.map((place) => parserOf(column(layout, place), layout))
    this.#wanted = layout.columns.map((_, place) => wanted.indexOf(place))
    this.#isText = wanted.map((place) => column(layout, place).type.kind === 'utf8')
    this.#nulls = layout.dialect.nullValues.filter((word) => word !== '').map((word) => Buffer.from(word, 'utf8'))
  }

  add(chunk: Buffer): void {
    const rest = this.#end - this.#at
    if (rest + chunk.length + SPARE_BYTES > this.#bytes.length) {
      if (rest > MAX_RECORD_BYTES) {
        throw this.#problem(
          'FORMAT',
          0,
          null,
          `begins a record of more than ${MAX_RECORD_BYTES / 1024 ** 2} MiB. Is a closing quote missing? Give --quote none when quotes are plain text`,
        )
      }
      const grown = Buffer.alloc(Math.max(this.#bytes.length, (rest + chunk.length) * 2 + SPARE_BYTES))
      this.#bytes.copy(grown, 0, this.#at, this.#end)
      this.#bytes = grown
      this.#window = viewed(grown)
    } else if (this.#at > 0) this.#bytes.copyWithin(0, this.#at, this.#end)
    this.#checked = Math.max(0, this.#checked - this.#at)
    this.#at = 0
    this.#end = rest
    chunk.copy(this.#bytes, this.#end)
    this.#end += chunk.length
    this.#check()
  }

  /** The next full batch of what was added; with `final` also the last, short one; null when there is none. */
  next(final: boolean): TableBatch | null {
    const { signal } = this.#options
    if (final) this.#checkEnd()
    while (this.#at < this.#end) {
      const next = this.#scan(final)
      if (next === INCOMPLETE) return null
      this.#record(this.#at, next)
      this.#rowBytes += next - this.#at
      this.#at = next
      this.#line += this.#scanner.lines
      if (this.#rows >= MAX_BATCH_ROWS || this.#rowBytes >= MAX_BATCH_BYTES) {
        signal.throwIfAborted()
        return this.#close()
      }
    }
    return final && this.#rows > 0 ? this.#close() : null
  }

  abandon(): void {
    for (const buffer of this.#buffers) buffer.release()
    this.#rows = 0
  }

  #scan(final: boolean): number {
    try {
      return this.#scanner.next(this.#bytes, this.#at, this.#end, final)
    } catch (error) {
      if (!(error instanceof RecordProblem)) throw error
      const { dialect } = this.#options.layout
      throw this.#problem('FORMAT', error.line, error.field, `${error.message}. The file is read with ${dialectText(dialect)}`)
    }
  }

  /** Text that is surely UTF-8 without NUL needs no second look. */
  #check(): void {
    if (this.#doubtful) return
    const fresh = wholeCharacters(this.#bytes.subarray(this.#checked, this.#end))
    if (isUtf8(fresh) && !fresh.includes(0)) this.#checked += fresh.length
    else this.#doubtful = true
  }

  #checkEnd(): void {
    if (this.#checked < this.#end) this.#doubtful = true
  }

  #record(start: number, end: number): void {
    const scanner = this.#scanner
    if (this.#doubtful) this.#examine(start, end)
    const blank = scanner.count === 1 && scanner.forms[0] === FIELD.bare && scanner.starts[0] === scanner.ends[0]
    if (blank && (this.#columns.length > 1 || !this.#headerSeen)) return
    if (!this.#headerSeen) {
      this.#headerSeen = true
      return
    }
    const missing = this.#columns.length - scanner.count
    if (missing !== 0 && !(missing > 0 && this.#options.layout.dialect.padRows)) {
      const reason = `has ${scanner.count} fields, expected ${this.#columns.length}`
      this.#refuse(null, reason)
      return
    }
    const row = this.#rows
    if (row >= this.#capacity) this.#reserve(row + 1)
    for (let place = 0; place < scanner.count; place++) {
      const target = this.#wanted[place] as number
      if (target < 0) continue
      const reason = this.#cell(place, target, row)
      if (reason === null) continue
      for (let other = 0; other < place; other++) {
        const written = this.#wanted[other] as number
        if (written >= 0) this.#buffers[written]?.undo(row)
      }
      this.#refuse(place, reason)
      return
    }
    for (let place = scanner.count; missing > 0 && place < this.#columns.length; place++) {
      const target = this.#wanted[place] as number
      if (target >= 0) this.#buffers[target]?.setNull(row)
    }
    this.#rows = row + 1
  }

  #reserve(rows: number): void {
    for (const buffer of this.#buffers) buffer.reserve(rows)
    this.#capacity = Math.min(MAX_BATCH_ROWS, ...this.#buffers.map((buffer) => buffer.capacity))
  }

  #cell(place: number, target: number, row: number): string | null {
    const scanner = this.#scanner
    const column = this.#buffers[target] as ColumnBuffer
    const start = scanner.starts[place] as number
    const end = scanner.ends[place] as number
    const form = scanner.forms[place] as number
    // Nothing between quotes is an empty text, and no number at all.
    if (start === end && (form === FIELD.bare || this.#isText[target] === false)) {
      column.setNull(row)
      return null
    }
    if (form === FIELD.bare && this.#nulls.length > 0 && end - start <= MAX_NULL_WORD && this.#isNull(start, end)) {
      column.setNull(row)
      return null
    }
    const parse = this.#parsers[target] as CellParser
    if (form !== FIELD.escaped) return parse(column, row, this.#window, start, end)
    if (end - start + SPARE_BYTES > this.#scratch.buffer.length)
      this.#scratch = viewed(Buffer.alloc((end - start) * 2 + SPARE_BYTES))
    const length = unescapeField(this.#bytes, start, end, this.#scratch.buffer, this.#options.layout.dialect)
    return parse(column, row, this.#scratch, 0, length)
  }

  #isNull(start: number, end: number): boolean {
    return this.#nulls.some((word) => word.length === end - start && this.#bytes.compare(word, 0, word.length, start, end) === 0)
  }

  /** Throws, or keeps the row aside. */
  #refuse(place: number | null, reason: string): void {
    const { badValues, layout } = this.#options
    if (badValues.policy === 'error') {
      const type = place === null ? '' : ` (${typeName(column(layout, place).type)}, ${column(layout, place).basis})`
      const cure =
        place === null
          ? 'Correct the file, give --delimiter or --quote, fill short rows up with --pad-rows, or keep such rows aside with --on-bad-value reject'
          : `Correct the file, give the type with --types '${column(layout, place).name}=text', or keep such rows aside with --on-bad-value reject`
      throw this.#problem('BAD_VALUE', 0, place, `${place === null ? '' : 'the value '}${reason}${type}. ${cure}`)
    }
    const scanner = this.#scanner
    const row: Record<string, string | null> = {}
    for (let i = 0; i < scanner.count; i++) {
      row[this.#columns[i]?.name ?? `field ${i + 1}`] = fieldBytes(this.#bytes, scanner, i, layout.dialect).toString('utf8')
    }
    badValues.onReject({ column: place === null ? '' : column(layout, place).name, place: `line ${this.#line}`, reason, row })
  }

  /** Names the first line that holds what no text may hold. */
  #examine(start: number, end: number): void {
    const bytes = this.#bytes.subarray(start, end)
    const zero = bytes.includes(0)
    if (!zero && isUtf8(bytes)) return
    const scanner = this.#scanner
    const bad = (i: number): boolean => {
      const field = this.#bytes.subarray(scanner.starts[i], scanner.ends[i])
      return field.includes(0) || !isUtf8(field)
    }
    const place = Array.from({ length: scanner.count }, (_, i) => i).find(bad) ?? null
    const reason = zero
      ? 'holds a NUL character. Is the file UTF-16? Give --encoding utf-16le'
      : 'holds bytes that are not UTF-8. Give --encoding, such as windows-1252'
    throw this.#problem('FORMAT', 0, place, reason)
  }

  #problem(code: 'FORMAT' | 'BAD_VALUE', line: number, place: number | null, text: string): ConnectorError {
    const named = place === null ? undefined : this.#columns[place]?.name
    const where = place === null ? '' : named === undefined ? `, field ${place + 1}` : `, column "${named}"`
    return new ConnectorError(code, `${this.#options.subject}, line ${this.#line + line}${where}: ${text}`)
  }

  #close(): TableBatch {
    const length = this.#rows
    const buffers: ArrayBuffer[] = []
    const children = this.#buffers.map((buffer) => buffer.detach(length, buffers))
    this.#rows = 0
    this.#rowBytes = 0
    this.#capacity = 0
    const data = makeData({ type: new Struct(this.#schema.fields), length, nullCount: 0, children })
    return {
      batch: new RecordBatch(this.#schema, data),
      release: () => {
        for (const buffer of buffers) this.#pool.give(buffer)
      },
    }
  }
}

const viewed = (buffer: Buffer): Bytes => ({ buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength) })

function column(layout: CsvLayout, place: number): CsvColumn {
  const found = layout.columns[place]
  if (found === undefined) throw new RangeError(`column ${place} of ${layout.columns.length}`)
  return found
}

function parserOf({ type, basis, format }: CsvColumn, { dialect }: CsvLayout): CellParser {
  return cellParser(type, {
    decimal: dialect.decimal,
    thousands: dialect.thousands,
    guessed: basis === 'inferred',
    assumeUtc: dialect.assumeUtc,
    dateFormat: type.kind === 'date' ? format : null,
    timestampFormat: type.kind === 'timestamp' ? format : null,
  })
}
