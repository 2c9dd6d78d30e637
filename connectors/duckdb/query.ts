/** Queries over the newest views file, streamed. I/O. */
import type { DuckDBResult } from '@duckdb/node-api'
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { ConnectorError } from '../errors.ts'
import { arrowType, typeName } from '../logical-type.ts'
import type { QueryResult } from '../ports.ts'
import { aborted, type Database, statementError } from './instance.ts'
import { readSchemas } from './ledger.ts'
import { identifier, text } from './quote.ts'
import type { ViewsFile } from './views-file.ts'

const SUBJECT = 'a query'

/**
 * The result's batches have logical types only, and hold a chunk of DuckDB's stream (2,048 rows) each. Relations are
 * found without their schema, those of `main` first. The file is open until the batches were read, or their iteration ended.
 */
export async function query(file: ViewsFile, sql: string, signal: AbortSignal): Promise<QueryResult> {
  signal.throwIfAborted()
  const database = await openForReading(file)
  const interrupt = () => database.connection.interrupt()
  signal.addEventListener('abort', interrupt, { once: true })
  const close = async () => {
    signal.removeEventListener('abort', interrupt)
    await database[Symbol.asyncDispose]()
  }
  try {
    const { toBatch, schema, result } = await streamQuery(database, sql)
    return { schema, batches: streamBatches(result, toBatch, signal, close) }
  } catch (error) {
    await close()
    throw signal.aborted ? aborted(SUBJECT, error) : statementError(SUBJECT, error)
  }
}

/** The newest views file with every registered schema on the search path. Throws `NOT_FOUND` before the first registration. */
export async function openForReading(file: ViewsFile): Promise<Database> {
  const database = await file.read()
  if (database === null) {
    throw new ConnectorError(
      'NOT_FOUND',
      `DuckDB views file "${file.path}" does not exist: nothing has been registered yet. Run "portage register <integration>"`,
    )
  }
  try {
    const schemas = ['main', ...(await readSchemas(database)).filter((schema) => schema !== 'main')]
    await database.run(`set search_path = ${text(schemas.map(identifier).join(','))}`)
    return database
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw error
  }
}

/** A statement whose result is fetched chunk by chunk. Throws what DuckDB throws. */
export async function streamQuery(database: Database, sql: string) {
  const { arrowColumn, logicalTypeOf } = await import('./arrow-column.ts')
  const result = await database.connection.stream(sql)
  const sources = result.columnTypes()
  const types = sources.map(logicalTypeOf)
  const fields = result.deduplicatedColumnNames().map((name, index) => {
    const type = types[index] ?? { kind: 'utf8', format: 'text' }
    return new Field(name, arrowType(type), true, new Map([['portage.type', typeName(type)]]))
  })
  const schema = new Schema(fields)
  const toBatch = (chunk: Awaited<ReturnType<DuckDBResult['fetchChunk']>> & object): RecordBatch => {
    const children = types.map((type, index) => arrowColumn(chunk, index, type, sources[index] as (typeof sources)[number]))
    return new RecordBatch(schema, makeData({ type: new Struct(fields), length: chunk.rowCount, nullCount: 0, children }))
  }
  return { result, schema, toBatch }
}

/** The chunks as batches; `close` is called at their end, however it comes. */
export async function* streamBatches(
  result: DuckDBResult,
  toBatch: (chunk: Awaited<ReturnType<DuckDBResult['fetchChunk']>> & object) => RecordBatch,
  signal: AbortSignal,
  close: () => Promise<void>,
): AsyncGenerator<RecordBatch> {
  try {
    for (;;) {
      signal.throwIfAborted()
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) return
      yield toBatch(chunk)
    }
  } catch (error) {
    throw signal.aborted ? aborted(SUBJECT, error) : statementError(SUBJECT, error)
  } finally {
    await close()
  }
}
