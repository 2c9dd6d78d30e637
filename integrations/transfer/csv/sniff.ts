/** What a file's first bytes say about its dialect, where nobody declared it. Pure but for the bytes handed in. */
import { isUtf8 } from 'node:buffer'
import { ConnectorError } from '../../../connectors/errors.ts'
import { encodingNamed } from './decoded-chunks.ts'
import { byteOf, type CsvDeclaration, type CsvDialect } from './dialect.ts'
import { FIELD, INCOMPLETE, RecordProblem, RecordScanner, unescapeField } from './record-scanner.ts'

const DELIMITERS = [',', ';', '\t', '|', '\u0001'] as const
/** Decoded bytes that decide the delimiter. */
const DELIMITER_BYTES = 256 * 1024
const DELIMITER_RECORDS = 500

export const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b

/** Encoding and byte-order mark of the unpacked bytes. */
export function sniffEncoding(head: Buffer, declared: string | undefined): Pick<CsvDialect, 'encoding' | 'bomBytes'> {
  const mark = markOf(head)
  const wanted = declared === undefined ? null : encodingNamed(declared)
  // What is marked is not guessed; "utf-16" alone leaves the byte order to the mark.
  if (mark !== null && (wanted === null || wanted === mark.encoding || /^utf-?16$/i.test(declared ?? ''))) return mark
  if (wanted !== null) return { encoding: wanted, bomBytes: 0 }
  const zeros = [0, 0]
  for (let i = 0; i < head.length; i++) if (head[i] === 0) zeros[i & 1] = (zeros[i & 1] ?? 0) + 1
  const half = head.length / 2
  if ((zeros[1] ?? 0) > half * 0.6 && (zeros[0] ?? 0) < half * 0.1) return { encoding: 'utf-16le', bomBytes: 0 }
  if ((zeros[0] ?? 0) > half * 0.6 && (zeros[1] ?? 0) < half * 0.1) return { encoding: 'utf-16be', bomBytes: 0 }
  return { encoding: isUtf8(wholeCharacters(head)) ? 'utf-8' : 'windows-1252', bomBytes: 0 }
}

function markOf(head: Buffer): Pick<CsvDialect, 'encoding' | 'bomBytes'> | null {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { encoding: 'utf-8', bomBytes: 3 }
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: 'utf-16le', bomBytes: 2 }
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: 'utf-16be', bomBytes: 2 }
  return null
}

/** The bytes without a character that the end cuts in two. */
export function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte < 0x80) break
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? bytes.subarray(0, bytes.length - back) : bytes
  }
  return bytes
}

/** One byte for an option of one character; throws `CONFIGURATION`. */
function oneByte(text: string, option: string): number {
  const plain = text === '\\t' || text.toLowerCase() === 'tab' ? '\t' : text
  if (plain.length === 1 && plain.charCodeAt(0) < 0x80 && !/[\r\n\0]/.test(plain)) return byteOf(plain)
  throw new ConnectorError('CONFIGURATION', `--${option} expects one ASCII character, or \\t; found ${text.length} characters`)
}

/** The dialect of decoded text; `whole`: the sample is the file. */
export function sniffDialect(
  sample: Buffer,
  file: Pick<CsvDialect, 'encoding' | 'bomBytes' | 'gzip'>,
  declared: CsvDeclaration,
  whole: boolean,
): Omit<CsvDialect, 'header' | 'decimal'> {
  const quote = declared.quote === undefined ? byteOf('"') : declared.quote === null ? null : oneByte(declared.quote, 'quote')
  const escaper = declared.escape === undefined ? null : oneByte(declared.escape, 'escape')
  const head = sample.subarray(0, DELIMITER_BYTES)
  // A carriage return at the very end may be half of a line's end.
  const lines = whole ? head : head.subarray(0, -1)
  const newline = lines.includes(0x0a) || !lines.includes(0x0d) ? 'lf' : 'cr'
  const base = { quote, escaper: escaper === quote ? null : escaper, newline } as const
  const delimiter =
    declared.delimiter === undefined
      ? sniffDelimiter(head, base, whole && head.length === sample.length)
      : oneByte(declared.delimiter, 'delimiter')
  return {
    ...file,
    ...base,
    delimiter,
    thousands: declared.thousands ?? null,
    nullValues: declared.nullValues ?? [],
    assumeUtc: declared.assumeUtc ?? false,
    padRows: declared.padRows ?? false,
  }
}

/** The delimiter that splits most records into the same number of fields, more than one. */
function sniffDelimiter(sample: Buffer, base: Pick<CsvDialect, 'quote' | 'escaper' | 'newline'>, whole: boolean): number {
  let best = byteOf(',')
  let bestScore = 0
  for (const candidate of DELIMITERS) {
    const counts = fieldCounts(sample, { ...base, delimiter: byteOf(candidate) }, whole)
    if (counts === null) continue
    const usual = mostFrequent(counts)
    const share = counts.filter((count) => count === usual).length / counts.length
    const score = usual < 2 ? 0 : share * share * (1 + Math.min(usual, 50) / 1000) * (counts[0] === usual ? 1.2 : 1)
    if (score > bestScore) {
      best = byteOf(candidate)
      bestScore = score
    }
  }
  return best
}

/** Null when the text is no CSV under that delimiter. */
function fieldCounts(
  sample: Buffer,
  dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escaper' | 'newline'>,
  whole: boolean,
): readonly number[] | null {
  const counts: number[] = []
  try {
    eachRecord(sample, dialect, whole, (fields) => {
      if (fields.length > 1 || fields[0] !== '') counts.push(fields.length)
      return counts.length < DELIMITER_RECORDS
    })
  } catch (error) {
    if (!(error instanceof RecordProblem)) throw error
    // A problem far down is the file's, not the delimiter's.
    if (counts.length < 10) return null
  }
  return counts.length === 0 ? null : counts
}

function mostFrequent(counts: readonly number[]): number {
  const tally = new Map<number, number>()
  for (const count of counts) tally.set(count, (tally.get(count) ?? 0) + 1)
  return [...tally].reduce((best, each) => (each[1] > best[1] || (each[1] === best[1] && each[0] > best[0]) ? each : best))[0]
}

/** Records of a sample as texts (Latin-1 of the bytes), until `take` returns false or the sample ends. A cut-off record is left out. */
export function eachRecord(
  sample: Buffer,
  dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escaper' | 'newline'>,
  whole: boolean,
  take: (fields: readonly string[], scanner: RecordScanner) => boolean,
): void {
  const scanner = new RecordScanner(dialect)
  for (let at = 0; at < sample.length; ) {
    const next = scanner.next(sample, at, sample.length, whole)
    if (next === INCOMPLETE) return
    const fields = Array.from({ length: scanner.count }, (_, i) => fieldBytes(sample, scanner, i, dialect).toString('latin1'))
    if (!take(fields, scanner)) return
    at = next
  }
}

/** The bytes of a field of the record last scanned, escapes resolved. */
export function fieldBytes(
  bytes: Buffer,
  scanner: RecordScanner,
  field: number,
  dialect: Pick<CsvDialect, 'quote' | 'escaper'>,
): Buffer {
  const start = scanner.starts[field] as number
  const end = scanner.ends[field] as number
  if (scanner.forms[field] !== FIELD.escaped) return bytes.subarray(start, end)
  const target = Buffer.alloc(end - start)
  return target.subarray(0, unescapeField(bytes, start, end, target, dialect))
}
