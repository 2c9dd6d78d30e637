/** ORC files from record batches: stripes are encoded as batches arrive and written when they are full. */
import type { RecordBatch, Schema } from 'apache-arrow'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { ColumnSummary, FileSummary, FileWriter, FileWriterOptions } from '../file-writer.ts'
import { OffsetSink } from '../offset-sink.ts'
import { WriterSteps } from '../writer-steps.ts'
import type { ColumnWriter, FinishedColumn, WriterContext } from './column-writer.ts'
import { BLOCK_SIZE, compressionOf, frame } from './compression.ts'
import { DecimalWriter } from './decimal-writer.ts'
import {
  CalendarKind,
  ColumnStatistics,
  Footer,
  type Footer as FooterMessage,
  Metadata,
  PostScript,
  StreamKind,
  StripeFooter,
  StripeStatistics,
  TypeKind,
} from './messages.ts'
import { ListWriter, StructWriter } from './nested-writers.ts'
import { BooleanWriter, ByteWriter, FloatWriter, IntWriter, LongWriter } from './number-writers.ts'
import { encodeMessage } from './protobuf.ts'
import { flatten, type OrcType, orcSchema, typeMessages } from './schema.ts'
import { Statistics } from './statistics.ts'
import { StringWriter } from './string-writer.ts'
import { TimestampWriter } from './timestamp-writer.ts'

export type OrcWriterOptions = FileWriterOptions & {
  /** Encoded bytes after which a stripe ends. Default: 64 MiB. */
  readonly stripeBytes?: number
  /** Rows after which a stripe ends. Default: 1,048,576. */
  readonly stripeRows?: number
  /** Default: 10,000. 0 = no row index. */
  readonly rowIndexStride?: number
  /**
   * Write timestamps with a zone as "timestamp with local time zone" (kind 18). Spark and Hive before version 4 cannot read
   * any column of such a file. Default: false, a plain timestamp in UTC.
   */
  readonly instants?: boolean
  /**
   * ORC stores a timestamp within the last second before 1970 one second late when it has a fraction of a millisecond or
   * more: readers take it for 1970. `late` accepts that, as Java's and C++'s writers do. Default: `error`.
   */
  readonly epochSecond?: 'error' | 'late'
  /** Version of the software, for the footer. Default: absent. */
  readonly softwareVersion?: string
}

const STRIPE_BYTES = 64 * 1024 * 1024
/** Dictionary codes and row index entries of a stripe wait in memory, however well its values compress. */
const STRIPE_ROWS = 1_048_576
const ROW_INDEX_STRIDE = 10_000
const MAGIC = new TextEncoder().encode('ORC')
/**
 * Codes of `Footer.writer` are registered with Apache ORC and end at 5; readers take every other for "unknown" and assume
 * no known defect.
 */
const WRITER = 0x504f52
/** The first version outside Java's sequence: nothing to work around. */
const WRITER_VERSION = 6
/** What an open column holds beside its data. */
const OPEN_COLUMN_BYTES = 16 * 1024

/**
 * A writer of one ORC v1 file (post-script version 0.12, proleptic Gregorian calendar, writer zone UTC), readable by C++
 * and Java. Rows keep their order. Memory: one stripe compressed, one open block per stream, whatever the file's size.
 *
 * Columns may arrive as their declared type or, for text, dictionary-encoded, batch by batch.
 * `append` and `finish` throw `BAD_VALUE` for values that ORC cannot hold, `UNSUPPORTED` and `INTERNAL` for batches that
 * are not of the schema, and what the sink throws; after an error the file cannot be continued.
 */
export function createOrcWriter(options: OrcWriterOptions): FileWriter {
  const compression = compressionOf(options.compression)
  const stride = options.rowIndexStride ?? ROW_INDEX_STRIDE
  const stripeBytes = options.stripeBytes ?? STRIPE_BYTES
  const stripeRows = options.stripeRows ?? STRIPE_ROWS
  const root = orcSchema(options.schema, { instants: options.instants ?? false })
  const context: WriterContext = {
    compress: compression.compress,
    unstated: unstatedIds(root, options.unstated ?? new Set()),
    epochSecond: options.epochSecond ?? 'error',
  }
  const types = flatten(root)
  const writer = columnWriter(root, context)
  const totals = types.map((type) => ({ type, statistics: null as Statistics | null, bytesOnDisk: 0 }))
  const stripes: FooterMessage['stripes'] = []
  const stripeStats: Uint8Array[] = []
  let checked: Schema | null = null
  let rows = 0
  let stripeCount = 0
  let groupCount = 0
  const file = new OffsetSink(options.sink)
  const steps = new WriterSteps('ORC')

  const endGroup = (): void => {
    if (groupCount === 0) return
    writer.endGroup()
    groupCount = 0
  }

  const finishStripe = async (): Promise<void> => {
    endGroup()
    if (stripeCount === 0) return
    if (file.position === 0) await file.write(MAGIC)
    const offset = file.position
    const columns = writer.finish()
    const streams: { kind: number; column: number; length: number }[] = []
    if (stride > 0) {
      for (const column of columns) {
        const index = frame(column.index, compression.compress)
        streams.push({ kind: StreamKind.ROW_INDEX, column: column.type.id, length: index.length })
        await file.write(index)
      }
    }
    const indexLength = file.position - offset
    for (const column of columns) {
      for (const stream of column.streams) {
        streams.push({ kind: stream.kind, column: column.type.id, length: stream.size })
        for (const block of stream.blocks) await file.write(block)
      }
    }
    const dataLength = file.position - offset - indexLength
    const encodings = columns.map(({ encoding }) => ({ ...encoding }))
    const footer = encodeMessage(StripeFooter, { streams, columns: encodings, writerTimezone: 'UTC' })
    const framed = frame(footer, compression.compress)
    await file.write(framed)
    stripes.push({ offset, indexLength, dataLength, footerLength: framed.length, numberOfRows: stripeCount })
    keepStatistics(columns)
    stripeCount = 0
  }

  const keepStatistics = (columns: readonly FinishedColumn[]): void => {
    const colStats = columns.map(({ type, streams, statistics }) => {
      const bytesOnDisk = streams.reduce((sum, { size }) => sum + size, 0)
      const encoded = encodeMessage(ColumnStatistics, { ...statistics.message(), bytesOnDisk })
      const total = totals[type.id]
      if (total !== undefined) {
        total.bytesOnDisk += bytesOnDisk
        if (total.statistics === null) total.statistics = statistics
        else total.statistics.merge(statistics)
      }
      return encoded
    })
    stripeStats.push(encodeMessage(StripeStatistics, { colStats }))
  }

  const append = async (batch: RecordBatch): Promise<void> => {
    if (batch.schema !== checked) {
      checkSchema(batch.schema, root, options)
      checked = batch.schema
    }
    let from = 0
    while (from < batch.numRows) {
      const groupRows = stride > 0 ? stride - groupCount : Number.POSITIVE_INFINITY
      const to = Math.min(batch.numRows, from + groupRows, from + stripeRows - stripeCount, from + ROW_INDEX_STRIDE)
      writer.append(batch.data, from, to)
      groupCount += to - from
      stripeCount += to - from
      rows += to - from
      from = to
      if (groupCount === stride) endGroup()
      if (stripeCount >= stripeRows || writer.size >= stripeBytes) await finishStripe()
    }
  }

  const finish = async (): Promise<FileSummary> => {
    await finishStripe()
    if (file.position === 0) await file.write(MAGIC)
    const contentLength = file.position
    const metadata = frame(encodeMessage(Metadata, { stripeStats }), compression.compress)
    const statistics = totals.map(({ type, statistics: total, bytesOnDisk }) =>
      encodeMessage(ColumnStatistics, { ...(total ?? statisticsOf(writer, type)).message(), bytesOnDisk }),
    )
    const footer = frame(
      encodeMessage(Footer, {
        headerLength: MAGIC.length,
        contentLength,
        stripes,
        types: typeMessages(root),
        metadata: [...options.metadata].map(([name, value]) => ({ name, value: new TextEncoder().encode(value) })),
        numberOfRows: rows,
        statistics,
        rowIndexStride: stride,
        writer: WRITER,
        calendar: CalendarKind.PROLEPTIC_GREGORIAN,
        ...(options.softwareVersion === undefined ? {} : { softwareVersion: options.softwareVersion }),
      }),
      compression.compress,
    )
    const postScript = encodeMessage(PostScript, {
      footerLength: footer.length,
      compression: compression.kind,
      compressionBlockSize: BLOCK_SIZE,
      version: [0, 12],
      metadataLength: metadata.length,
      writerVersion: WRITER_VERSION,
      magic: 'ORC',
    })
    await file.write(metadata)
    await file.write(footer)
    await file.write(postScript)
    await file.write(Uint8Array.of(postScript.length))
    await file.flush()
    const summaries = root.children.map((type, i): [string, ColumnSummary] => [
      root.fieldNames[i] ?? '',
      (totals[type.id]?.statistics ?? statisticsOf(writer, type)).summary(),
    ])
    return { rows, bytes: file.position, columns: Object.fromEntries(summaries) }
  }

  return {
    get rows() {
      return rows
    },
    get bytes() {
      return file.position + writer.size
    },
    get allocated() {
      return file.waiting + writer.size + types.length * OPEN_COLUMN_BYTES
    },
    append: (batch) => steps.run(() => append(batch)),
    endGroup: () =>
      steps.run(async () => {
        await finishStripe()
        await file.flush()
      }),
    finish: () => steps.finish(finish),
  }
}

function columnWriter(type: OrcType, context: WriterContext): ColumnWriter {
  const children = type.children.map((child) => columnWriter(child, context))
  switch (type.kind) {
    case TypeKind.BOOLEAN:
      return new BooleanWriter(type, context)
    case TypeKind.BYTE:
      return new ByteWriter(type, context)
    case TypeKind.SHORT:
    case TypeKind.INT:
    case TypeKind.DATE:
      return new IntWriter(type, context)
    case TypeKind.LONG:
      return new LongWriter(type, context)
    case TypeKind.FLOAT:
      return new FloatWriter(type, context, 4)
    case TypeKind.DOUBLE:
      return new FloatWriter(type, context, 8)
    case TypeKind.STRING:
    case TypeKind.VARCHAR:
    case TypeKind.CHAR:
    case TypeKind.BINARY:
      return new StringWriter(type, context)
    case TypeKind.TIMESTAMP:
    case TypeKind.TIMESTAMP_INSTANT:
      return new TimestampWriter(type, context)
    case TypeKind.DECIMAL:
      return new DecimalWriter(type, context)
    case TypeKind.LIST:
    case TypeKind.MAP:
      return new ListWriter(type, context, children)
    case TypeKind.STRUCT:
      return new StructWriter(type, context, children)
    case TypeKind.UNION:
      throw new ConnectorError('UNSUPPORTED', `Column "${type.path}" is a union, which is not written`)
    default:
      return type.kind satisfies never
  }
}

/** Ids of the named top-level columns and of everything below them. */
function unstatedIds(root: OrcType, names: ReadonlySet<string>): ReadonlySet<number> {
  const unstated = root.children.filter((_, i) => names.has(root.fieldNames[i] ?? ''))
  return new Set(unstated.flatMap(flatten).map(({ id }) => id))
}

/** Empty statistics of a column, for a file without rows. */
function statisticsOf(writer: ColumnWriter, type: OrcType): Statistics {
  if (writer.type.id === type.id) return writer.newStatistics()
  const child = writer.children.find(({ type: { id, end } }) => type.id >= id && type.id < end)
  return child === undefined ? new Statistics('none') : statisticsOf(child, type)
}

/** A batch of other types would be written as something it is not: refused. Dictionary-encoded text counts as text. */
function checkSchema(schema: Schema, root: OrcType, options: OrcWriterOptions): void {
  const found = flatten(orcSchema(schema, { instants: options.instants ?? false }))
  const expected = flatten(root)
  const same = (type: OrcType, other: OrcType | undefined): boolean =>
    other !== undefined &&
    (type.kind === other.kind || (isText(type.kind) && isText(other.kind))) &&
    type.path === other.path &&
    type.precision === other.precision &&
    type.scale === other.scale
  const wrong = expected.find((type, i) => !same(type, found[i]))
  if (found.length === expected.length && wrong === undefined) return
  throw new ConnectorError(
    'INTERNAL',
    `Record batch of ${schema.fields.length} columns is not of the file's schema of ${root.children.length} columns` +
      (wrong === undefined ? '' : `: column "${wrong.path}" differs`),
  )
}

const isText = (kind: TypeKind): boolean => kind === TypeKind.STRING || kind === TypeKind.VARCHAR || kind === TypeKind.CHAR
