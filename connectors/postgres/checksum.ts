/** Checksums of a chunk, computed by the server under an exported snapshot. I/O. */
import type { ChecksumRequest, Checksums, SourceScope } from '../ports.ts'
import { bucketCondition, checksumSql } from './checksum-sql.ts'
import { chunkCondition } from './chunk-plan.ts'
import { openChunk } from './chunks.ts'
import { connectorError } from './server-error.ts'
import type { Sessions } from './sessions.ts'

/** See `Source.checksum`. */
export async function checksum(
  tools: { readonly sessions: Sessions; readonly scope: SourceScope },
  request: ChecksumRequest,
  signal: AbortSignal,
): Promise<Checksums> {
  const subject = `Checksums of chunk ${request.chunk.id} of "${request.table.table}"`
  await using session = await tools.sessions.acquire(signal)
  try {
    const { relation, plans } = await openChunk(session, tools, request, signal)
    const [server] = await session.rows<{ encoding: string }>(
      /* sql */ `select current_setting('server_encoding') as encoding`,
      [],
      subject,
    )
    const { columns, key, digits, chunk } = request
    const convert = server?.encoding !== 'UTF8'
    const sample = request.prefixes === undefined ? null : bucketCondition(plans, { key, prefixes: request.prefixes })
    const conditions = [chunkCondition(chunk), sample].filter((condition) => condition !== null)
    const where = conditions.length === 0 ? null : conditions.join(' and ')
    const sql = checksumSql({ from: relation, where, plans, columns, key, digits, convert })
    const { rows } = await session.client.query<[string, string, string]>({ text: sql, rowMode: 'array' })
    await session.client.query('commit')
    return new Map(rows.map(([bucket, count, sum]) => [bucket, { rows: BigInt(count), sum: BigInt(sum) }]))
  } catch (error) {
    session.discard()
    throw connectorError(error, subject, signal)
  }
}
