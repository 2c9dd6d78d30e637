/** Rows of a query as Parquet files in an object store. I/O. */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConnectorError } from '../errors.ts'
import type { ObjectStore, RegisteredFile } from '../ports.ts'
import { interruptible } from './instance.ts'
import { openForReading } from './query.ts'
import { filePath, text } from './quote.ts'
import type { ViewsFile } from './views-file.ts'

const FILE_BYTES = 256 * 1024 * 1024

/**
 * Files of up to about 256 MiB of DuckDB's own Parquet (zstd), spooled under `spool` and uploaded one by one; what was
 * uploaded is deleted again when a later step fails. Throws `STORE` when the prefix already holds objects.
 */
export async function unload(
  file: ViewsFile,
  request: { readonly sql: string; readonly store: ObjectStore; readonly prefix: string },
  spool: string,
  signal: AbortSignal,
): Promise<readonly RegisteredFile[]> {
  const prefix = request.prefix.endsWith('/') ? request.prefix : `${request.prefix}/`
  for await (const present of request.store.list(prefix, { signal })) {
    throw new ConnectorError('STORE', `Prefix "${prefix}" already holds "${present.key}"; unloading needs a fresh prefix`)
  }
  const directory = join(spool, `unload-${randomUUID()}`)
  await mkdir(directory, { recursive: true })
  const uploaded: RegisteredFile[] = []
  try {
    const rows = await copyOut(file, request.sql, directory, signal)
    const names = (await readdir(directory)).filter((name) => name.endsWith('.parquet')).sort()
    for (const [index, name] of names.entries()) {
      const key = `${prefix}part-${String(index).padStart(5, '0')}.parquet`
      uploaded.push(await upload(request.store, key, join(directory, name), rows.get(name) ?? 0, signal))
    }
    return uploaded
  } catch (error) {
    await request.store.delete(uploaded.map((each) => each.key))
    throw error
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Rows by file name. */
async function copyOut(
  file: ViewsFile,
  sql: string,
  directory: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  await using database = await openForReading(file)
  return await interruptible(database, signal, 'an unload', async () => {
    // On lines of its own, so that a comment at the end of the query cannot swallow the parenthesis.
    await database.run(
      `copy (\n${sql.replace(/;\s*$/, '')}\n) to ${text(directory)} (format parquet, compression zstd, file_size_bytes ${FILE_BYTES}, filename_pattern 'part-{i}', overwrite_or_ignore true)`,
    )
    const counts = await database.rows(
      `select file_name, num_rows from parquet_file_metadata(${filePath(directory).slice(0, -1)}/*.parquet')`,
    )
    return new Map(counts.map(([path, rows]) => [String(path).slice(String(path).lastIndexOf('/') + 1), Number(rows)]))
  })
}

async function upload(store: ObjectStore, key: string, path: string, rows: number, signal: AbortSignal): Promise<RegisteredFile> {
  await using writer = await store.openWriter(key, signal)
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) await writer.write(chunk)
  const { size, sha256 } = await writer.close()
  const spooled = await stat(path)
  if (spooled.size !== size) {
    throw new ConnectorError('PROOF', `Object "${key}" has ${size} bytes, the unloaded file ${spooled.size}`)
  }
  return { key, address: store.address(key), size, sha256, rows, format: 'parquet' }
}
