/**
 * Finds the fields of CSV records in bytes, without copying any. A record is looked at as a whole: one that is cut off by the
 * end of the window is scanned again when there is more. Pure.
 */
import type { CsvDialect } from './dialect.ts'

const LF = 0x0a
const CR = 0x0d

/** How a field is written: bare, in quotes, or in quotes with escaped ones inside. */
export const FIELD = { bare: 0, quoted: 1, escaped: 2 } as const

/** A record that cannot be taken apart. `line` counts from the record's first line, 0. */
export class RecordProblem extends Error {
  override readonly name = 'RecordProblem'
  readonly line: number
  readonly field: number
  constructor(line: number, field: number, message: string) {
    super(message)
    this.line = line
    this.field = field
  }
}

export const INCOMPLETE = -1

export class RecordScanner {
  /** Of field i: bytes [starts[i], ends[i]), quotes left out. */
  starts = new Int32Array(64)
  ends = new Int32Array(64)
  forms = new Uint8Array(64)
  count = 0
  /** Line breaks of the record, its own end included. */
  lines = 0
  readonly #delimiter: number
  readonly #quote: number
  readonly #escape: number
  readonly #newline: number
  /** Bytes at which a bare field ends. */
  readonly #stops = new Uint8Array(256)

  constructor({ delimiter, quote, escaper, newline }: Pick<CsvDialect, 'delimiter' | 'quote' | 'escaper' | 'newline'>) {
    this.#delimiter = delimiter
    this.#quote = quote ?? -1
    this.#escape = escaper ?? -1
    this.#newline = newline === 'cr' ? CR : LF
    this.#stops[delimiter] = 1
    this.#stops[CR] = 1
    this.#stops[LF] = 1
  }

  /** Scans the record at `at`; where the next begins, or `INCOMPLETE`. `final`: nothing follows `end`. Throws `RecordProblem`. */
  next(bytes: Uint8Array, at: number, end: number, final: boolean): number {
    const stops = this.#stops
    let i = at
    this.count = 0
    this.lines = 0
    for (;;) {
      const field = this.count
      if (field === this.starts.length) this.#grow()
      if (i < end && bytes[i] === this.#quote) {
        i = this.#quoted(bytes, i + 1, end, final)
        if (i === INCOMPLETE) return INCOMPLETE
      } else {
        this.starts[field] = i
        while (i < end && stops[bytes[i] as number] === 0) i++
        this.ends[field] = i
        this.forms[field] = FIELD.bare
        if (i === end && !final) return INCOMPLETE
      }
      this.count = field + 1
      if (i === end) {
        this.lines++
        return end
      }
      const stop = bytes[i] as number
      if (stop === this.#delimiter) {
        i++
        // The file ends with a delimiter: one more field, empty.
        if (i === end && !final) return INCOMPLETE
        continue
      }
      if (stop === this.#newline) {
        this.lines++
        return i + 1
      }
      if (stop === LF)
        throw new RecordProblem(this.lines, field, 'holds a line feed outside quotes, while its lines end with carriage returns')
      if (stop !== CR) throw new RecordProblem(this.lines, field, 'has text behind its closing quote')
      if (i + 1 === end && !final) return INCOMPLETE
      if (i + 1 === end || bytes[i + 1] === LF) {
        this.lines++
        return Math.min(end, i + 2)
      }
      throw new RecordProblem(this.lines, field, 'holds a carriage return outside quotes')
    }
  }

  /** The field whose opening quote ends before `start`; where its closing quote ends. */
  #quoted(bytes: Uint8Array, start: number, end: number, final: boolean): number {
    const quote = this.#quote
    const escaper = this.#escape
    const newline = this.#newline
    const field = this.count
    const firstLine = this.lines
    let form: number = FIELD.quoted
    let i = start
    for (;;) {
      while (i < end) {
        const byte = bytes[i] as number
        if (byte === quote || byte === escaper) break
        if (byte === newline) this.lines++
        i++
      }
      if (i >= end) {
        if (!final) return INCOMPLETE
        throw new RecordProblem(firstLine, field, 'opens a quote that is never closed')
      }
      const follower = i + 1 < end ? (bytes[i + 1] as number) : -1
      if (follower === -1 && !final) return INCOMPLETE
      if (bytes[i] === escaper && follower !== -1) {
        form = FIELD.escaped
        i += 2
        continue
      }
      if (follower === quote && escaper === -1) {
        form = FIELD.escaped
        i += 2
        continue
      }
      break
    }
    this.starts[field] = start
    this.ends[field] = i
    this.forms[field] = form
    return i + 1
  }

  #grow(): void {
    const wider = (array: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(array.length * 2)
      grown.set(array)
      return grown
    }
    this.starts = wider(this.starts)
    this.ends = wider(this.ends)
    const forms = new Uint8Array(this.forms.length * 2)
    forms.set(this.forms)
    this.forms = forms
  }
}

/** Copies a field without its escapes; returns how many bytes. `target` is at least as long as the field. */
export function unescapeField(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  { quote, escaper }: Pick<CsvDialect, 'quote' | 'escaper'>,
): number {
  const marker = escaper ?? quote
  let length = 0
  for (let i = start; i < end; i++) {
    if (bytes[i] === marker && i + 1 < end) i++
    target[length++] = bytes[i] as number
  }
  return length
}
