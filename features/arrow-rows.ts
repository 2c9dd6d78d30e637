/** Rows of Arrow batches (of a source's change sets or of the lake) as row events. Pure; exact or refused. */
import type { RecordBatch, Vector } from 'apache-arrow'
import { type Value, valueReader } from '../connectors/column-values.ts'
import { ConnectorError } from '../connectors/errors.ts'
import { textReader, wholeReader } from './column-reader.ts'
import type { ColumnType } from './definition.ts'
import { zoneOffsetMs } from './instant.ts'
import { keyOf, type RowEvent, type SourceShape } from './row-event.ts'
import { compact, type Id, idOf, type Stored, storedOf, ValueProblem } from './values.ts'

/** Logical type name (`decimal(12,2)`) of a column, as the batches' field metadata have it. */
type TypeName = string

const OPS = { r: 'insert', c: 'insert', u: 'update', d: 'delete', t: 'truncate' } as const

/**
 * Every row of a batch that holds the metadata columns and the view's columns under their source names. Throws `SCHEMA` when a
 * column is absent or of a type that cannot be read exactly, `BAD_VALUE` when a value is not (naming table and column only).
 */
export function* batchRows(table: string, shape: SourceShape, batch: RecordBatch): Generator<RowEvent> {
  const column = (name: string): Vector => {
    const found = batch.getChild(name)
    if (found === null)
      throw new ConnectorError('SCHEMA', `Table "${table}" has no column "${name}", which the feature view uses`)
    return found
  }
  const kind = textReader(column('_op'), { repeated: true })
  const place = textReader(column('_position'), { repeated: false })
  const unchanged = textReader(column('_unchanged'), { repeated: true })
  const readers = shape.columns.map((name, index) => {
    const type = batch.schema.fields.find((field) => field.name === name)?.metadata.get('portage.type') ?? ''
    const wanted = shape.types[index] ?? { kind: 'text' }
    const convert = converter(`${table}.${name}`, type, wanted)
    const read = plainReader(type, wanted, column(name))
    return (row: number): Stored => {
      const value = read(row)
      return value === null ? null : convert(value)
    }
  })
  /** Most keys are one column, which is read once: millions of rows hold the key and the value. */
  const only = shape.key.length === 1 ? (shape.key[0] ?? 0) : null
  const { columns } = shape
  const count = readers.length
  const source = shape.name
  for (let row = 0; row < batch.numRows; row++) {
    const op = OPS[String(kind(row)) as keyof typeof OPS]
    if (op === undefined) throw new ConnectorError('INTERNAL', `Table "${table}" has a row of an unknown kind`)
    const position = String(place(row))
    if (op === 'truncate') {
      yield { source, op, position, key: '', oldKey: null, values: [] }
      continue
    }
    const key = only === null ? keyOf(shape.key.map((index) => idAt(readers[index], row))) : idAt(readers[only], row)
    if (op === 'delete') {
      yield { source, op, position, key, oldKey: null, values: [] }
      continue
    }
    const absent = unchanged(row)
    const missing = typeof absent === 'string' && absent !== '' ? new Set(absent.split(',')) : null
    const values = new Array<Stored | undefined>(count)
    for (let index = 0; index < count; index++) {
      if (index === only) values[index] = key
      else if (missing === null || !missing.has(columns[index] ?? '')) values[index] = readers[index]?.(row)
    }
    yield { source, op, position, key, oldKey: null, values }
  }
}

const idAt = (read: ((row: number) => Stored) | undefined, row: number): Id => (read?.(row) ?? 'null') as Id

function plainReader(type: TypeName, wanted: ColumnType, vector: Vector): (row: number) => Value {
  if (type.startsWith('utf8')) return textReader(vector, { repeated: wanted.kind === 'text' })
  return WHOLE.test(type) ? wholeReader(vector) : valueReader(vector)
}

/** Types whose values may come as number or bigint. */
const WHOLE = /^(int64|decimal|timestamp)/

type Convert = (value: Exclude<Value, null>) => Stored

/** From the lake's type to the definition's. Throws `SCHEMA` when that cannot be exact. */
export function converter(subject: string, type: TypeName, wanted: ColumnType): Convert {
  const exact = exactConverter(type, wanted)
  if (exact === null) {
    throw new ConnectorError(
      'SCHEMA',
      `Column "${subject}" is ${type}; the feature view takes it as ${wanted.kind}, which needs another type`,
    )
  }
  return (value) => {
    try {
      return exact(value)
    } catch (cause) {
      if (!(cause instanceof ValueProblem)) throw cause
      throw new ConnectorError('BAD_VALUE', `Column "${subject}": ${cause.message}`, { cause })
    }
  }
}

function exactConverter(type: TypeName, wanted: ColumnType): Convert | null {
  const whole = type === 'int16' || type === 'int32' || type === 'int64'
  const decimalScale = /^decimal\(\d+,(\d+)\)$/.exec(type)?.[1]
  const textual = type.startsWith('utf8')
  switch (wanted.kind) {
    case 'id':
      if (textual || whole || decimalScale === '0') return (value) => idOf(value as string | number | bigint)
      return null
    case 'text':
      return textual ? (value) => value as string : null
    case 'boolean':
      return type === 'bool' ? (value) => value as boolean : null
    case 'integer':
    case 'money': {
      const scale = wanted.kind === 'money' ? wanted.scale : 0
      if (textual) return (value) => storedOf(value, wanted)
      if (whole) return rescaled(0, scale)
      return decimalScale === undefined ? null : rescaled(Number(decimalScale), scale)
    }
    case 'instant':
      return instantConverter(type, zoneOffsetMs(wanted.zone) ?? 0)
    default:
      return wanted satisfies never
  }
}

function rescaled(from: number, to: number): Convert {
  if (from === to) return (value) => (typeof value === 'bigint' ? compact(value) : (value as number))
  if (from < to) return (value) => compact(BigInt(value as number | bigint) * 10n ** BigInt(to - from))
  const divisor = 10n ** BigInt(from - to)
  return (value) => {
    const exact = BigInt(value as number | bigint)
    if (exact % divisor !== 0n) throw new ValueProblem(`expected at most ${to} decimals, found more`)
    return compact(exact / divisor)
  }
}

function instantConverter(type: TypeName, offsetMs: number): Convert | null {
  if (type === 'date') return (value) => (value as number) * 86_400_000 - offsetMs
  if (type === 'timestamp(us,UTC)') return (value) => milliseconds(value as number | bigint)
  return type === 'timestamp(us)' ? (value) => milliseconds(value as number | bigint) - offsetMs : null
}

/** Cut off towards the past. */
function milliseconds(micros: number | bigint): number {
  return Math.floor(Number(micros) / 1000)
}
