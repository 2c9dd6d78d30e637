/** ORC files in memory: written by our writer, read by our reader, or put together by hand from the format's messages. */
import type { RecordBatch, Schema } from 'apache-arrow'
import type { FileSummary } from '../../integrations/land/file-writer.ts'
import { compressionOf, frame } from '../../integrations/land/orc/compression.ts'
import * as orc from '../../integrations/land/orc/messages.ts'
import { type OrcReadOptions, openOrc, type ReadRange } from '../../integrations/land/orc/orc-file.ts'
import { createOrcWriter, type OrcWriterOptions } from '../../integrations/land/orc/orc-writer.ts'
import { encodeMessage, type Message } from '../../integrations/land/orc/protobuf.ts'
import { type Plain, plainColumns } from './plain-values.ts'

export type WrittenOrc = { readonly bytes: Uint8Array; readonly summary: FileSummary }

export async function writeOrc(
  schema: Schema,
  batches: readonly RecordBatch[],
  options: Partial<Omit<OrcWriterOptions, 'schema' | 'sink'>> = {},
): Promise<WrittenOrc> {
  const parts: Uint8Array[] = []
  const sink = {
    write: async (chunk: Uint8Array) => {
      parts.push(chunk.slice())
    },
  }
  const writer = createOrcWriter({ compression: 'none', metadata: new Map(), ...options, schema, sink })
  for (const batch of batches) await writer.append(batch)
  const summary = await writer.finish()
  return { bytes: Buffer.concat(parts), summary }
}

/** A file's ranges, with what was asked for. */
export function rangesOf(bytes: Uint8Array): { readonly read: ReadRange; readonly asked: [number, number][] } {
  const asked: [number, number][] = []
  return {
    asked,
    read: async (start, end) => {
      asked.push([start, end])
      return bytes.subarray(start, end)
    },
  }
}

export async function readOrc(
  bytes: Uint8Array,
  options: OrcReadOptions = {},
): Promise<{ readonly rows: number; readonly columns: Plain[][]; readonly batches: RecordBatch[] }> {
  const file = await openOrc(rangesOf(bytes).read, bytes.length)
  const batches: RecordBatch[] = []
  for await (const batch of file.read(options)) batches.push(batch)
  return { rows: batches.reduce((rows, batch) => rows + batch.numRows, 0), columns: plainColumns(batches), batches }
}

type Parts = {
  readonly types: readonly Partial<orc.Type>[]
  readonly rows: number
  /** Per stream: kind, column, bytes. */
  readonly streams?: readonly (readonly [number, number, readonly number[]])[]
  readonly encodings?: readonly Partial<orc.ColumnEncoding>[]
  readonly timezone?: string
  readonly footer?: Partial<orc.Footer>
  readonly postScript?: Partial<orc.PostScript>
  readonly compression?: 'none' | 'zstd'
}

/** A file of one stripe (none when there are no rows) from its parts: no statistics, no row index. */
export function orcOfParts(parts: Parts): Uint8Array {
  const { kind, compress } = compressionOf(parts.compression ?? 'none')
  const streams = (parts.streams ?? []).map(([stream, column, bytes]) => ({
    kind: stream,
    column,
    bytes: frame(Uint8Array.from(bytes), compress),
  }))
  const data = Buffer.concat(streams.map(({ bytes }) => bytes))
  const stripeFooter = frame(
    encodeMessage(orc.StripeFooter, {
      streams: streams.map(({ kind: stream, column, bytes }) => ({ kind: stream, column, length: bytes.length })),
      columns: parts.types.map((_, i) => ({ kind: 0, ...parts.encodings?.[i] })) as Message<typeof orc.ColumnEncoding>[],
      ...(parts.timezone === undefined ? {} : { writerTimezone: parts.timezone }),
    }),
    compress,
  )
  const stripe = {
    offset: 3,
    indexLength: 0,
    dataLength: data.length,
    footerLength: stripeFooter.length,
    numberOfRows: parts.rows,
  }
  const footer = frame(
    encodeMessage(orc.Footer, {
      headerLength: 3,
      stripes: parts.rows === 0 ? [] : [stripe],
      types: parts.types.map((type) => ({ subtypes: [], fieldNames: [], ...type })) as orc.Type[],
      numberOfRows: parts.rows,
      ...parts.footer,
    }),
    compress,
  )
  const postScript = encodeMessage(orc.PostScript, {
    footerLength: footer.length,
    compression: kind,
    compressionBlockSize: 262_144,
    version: [0, 12],
    metadataLength: 0,
    magic: 'ORC',
    ...parts.postScript,
  })
  return Buffer.concat([
    Buffer.from('ORC'),
    ...(parts.rows === 0 ? [] : [data, stripeFooter]),
    footer,
    postScript,
    Uint8Array.of(postScript.length),
  ])
}

/** A root struct of the given columns, then the columns' types in pre-order (children are not re-numbered). */
export function tableTypes(names: readonly string[], types: readonly Partial<orc.Type>[]): Partial<orc.Type>[] {
  const children = new Set(types.flatMap(({ subtypes }) => subtypes ?? []))
  const top = types.map((_, i) => i + 1).filter((id) => !children.has(id))
  return [{ kind: orc.TypeKind.STRUCT, subtypes: top, fieldNames: [...names] }, ...types]
}
