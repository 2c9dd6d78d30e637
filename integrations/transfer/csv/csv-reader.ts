/** A CSV file as a table: opened, sniffed, shown, then read. I/O through the file. */
import { ConnectorError } from '../../../connectors/errors.ts'
import { typeName } from '../../../connectors/logical-type.ts'
import type { BadValues, ReadableFile, TableReader } from '../../../connectors/tables.ts'
import { hashOfParts } from '../content-hash.ts'
import { csvRows } from './csv-rows.ts'
import { decodedChunks, transcoder, unpacked } from './decoded-chunks.ts'
import { type CsvDeclaration, type CsvDialect, dialectText, SAMPLE_BYTES } from './dialect.ts'
import { type CsvLayout, layoutOf } from './layout.ts'
import { isGzip, sniffDialect, sniffEncoding, wholeCharacters } from './sniff.ts'
import { compileFormat } from './time-format.ts'

export type CsvReaderOptions = {
  readonly file: ReadableFile
  readonly declared: CsvDeclaration
  /** Null: all. */
  readonly columns: readonly string[] | null
  readonly badValues: BadValues
  /** SHA-256 of the file's bytes, when the caller has computed it. */
  readonly sha256: string | null
}

export type CsvReader = TableReader & { readonly layout: CsvLayout; readonly dialectText: string }

/**
 * Looks at the first bytes and decides dialect and types. Throws `FORMAT`, `SCHEMA`, `CONFIGURATION`; rows throw `BAD_VALUE` with
 * line and column.
 */
export async function openCsvReader(
  { file, declared, columns, badValues, sha256 }: CsvReaderOptions,
  signal: AbortSignal,
): Promise<CsvReader> {
  const subject = `File "${file.name}"`
  checkFormats(declared)
  const { sample, whole, encoded, averageRatio } = await readSample(file, declared, signal)
  const partial = sniffDialect(sample, encoded, declared, whole)
  const layout = layoutOf(sample, partial, declared, subject, whole)
  const names = layout.columns.map(({ name }) => name)
  const absent = columns?.filter((name) => !names.includes(name)) ?? []
  if (absent.length > 0) {
    const list = absent.map((name) => `"${name}"`).join(', ')
    throw new ConnectorError('SCHEMA', `${subject} has no column ${list}, which --columns names; it has ${names.join(', ')}`)
  }
  const wanted = columns === null ? names.map((_, place) => place) : columns.map((name) => names.indexOf(name))
  let done = 0
  const rowBytes = layout.sampledRows === 0 ? null : sample.length / layout.sampledRows
  return {
    subject,
    layout,
    dialectText: dialectText(layout.dialect),
    columns: wanted.flatMap((place) => {
      const column = layout.columns[place]
      if (column === undefined) return []
      return [{ name: column.name, type: column.type, sourceType: typeName(column.type), nullable: true }]
    }),
    estimatedRows: whole ? layout.sampledRows : rowBytes === null ? null : Math.round((file.size * averageRatio) / rowBytes),
    fingerprint: sha256 === null ? null : fingerprint(sha256, layout, wanted),
    progress: () => ({ done, total: file.size }),
    rows: (abort) => {
      const onRead = (bytes: number): void => {
        done = bytes
      }
      const chunks = decodedChunks(file, layout.dialect, { onRead, signal: abort })
      return csvRows(chunks, { layout, wanted, subject, badValues, signal: abort })
    },
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
}

/** Equal bytes read in another way are other rows. */
function fingerprint(sha256: string, layout: CsvLayout, wanted: readonly number[]): string {
  const columns = wanted
    .map((place) => layout.columns[place])
    .map((each) => [each?.name, each && typeName(each.type), each?.format])
  const { gzip: _, ...dialect } = layout.dialect
  return hashOfParts([sha256, dialect, columns])
}

type Sample = {
  /** Decoded. */
  readonly sample: Buffer
  readonly whole: boolean
  readonly encoded: Pick<CsvDialect, 'encoding' | 'bomBytes' | 'gzip'>
  /** Decoded bytes per byte of the file. */
  readonly averageRatio: number
}

async function readSample(file: ReadableFile, declared: CsvDeclaration, signal: AbortSignal): Promise<Sample> {
  const limit = declared.sampleBytes ?? SAMPLE_BYTES
  const head = await readHead(file, Math.min(file.size, limit), signal)
  const gzip = isGzip(head)
  const raw = gzip ? await unpackedHead(file, limit, signal) : { bytes: Buffer.from(head), whole: head.length >= file.size }
  const { encoding, bomBytes } = sniffEncoding(raw.bytes, declared.encoding)
  const even = /^utf-16/.test(encoding) ? raw.bytes.subarray(0, raw.bytes.length & ~1) : raw.bytes
  const text = transcoder(encoding, file.name)(even.subarray(bomBytes), false)
  const sample = raw.whole ? text : wholeCharacters(text)
  const averageRatio = gzip ? 4 : raw.bytes.length === 0 ? 1 : sample.length / raw.bytes.length
  return { sample, whole: raw.whole, encoded: { encoding, bomBytes, gzip }, averageRatio }
}

async function readHead(file: ReadableFile, bytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const first = await file.read(0, bytes, signal)
  if (first.length === bytes) return first
  const parts = [first]
  for (let at = first.length; at < bytes; ) {
    const part = await file.read(at, bytes, signal)
    if (part.length === 0) break
    parts.push(part)
    at += part.length
  }
  return Buffer.concat(parts)
}

async function unpackedHead(
  file: ReadableFile,
  limit: number,
  signal: AbortSignal,
): Promise<{ readonly bytes: Buffer; readonly whole: boolean }> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of unpacked(file, { signal })) {
    parts.push(part)
    length += part.length
    if (length > limit) return { bytes: Buffer.concat(parts).subarray(0, limit), whole: false }
  }
  return { bytes: Buffer.concat(parts), whole: true }
}

function checkFormats({ dateFormat, timestampFormat }: CsvDeclaration): void {
  const known = 'expected %Y or %y, %m, %b or %B, %d; and %H or %I with %p, %M, %S, %f, %z'
  const date = dateFormat === undefined ? null : compileFormat(dateFormat)
  if (dateFormat !== undefined && (date === null || date.hasTime || date.hasZone)) {
    throw new ConnectorError('CONFIGURATION', `--date-format '${dateFormat}' is no form of a date: ${known.split(';')[0]}`)
  }
  if (timestampFormat !== undefined && compileFormat(timestampFormat)?.hasTime !== true) {
    throw new ConnectorError('CONFIGURATION', `--timestamp-format '${timestampFormat}' is no form of a timestamp: ${known}`)
  }
}
