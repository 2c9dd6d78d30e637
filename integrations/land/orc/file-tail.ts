/** The end of an ORC file: post-script, footer, stripe statistics. I/O through ranged reads only: one, or two when the tail is large. */
import { knownCompression, MAX_BLOCK_SIZE, type ReaderCompression, unframe } from './compression.ts'
import { damaged, refused } from './damaged.ts'
import { CalendarKind, Footer, Metadata, PostScript, StripeStatistics } from './messages.ts'
import { decodeMessage } from './protobuf.ts'
import { type OrcType, readTypes } from './schema.ts'

/** Reads bytes [start, end) of the file. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array>

/** Where a stripe lies, checked to lie within the file. */
export type StripePlace = {
  readonly offset: number
  readonly indexLength: number
  readonly dataLength: number
  readonly footerLength: number
  readonly rows: number
}

export type FileTail = {
  readonly postScript: PostScript
  readonly footer: Footer
  readonly root: OrcType
  readonly compression: ReaderCompression
  readonly stripes: readonly StripePlace[]
  readonly rows: number
  /** Days and timestamps before 1582-10-15 are counted in the hybrid calendar. */
  readonly hybrid: boolean
  /** Statistics of each column in each stripe, still encoded; empty when the file has none. */
  readonly stripeStatistics: readonly (readonly Uint8Array[])[]
}

const FIRST_READ_BYTES = 65_536
/** "ORC", an empty footer, the post-script and its length cannot be shorter. */
const MIN_FILE_BYTES = 10
const MAX_TAIL_BYTES = 256 * 1024 * 1024
/** No writer makes such stripes; a row that takes no bytes must not be repeated for ever. */
const MAX_STRIPE_ROWS = 2 ** 32

/** Java's writer, whose old versions wrote the hybrid calendar without saying so. */
const JAVA = 0

/** Null for a file of 0 bytes, which Hive takes for an empty table. Throws `FORMAT` when the file is not ORC or is damaged. */
export async function readTail(readRange: ReadRange, size: number): Promise<FileTail | null> {
  if (size === 0) return null
  if (size < MIN_FILE_BYTES) throw damaged('file', `it has ${size} bytes, fewer than an empty ORC file`)
  const start = Math.max(0, size - FIRST_READ_BYTES)
  const last = await readExactly(readRange, start, size)
  const postScriptLength = last[last.length - 1] as number
  if (postScriptLength + 1 > last.length) throw damaged('file', 'its post-script is longer than the file')
  const postScriptStart = last.length - 1 - postScriptLength
  const postScript = decodeMessage(PostScript, last.subarray(postScriptStart, last.length - 1))
  // Files of Hive 0.11 have the magic at their beginning only.
  if (postScript.magic !== 'ORC') {
    const head = start === 0 ? last : await readExactly(readRange, 0, 3)
    if (Buffer.from(head.subarray(0, 3)).toString('latin1') !== 'ORC')
      throw damaged('file', 'it is no ORC file: neither end says "ORC"')
  }
  const [major = 0, minor = 0] = postScript.version
  if (major > 0 || minor > 12) {
    throw refused(
      `is of version ${major}.${minor} (ORC v2, which encodes decimals as 64-bit integers)`,
      'write it as version 0.12',
    )
  }
  const compression = compressionOf(postScript)
  const footerLength = postScript.footerLength ?? 0
  const metadataLength = postScript.metadataLength ?? 0
  const tailLength = footerLength + metadataLength + (postScript.stripeStatisticsLength ?? 0) + postScriptLength + 1
  if (tailLength > size || footerLength + metadataLength > MAX_TAIL_BYTES) {
    throw damaged('file', `its tail claims ${tailLength} of the file's ${size} bytes`)
  }
  const needed = footerLength + metadataLength + postScriptLength + 1
  const tail = needed <= last.length ? last.subarray(last.length - needed) : await readExactly(readRange, size - needed, size)
  const footer = decodeMessage(
    Footer,
    unframe(tail.subarray(metadataLength, metadataLength + footerLength), compression, MAX_TAIL_BYTES),
  )
  const metadata = decodeMessage(Metadata, unframe(tail.subarray(0, metadataLength), compression, MAX_TAIL_BYTES))
  const stripes = stripePlaces(footer, size)
  return {
    postScript,
    footer,
    root: readTypes(footer.types),
    compression,
    stripes,
    rows: rowCount(footer, stripes),
    hybrid:
      footer.calendar === CalendarKind.JULIAN_GREGORIAN ||
      ((footer.calendar ?? CalendarKind.UNKNOWN) === CalendarKind.UNKNOWN && (footer.writer ?? JAVA) === JAVA),
    stripeStatistics: metadata.stripeStats.map((bytes) => decodeMessage(StripeStatistics, bytes).colStats),
  }
}

function compressionOf(postScript: PostScript): ReaderCompression {
  const kind = knownCompression(postScript.compression ?? 0)
  const blockSize = postScript.compressionBlockSize || 262_144
  if (kind !== 0 && blockSize > MAX_BLOCK_SIZE) {
    throw damaged('post-script', `compression blocks of ${blockSize} bytes, at most ${MAX_BLOCK_SIZE} are read`)
  }
  return { kind, blockSize }
}

function stripePlaces(footer: Footer, size: number): StripePlace[] {
  return footer.stripes.map((stripe, i) => {
    const place = {
      offset: stripe.offset ?? 0,
      indexLength: stripe.indexLength ?? 0,
      dataLength: stripe.dataLength ?? 0,
      footerLength: stripe.footerLength ?? 0,
      rows: stripe.numberOfRows ?? 0,
    }
    const end = place.offset + place.indexLength + place.dataLength + place.footerLength
    if (end > size) throw damaged('footer', `stripe ${i} ends at byte ${end} of ${size}`)
    if (place.rows > MAX_STRIPE_ROWS) throw damaged('footer', `stripe ${i} has ${place.rows} rows`)
    return place
  })
}

function rowCount(footer: Footer, stripes: readonly StripePlace[]): number {
  const rows = stripes.reduce((sum, stripe) => sum + stripe.rows, 0)
  if (!Number.isSafeInteger(rows)) throw damaged('footer', 'its stripes have more than 2^53 rows')
  if (footer.numberOfRows !== undefined && footer.numberOfRows !== rows) {
    throw damaged('footer', `the file has ${footer.numberOfRows} rows and its stripes ${rows}`)
  }
  return rows
}

/** A range, checked to have come back whole. */
export async function readExactly(readRange: ReadRange, start: number, end: number): Promise<Uint8Array> {
  if (start === end) return new Uint8Array(0)
  const bytes = await readRange(start, end)
  if (bytes.length !== end - start) throw damaged('file', `bytes ${start} to ${end} were asked for, ${bytes.length} bytes came`)
  return bytes
}

/** The key of user metadata that Hive's transactional tables carry. */
const ACID_KEYS = new Set(['hive.acid.version', 'hive.acid.key.index', 'hive.acid.stats'])
const ACID_FIELDS = ['operation', 'originalTransaction', 'bucket', 'rowId', 'currentTransaction', 'row']

/** Why the rows of a sound file are not read here; null when they are. */
export function refusal(tail: FileTail): Error | null {
  if (tail.footer.encryption !== undefined) {
    return refused('has encrypted columns', 'have it written without column encryption by someone who has the keys')
  }
  const fields = tail.root.fieldNames
  const acid =
    fields.length === ACID_FIELDS.length && ACID_FIELDS.every((name, i) => fields[i]?.toLowerCase() === name.toLowerCase())
  if (acid || tail.footer.metadata.some(({ name }) => ACID_KEYS.has(name ?? ''))) {
    return refused(
      'belongs to a full-ACID Hive table (events of rows, not rows)',
      'INSERT OVERWRITE the table into an external one, or run a major compaction and read it through Hive',
    )
  }
  return null
}
