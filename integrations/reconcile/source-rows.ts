/** The rows and checksums that a table has in its source, in a held snapshot. I/O through the port. */
import { METADATA_COLUMNS, type RowBatch } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Chunk, HeldSnapshot, Source } from '../../connectors/ports.ts'
import type { BucketSum, BucketSums } from './bucket-sums.ts'
import { arrowCells } from './cells.ts'
import type { ComparedTable } from './compared-table.ts'
import { KeyDigest, type RowSink, type SeenRows } from './row-sink.ts'

export type SourceScan = {
  readonly source: Source
  readonly snapshot: HeldSnapshot
  readonly compared: ComparedTable
  readonly chunks: readonly Chunk[]
  /** Chunks at a time. */
  readonly readers: number
  /** Hex prefixes of the keys' MD5 that are wanted; absent: every row. The sink may be given more. */
  readonly prefixes?: readonly string[]
  /** The sink looks at no key: it is given any. */
  readonly keyless?: boolean
  readonly onRows?: (rows: number) => void
}

/** Hands the rows to the sink. Throws what `Source.readChunk` throws. */
export async function scanSource(scan: SourceScan, sink: RowSink, signal: AbortSignal): Promise<void> {
  const { source, snapshot, compared, prefixes } = scan
  const table = compared.source
  const key = compared.key.map((index) => compared.columns[index]?.id ?? 0)
  await eachChunk(scan, signal, async (chunk, stop) => {
    const only = prefixes === undefined ? {} : { only: { key, prefixes } }
    const request = { table, chunk, token: snapshot.token, position: snapshot.position, onReject: () => {}, ...only }
    const keyDigest = new KeyDigest(compared.key)
    for await (const batch of source.readChunk(request, stop)) {
      try {
        const seen = seenRows(compared, batch)
        for (let row = 0; row < batch.batch.numRows; row++) {
          sink(seen, row, scan.keyless === true ? keyDigest.words : keyDigest.of(seen.cells, row), 1)
        }
        scan.onRows?.(batch.batch.numRows)
      } finally {
        batch.release()
      }
    }
  })
}

/**
 * The source's own checksums of the columns at `indexes`; null when it cannot say. Throws what `Source.checksum` throws.
 */
export async function sourceChecksums(
  scan: SourceScan,
  options: { readonly indexes: readonly number[]; readonly digits: number },
  signal: AbortSignal,
): Promise<BucketSums | null> {
  const { source, snapshot, compared } = scan
  const ids = (indexes: readonly number[]) => indexes.map((index) => compared.columns[index]?.id ?? 0)
  const sums = new Map<string, BucketSum>()
  let able = true
  await eachChunk(scan, signal, async (chunk, stop) => {
    if (!able) return
    const [columns, key] = [ids(options.indexes), ids(compared.key)]
    const only = scan.prefixes === undefined ? {} : { prefixes: scan.prefixes }
    const request = { table: compared.source, chunk, token: snapshot.token, columns, key, digits: options.digits, ...only }
    const part = await source.checksum(request, stop)
    if (part === null) {
      able = false
      return
    }
    let read = 0n
    for (const [bucket, { rows, sum }] of part) {
      const before = sums.get(bucket) ?? { rows: 0n, sum: 0n }
      sums.set(bucket, { rows: before.rows + rows, sum: before.sum + sum })
      read += rows
    }
    scan.onRows?.(Number(read))
  })
  return able ? sums : null
}

/** The first failure ends the others. */
async function eachChunk(
  { chunks, readers }: SourceScan,
  signal: AbortSignal,
  work: (chunk: Chunk, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const waiting = [...chunks]
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const failures: unknown[] = []
  const reader = async () => {
    try {
      for (let chunk = waiting.shift(); chunk !== undefined && failures.length === 0; chunk = waiting.shift())
        await work(chunk, either)
    } catch (error) {
      failures.push(error)
      stop.abort()
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, readers) }, reader))
  if (failures.length > 0) throw failures[0]
}

const nothing = () => null
const never = () => false

function seenRows({ source, columns }: ComparedTable, { batch }: RowBatch): SeenRows {
  const places = new Map(source.columns.map(({ id }, index) => [id, METADATA_COLUMNS.length + index]))
  const cells = columns.map(({ id, name, type }) => {
    const data = batch.data.children[places.get(id) ?? -1]
    if (data === undefined) throw new ConnectorError('INTERNAL', `Batch of "${source.table}" lacks column "${name}"`)
    return arrowCells(type, data)
  })
  return { cells, file: null, unchanged: nothing, isLate: never }
}
