/** One stripe: its footer and row indexes, the byte ranges that a projection needs, and the readers of its columns. */
import { Int16 } from 'apache-arrow'
import type { ColumnReader, StripeContext, TimestampMode } from './column-reader.ts'
import { type ReaderCompression, unframe } from './compression.ts'
import { damaged } from './damaged.ts'
import { DecimalReader } from './decimal-reader.ts'
import { type FileTail, type ReadRange, readExactly, type StripePlace } from './file-tail.ts'
import { PositionReader } from './in-stream.ts'
import { ColumnStatistics, RowIndex, type RowIndexEntry, StreamKind, StripeFooter, TypeKind } from './messages.ts'
import { ListReader, StructReader, UnionReader } from './nested-readers.ts'
import { BooleanReader, ByteReader, FloatReader, IntReader, LongReader } from './number-readers.ts'
import { decodeMessage } from './protobuf.ts'
import type { OrcType } from './schema.ts'
import { stringReader } from './string-reader.ts'
import { zoneOffset } from './time-zone.ts'
import { TimestampReader } from './timestamp-reader.ts'

const MAX_FOOTER_BYTES = 64 * 1024 * 1024
/** Ranges closer to each other than this are fetched as one: a request costs more than the bytes between. */
const JOIN_BYTES = 128 * 1024
/** And no request is larger than this, so that several run at once. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024
const MAX_REQUESTS = 4

type Place = { readonly kind: number; readonly column: number; readonly start: number; readonly end: number }

export type Stripe = {
  readonly place: StripePlace
  readonly footer: StripeFooter
  readonly streams: readonly Place[]
}

/** One request. Throws `FORMAT` when streams lie outside of the stripe. */
export async function openStripe(readRange: ReadRange, tail: FileTail, index: number): Promise<Stripe> {
  const place = tail.stripes[index]
  if (place === undefined) throw damaged('file', `it has no stripe ${index}`)
  const dataEnd = place.offset + place.indexLength + place.dataLength
  const bytes = await readExactly(readRange, dataEnd, dataEnd + place.footerLength)
  const footer = decodeMessage(StripeFooter, unframe(bytes, tail.compression, MAX_FOOTER_BYTES))
  let at = place.offset
  const streams = footer.streams.map((stream): Place => {
    const start = at
    at += stream.length ?? 0
    if (at > dataEnd)
      throw damaged('stripe footer', `stream ${stream.kind} of column ${stream.column} reaches beyond stripe ${index}`)
    return { kind: stream.kind ?? 0, column: stream.column ?? 0, start, end: at }
  })
  return { place, footer, streams }
}

/** The row indexes of some columns, by column id; a column without one is absent. */
export async function readRowIndexes(
  readRange: ReadRange,
  stripe: Stripe,
  columns: ReadonlySet<number>,
  compression: ReaderCompression,
): Promise<ReadonlyMap<number, readonly RowIndexEntry[]>> {
  const wanted = stripe.streams.filter(({ kind, column }) => kind === StreamKind.ROW_INDEX && columns.has(column))
  const bytes = await fetchPlaces(readRange, wanted)
  return new Map(
    wanted.map((place) => [
      place.column,
      decodeMessage(RowIndex, unframe(bytes.get(place) ?? new Uint8Array(0), compression, MAX_FOOTER_BYTES)).entry,
    ]),
  )
}

/** The data streams of some columns: only their bytes, and what lies between them when that is little. */
export async function readStreams(
  readRange: ReadRange,
  stripe: Stripe,
  columns: ReadonlySet<number>,
): Promise<(column: number, kind: number) => Uint8Array | null> {
  const wanted = stripe.streams.filter(({ kind, column }) => kind <= StreamKind.SECONDARY && columns.has(column))
  const bytes = await fetchPlaces(readRange, wanted)
  const byKey = new Map(wanted.map((place) => [place.column * 8 + place.kind, bytes.get(place) ?? null]))
  return (column, kind) => byKey.get(column * 8 + kind) ?? null
}

async function fetchPlaces(readRange: ReadRange, places: readonly Place[]): Promise<Map<Place, Uint8Array>> {
  const sorted = places.filter(({ start, end }) => end > start).sort((a, b) => a.start - b.start)
  const groups: Place[][] = []
  for (const place of sorted) {
    const group = groups.at(-1)
    const [first] = group ?? []
    const last = group?.at(-1)
    const joined =
      first !== undefined &&
      last !== undefined &&
      place.start - last.end <= JOIN_BYTES &&
      place.end - first.start <= MAX_REQUEST_BYTES
    if (joined) group?.push(place)
    else groups.push([place])
  }
  const found = new Map<Place, Uint8Array>()
  for (let at = 0; at < groups.length; at += MAX_REQUESTS) {
    await Promise.all(
      groups.slice(at, at + MAX_REQUESTS).map(async (group) => {
        const start = group[0]?.start ?? 0
        const bytes = await readExactly(readRange, start, group.at(-1)?.end ?? start)
        for (const place of group) found.set(place, bytes.subarray(place.start - start, place.end - start))
      }),
    )
  }
  for (const place of places) if (place.start === place.end) found.set(place, new Uint8Array(0))
  return found
}

/** Readers of a stripe's columns; `columns` are ids, parents included. */
export function stripeReaders(
  tail: FileTail,
  stripe: Stripe,
  columns: ReadonlySet<number>,
  stream: (column: number, kind: number) => Uint8Array | null,
  timestamps: TimestampMode,
  clock: 'wall' | 'instant' = 'wall',
): ColumnReader {
  const context: StripeContext = {
    compression: tail.compression,
    encodings: stripe.footer.columns,
    stream,
    rows: stripe.place.rows,
    hybrid: tail.hybrid,
    zone: zoneOffset(stripe.footer.writerTimezone ?? ''),
    timestamps,
    clock,
  }
  return columnReader(tail.root, context, columns)
}

function columnReader(type: OrcType, context: StripeContext, columns: ReadonlySet<number>): ColumnReader {
  const nested = (child: OrcType) => columnReader(child, context, columns)
  switch (type.kind) {
    case TypeKind.BOOLEAN:
      return new BooleanReader(type, context)
    case TypeKind.BYTE:
      return new ByteReader(type, context)
    case TypeKind.SHORT:
    case TypeKind.INT:
    case TypeKind.DATE:
      return new IntReader(type, context)
    case TypeKind.LONG:
      return new LongReader(type, context)
    case TypeKind.FLOAT:
      return new FloatReader(type, context, 4)
    case TypeKind.DOUBLE:
      return new FloatReader(type, context, 8)
    case TypeKind.STRING:
    case TypeKind.VARCHAR:
    case TypeKind.CHAR:
    case TypeKind.BINARY:
      return stringReader(type, context)
    case TypeKind.TIMESTAMP:
    case TypeKind.TIMESTAMP_INSTANT:
      return new TimestampReader(type, context)
    case TypeKind.DECIMAL:
      return new DecimalReader(type, context)
    case TypeKind.LIST:
    case TypeKind.MAP:
      return new ListReader(type, context, type.children.map(nested))
    case TypeKind.UNION:
      return new UnionReader(type, context, type.children.map(nested), new Int16())
    case TypeKind.STRUCT: {
      const read = type.children
        .map((child, i) => ({ child, name: type.fieldNames[i] ?? '' }))
        .filter(({ child }) => columns.has(child.id))
      return new StructReader(
        type,
        context,
        read.map(({ child }) => nested(child)),
        read.map(({ name }) => name),
      )
    }
    default:
      return type.kind satisfies never
  }
}

/** Index entries of a row group as a reader wants them; null when a column has none. */
export function groupPositions(
  indexes: ReadonlyMap<number, readonly RowIndexEntry[]>,
  columns: ReadonlySet<number>,
  group: number,
): ((column: number) => PositionReader) | null {
  for (const column of columns) if (indexes.get(column)?.[group] === undefined) return null
  return (column) => new PositionReader(indexes.get(column)?.[group]?.positions ?? [])
}

/** A part of a file's statistics, decoded when it is asked for. */
export function decodeStatistics(bytes: Uint8Array | undefined): Partial<ColumnStatistics> | null {
  return bytes === undefined ? null : decodeMessage(ColumnStatistics, bytes)
}
