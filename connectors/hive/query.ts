/** Queries, their results as Arrow batches of logical types. I/O. */
import { Field, makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import { columnData, parseCanonical, type Value } from '../column-values.ts'
import { ConnectorError } from '../errors.ts'
import { arrowType, type LogicalType, typeName } from '../logical-type.ts'
import type { QueryResult } from '../ports.ts'
import type { HiveClient, HivePage, HiveValue } from './client/client.ts'

/** Names that repeat get `_2`, `_3` …; of a table's columns Hive may say `<table>.<column>`, which is not asked for. */
export async function query(client: HiveClient, sql: string, signal: AbortSignal): Promise<QueryResult> {
  signal.throwIfAborted()
  const result = await asStatement(() => client.query(sql, signal))
  const types = result.columns.map(({ type }) => logicalType(type))
  const names = distinct(result.columns.map(({ name }) => name))
  const fields = types.map(
    (type, index) => new Field(names[index] ?? '', arrowType(type), true, new Map([['portage.type', typeName(type)]])),
  )
  const schema = new Schema(fields)
  const toBatch = ({ rows, columns }: HivePage): RecordBatch => {
    const children = types.map((type, index) =>
      columnData(
        type,
        Array.from({ length: rows }, (_, row) => cell(columns[index]?.[row] ?? null, type, names[index] ?? '')),
      ),
    )
    return new RecordBatch(schema, makeData({ type: new Struct(fields), length: rows, nullCount: 0, children }))
  }
  async function* batches(): AsyncGenerator<RecordBatch> {
    for await (const page of result.pages) {
      signal.throwIfAborted()
      if (page.rows > 0) yield toBatch(page)
    }
  }
  return { schema, batches: batches() }
}

/** A table that is not there is a mistake in the statement, like any other. */
async function asStatement<Result>(ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.code !== 'NOT_FOUND') throw error
    throw new ConnectorError('STATEMENT', error.message, { cause: error })
  }
}

const DECIMAL = /^decimal\((\d+),\s*(\d+)\)$/

/** Types without a logical type come as the server's own text. */
export function logicalType(type: string): LogicalType {
  const decimal = DECIMAL.exec(type)
  if (decimal !== null) return { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) }
  switch (type) {
    case 'boolean':
      return { kind: 'bool' }
    case 'tinyint':
    case 'smallint':
      return { kind: 'int16' }
    case 'int':
      return { kind: 'int32' }
    case 'bigint':
      return { kind: 'int64' }
    case 'float':
      return { kind: 'float32' }
    case 'double':
      return { kind: 'float64' }
    case 'binary':
      return { kind: 'binary' }
    case 'date':
      return { kind: 'date' }
    case 'timestamp':
    case 'timestamp_ntz':
      return { kind: 'timestamp', utc: false }
    default:
      return { kind: 'utf8', format: 'text' }
  }
}

function cell(value: HiveValue, type: LogicalType, name: string): Value {
  if (value === null || value instanceof Uint8Array) return value
  switch (type.kind) {
    case 'decimal':
      return unscaled(String(value), type.scale)
    case 'date':
      return parseCanonical(String(value), type)
    case 'timestamp':
      return parseCanonical(micros(String(value), name), type)
    case 'utf8':
      return String(value)
    case 'int64':
      return BigInt(value)
    default:
      return value
  }
}

/** Servers may leave zeros at the end away. */
function unscaled(value: string, scale: number): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d*)(?:\.(\d*))?$/.exec(value) ?? []
  if (whole === undefined || fraction.slice(scale).replaceAll('0', '') !== '') {
    throw new ConnectorError('INTERNAL', `A decimal of scale ${scale} came in another form`)
  }
  const digits = BigInt(`${whole}${fraction.slice(0, scale).padEnd(scale, '0')}` || '0')
  return sign === '-' ? -digits : digits
}

function micros(value: string, name: string): string {
  const [, second, fraction = ''] = /^(.{19})(?:\.(\d+))?$/.exec(value) ?? []
  if (second === undefined || fraction.slice(6).replaceAll('0', '') !== '') {
    throw new ConnectorError(
      'BAD_VALUE',
      `Column "${name}" of the result has a timestamp that is no whole number of microseconds of years 1 to 9999. Ask for cast(… as string)`,
    )
  }
  return `${second}.${fraction.slice(0, 6).padEnd(6, '0')}`
}

function distinct(names: readonly string[]): readonly string[] {
  const taken = new Set<string>()
  return names.map((name) => {
    let free = name
    for (let n = 2; taken.has(free); n++) free = `${name}_${n}`
    taken.add(free)
    return free
  })
}
