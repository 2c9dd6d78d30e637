/** A Parquet file of anyone's as a table, read by DuckDB: every encoding, any writer. I/O. */
import type { RecordBatch } from 'apache-arrow'
import { ConnectorError } from '../errors.ts'
import { typeName } from '../logical-type.ts'
import type { TableReader, TransferColumn } from '../tables.ts'
import { type Database, openDatabase } from './instance.ts'
import { streamBatches, streamQuery } from './query.ts'
import { filePath, identifier, text } from './quote.ts'

export type ParquetTableRequest = {
  /** On this machine. */
  readonly path: string
  /** For messages. */
  readonly name: string
  /** Null: all. */
  readonly columns: readonly string[] | null
  /** In DuckDB's dialect. */
  readonly where: string | null
  readonly fingerprint: string | null
  /** Directory for what does not fit into memory. */
  readonly spill: string
}

/** Threads and memory of one reading: the rest of the machine is for encoding. */
const THREADS = 2
const MEMORY = '512MB'

/** Throws `FORMAT` for a file that is no Parquet, `SCHEMA` for a column that is not there, `STATEMENT` for a condition that is none. */
export async function openParquetTable(request: ParquetTableRequest, signal: AbortSignal): Promise<TableReader> {
  signal.throwIfAborted()
  const { path, name, fingerprint, spill } = request
  const subject = `File "${name}"`
  const database = await openDatabase(null, { access: 'write', threads: THREADS, memoryLimit: MEMORY, temporaryDirectory: spill })
  try {
    const source = await describe(database, path, subject)
    const sql = selectOf(request, source.columns, subject)
    const columns = await resultColumns(database, sql, source.columns, subject)
    return {
      subject,
      columns,
      estimatedRows: request.where === null ? source.rows : null,
      fingerprint,
      progress: () => null,
      rows: (abort) => rowsOf(database, sql, subject, abort),
      [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
    }
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw error
  }
}

type SourceColumn = { readonly name: string; readonly type: string }

async function describe(database: Database, path: string, subject: string) {
  try {
    const described = await database.rows(`describe select * from read_parquet(${filePath(path)}, hive_partitioning = false)`)
    const counted = await database.rows(`select sum(num_rows) from parquet_file_metadata(${filePath(path)})`)
    const columns = described.map((row): SourceColumn => ({ name: String(row[0]), type: String(row[1]) }))
    return { columns, rows: Number(counted[0]?.[0] ?? 0) }
  } catch (cause) {
    throw new ConnectorError('FORMAT', `${subject} cannot be read as Parquet: it is damaged, encrypted or of another format`, {
      cause,
    })
  }
}

function selectOf({ path, columns, where }: ParquetTableRequest, present: readonly SourceColumn[], subject: string): string {
  const absent = columns?.filter((name) => !present.some((column) => column.name === name)) ?? []
  if (absent.length > 0) {
    const names = present.map((column) => column.name).join(', ')
    throw new ConnectorError(
      'SCHEMA',
      `${subject} has no column ${absent.map((name) => `"${name}"`).join(', ')}; it has ${names}`,
    )
  }
  const wanted = columns ?? present.map((column) => column.name)
  const list = wanted.map((name) => {
    const type = present.find((column) => column.name === name)?.type ?? ''
    return `${expression(identifier(name), name, type)} as ${identifier(name)}`
  })
  const condition = where === null ? '' : `\nwhere (\n${where}\n)`
  return `select ${list.join(', ')} from read_parquet(${filePath(path)}, hive_partitioning = false)${condition}`
}

/** Nanoseconds become microseconds where nothing is lost; else the column is refused while it is read. */
function expression(quoted: string, name: string, type: string): string {
  if (type !== 'TIMESTAMP_NS') return quoted
  const refusal = `error(${text(`${NANOSECONDS}${name}`)})`
  return `case when epoch_ns(${quoted}) % 1000 <> 0 then ${refusal} else make_timestamp(epoch_ns(${quoted}) // 1000) end`
}

const NANOSECONDS = 'portage: nanoseconds in column '

async function resultColumns(
  database: Database,
  sql: string,
  present: readonly SourceColumn[],
  subject: string,
): Promise<readonly TransferColumn[]> {
  const { logicalTypeOf } = await import('./arrow-column.ts')
  try {
    const result = await database.connection.stream(`select * from (${sql}\n) limit 0`)
    const types = result.columnTypes()
    return result.columnNames().map((name, index) => {
      const type = logicalTypeOf(types[index] as (typeof types)[number])
      return { name, type, sourceType: present.find((column) => column.name === name)?.type ?? typeName(type), nullable: true }
    })
  } catch (error) {
    throw refused(error, subject)
  }
}

async function* rowsOf(
  database: Database,
  sql: string,
  subject: string,
  signal: AbortSignal,
): AsyncGenerator<{ readonly batch: RecordBatch; readonly release: () => void }> {
  const interrupt = () => database.connection.interrupt()
  signal.addEventListener('abort', interrupt, { once: true })
  const close = async () => signal.removeEventListener('abort', interrupt)
  try {
    const { result, toBatch } = await streamQuery(database, sql)
    for await (const batch of streamBatches(result, toBatch, signal, close)) yield { batch, release: () => undefined }
  } catch (error) {
    throw refused(error, subject)
  } finally {
    await close()
  }
}

/** DuckDB's words about statements may be shown, those about values not. */
function refused(error: unknown, subject: string): unknown {
  const cause = error instanceof ConnectorError ? (error.cause ?? error) : error
  const message = cause instanceof Error ? cause.message : String(cause)
  if (error instanceof ConnectorError && error.code !== 'STATEMENT') return error
  const column = message.split(NANOSECONDS)[1]?.split(/[\n"]/)[0]
  if (column !== undefined) {
    return new ConnectorError(
      'BAD_VALUE',
      `${subject}, column "${column}": a timestamp has nanoseconds, which a timestamp of microseconds cannot hold. Round them where the file is made, or leave the column out with --columns`,
    )
  }
  if (/^(?:Conversion|Out of Range|Invalid Input)/.test(message)) {
    return new ConnectorError('BAD_VALUE', `${subject}: a value cannot be converted as the condition or its type asks`)
  }
  return new ConnectorError('STATEMENT', `${subject} cannot be read as asked`, { cause })
}
