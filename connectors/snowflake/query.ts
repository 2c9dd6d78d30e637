/** Query results as Arrow batches of the types that hold them exactly. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { columnData, parseCanonical, type Value } from '../column-values.ts'
import { ConnectorError } from '../errors.ts'
import { arrowType, type LogicalType, typeName } from '../logical-type.ts'
import type { QueryResult } from '../ports.ts'
import type { SnowflakeClient, SnowflakeColumn, SnowflakeRow } from './client.ts'
import { resultType } from './types.ts'

/** What the driver parses into objects of its own, so that the text is gone. */
const PARSED = new Set(['object', 'array', 'map'])

/** Streams; sent once, because nobody knows what a person's statement does. */
export async function query(client: SnowflakeClient, sql: string, signal: AbortSignal): Promise<QueryResult> {
  signal.throwIfAborted()
  const { columns, batches } = await client.stream(sql, { signal, repeatable: false })
  const parsed = columns.find(({ type }) => PARSED.has(type))
  if (parsed !== undefined) {
    await batches[Symbol.asyncIterator]().return?.()
    throw new ConnectorError(
      'UNSUPPORTED',
      `Column "${parsed.name}" of the result is ${parsed.type.toUpperCase()}, of which the driver changes large numbers: select TO_JSON of it`,
    )
  }
  const readers = columns.map(valueReader)
  const fields = columns.map((column, index) => {
    const type = readers[index]?.type ?? { kind: 'utf8', format: 'text' }
    return new Field(column.name, arrowType(type), true, new Map([['portage.type', typeName(type)]]))
  })
  const schema = new Schema(fields)
  const toBatch = (rows: readonly SnowflakeRow[]): RecordBatch => {
    const children = readers.map(({ type, read }, index) =>
      columnData(
        type,
        rows.map((row) => read(row[index] ?? null)),
      ),
    )
    return new RecordBatch(schema, makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children }))
  }
  return { schema, batches: arrowBatches(batches, toBatch) }
}

async function* arrowBatches(
  batches: AsyncIterable<readonly SnowflakeRow[]>,
  toBatch: (rows: readonly SnowflakeRow[]) => RecordBatch,
): AsyncGenerator<RecordBatch> {
  for await (const rows of batches) yield toBatch(rows)
}

/** Values of a column from the client's texts. `read` throws `BAD_VALUE` for what the type cannot hold; never the value. */
export function valueReader(column: SnowflakeColumn): {
  readonly type: LogicalType
  readonly read: (text: string | null) => Value
} {
  const type = resultType(column)
  const convert = converter(column, type)
  return {
    type,
    read: (text) => {
      if (text === null) return null
      const value = convert(text)
      if (value !== null) return value
      throw new ConnectorError(
        'BAD_VALUE',
        `Column "${column.name}" of the result holds a value that ${typeName(type)} does not: ${CURES[type.kind] ?? 'cast it to VARCHAR'}`,
      )
    },
  }
}

const CURES: Partial<Record<LogicalType['kind'], string>> = {
  int64: 'cast it to NUMBER(38,0)',
  timestamp: 'cast it to TIMESTAMP_NTZ(6), or to VARCHAR to keep nanoseconds',
}

/** Null: does not fit. */
function converter({ type: wire }: SnowflakeColumn, type: LogicalType): (text: string) => Value {
  switch (type.kind) {
    case 'bool':
      return (text) => /^(true|t|1)$/i.test(text)
    case 'int64':
      return (text) => {
        const value = BigInt(text)
        return BigInt.asIntN(64, value) === value ? value : null
      }
    case 'float64':
      return floatOf
    case 'timestamp':
      return wire === 'timestamp_tz' ? zonedMicros : (text) => micros(text)
    case 'utf8':
      return type.format === 'time' ? (text) => text.replace(/(\.\d{6})000$/, '$1') : (text) => text
    default:
      return (text) => parseCanonical(text, type)
  }
}

const FLOATS: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
}

const floatOf = (text: string): number => FLOATS[text.toLowerCase().replace('infinity', 'inf')] ?? Number(text)

/** Microseconds of `YYYY-MM-DD HH:MM:SS.fffffffff`; null when there are nanoseconds. */
function micros(text: string): bigint | null {
  const [seconds = '', fraction = ''] = text.split('.')
  if (/[1-9]/.test(fraction.slice(6))) return null
  return parseCanonical(`${seconds}.${fraction.slice(0, 6)}`, { kind: 'timestamp', utc: true }) as bigint
}

/** The same with `+HHMM` behind it. */
function zonedMicros(text: string): bigint | null {
  const [, local = '', sign = '+', hours = '0', minutes = '0'] = /^(.*?)\s*([+-])(\d{2}):?(\d{2})$/.exec(text) ?? [text, text]
  const value = micros(local)
  const offset = (BigInt(hours) * 60n + BigInt(minutes)) * 60_000_000n
  return value === null ? null : sign === '-' ? value + offset : value - offset
}
