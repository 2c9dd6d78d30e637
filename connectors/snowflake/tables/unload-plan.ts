/**
 * How each column of a table or query leaves Snowflake in a Parquet file, and what it is afterwards. `COPY INTO` would write timestamps
 * in milliseconds and refuse those with a zone (100171), so nothing is left to its defaults: every column is cast. Pure.
 */
import type { Value } from '../../column-values.ts'
import { ConnectorError } from '../../errors.ts'
import type { LogicalType } from '../../logical-type.ts'
import type { TransferColumn } from '../../tables.ts'
import type { SnowflakeColumn } from '../client.ts'
import type { UnloadPolicies } from './unload-policy.ts'

export type UnloadColumn = {
  readonly column: TransferColumn
  /** Name in the files: lower case, unique. */
  readonly alias: string
  /** What stands in the files. */
  readonly expression: string
  /** The type of what stands there, as it is asked of whoever reads the file. */
  readonly stored: LogicalType
  /** From a stored value to one of the column's type; null when it does not fit. */
  readonly value: (stored: Exclude<Value, null>) => Value
  /** A condition that is true of a value that the column's type cannot hold; with its reason. */
  readonly bad: { readonly condition: string; readonly reason: string } | null
}

export type UnloadPlan = {
  readonly columns: readonly UnloadColumn[]
  /** A column of the files that is null, or the number (from 1) of the first column whose value is bad; null when none can be. */
  readonly marker: { readonly alias: string; readonly expression: string } | null
}

/** Throws `UNSUPPORTED` for a type that has no Parquet form, `SCHEMA` for two columns of one name. */
export function unloadPlan(subject: string, columns: readonly SnowflakeColumn[], policies: UnloadPolicies): UnloadPlan {
  const twice = columns.find(({ name }, index) => columns.findIndex((each) => each.name === name) !== index)
  if (twice !== undefined)
    throw new ConnectorError('SCHEMA', `${subject} has two columns "${twice.name}". Name one of them otherwise with "as"`)
  const taken = new Set<string>()
  const planned = columns.map((column): UnloadColumn => {
    const form = formOf(subject, column, policies)
    const name = ownName(column.name, columns)
    return {
      ...form,
      alias: uniqueName(column.name.toLowerCase(), taken),
      column: transferColumn({ ...column, name }, form.type),
    }
  })
  const cases = planned.flatMap(({ bad }, index) => (bad === null ? [] : [`WHEN ${bad.condition} THEN ${index + 1}`]))
  const marker =
    cases.length === 0
      ? null
      : { alias: uniqueName('portage_bad', taken), expression: `CAST(CASE ${cases.join(' ')} END AS NUMBER(38,0))` }
  return { columns: planned, marker }
}

/** Names written without quotes are stored in upper case: outside they are what people wrote. Two that differ in case stay apart. */
function ownName(name: string, columns: readonly SnowflakeColumn[]): string {
  const lower = name.toLowerCase()
  return name !== name.toUpperCase() || columns.some((other) => other.name === lower) ? name : lower
}

/**
 * The columns asked for, by their stored names: as written, else the only one that differs in case alone. Throws `SCHEMA` for one that
 * is not there.
 */
export function wantedColumns(
  subject: string,
  present: readonly SnowflakeColumn[],
  wanted: readonly string[],
): readonly string[] {
  const found = wanted.map((name) => {
    const alike = present.filter((column) => column.name.toUpperCase() === name.toUpperCase())
    return (alike.find((column) => column.name === name) ?? (alike.length === 1 ? alike[0] : undefined))?.name ?? null
  })
  const absent = wanted.filter((_, index) => found[index] === null)
  if (absent.length === 0) return found.flatMap((name) => name ?? [])
  const names = present.map(({ name }) => ownName(name, present)).join(', ')
  throw new ConnectorError('SCHEMA', `${subject} has no column ${absent.map((name) => `"${name}"`).join(', ')}; it has ${names}`)
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

function uniqueName(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let count = 2; taken.has(name); count++) name = `${wanted}_${count}`
  taken.add(name)
  return name
}

function transferColumn({ name, nullable, ...column }: SnowflakeColumn, type: LogicalType): TransferColumn {
  return { name, type, sourceType: spelled(column), nullable }
}

const WORDS: Readonly<Record<string, string>> = { real: 'FLOAT', text: 'VARCHAR' }

/** The type as Snowflake's DDL spells it. */
export function spelled({ type, precision, scale }: Pick<SnowflakeColumn, 'type' | 'precision' | 'scale'>): string {
  if (type === 'fixed') return `NUMBER(${precision ?? 38},${scale ?? 0})`
  if (type === 'time' || type.startsWith('timestamp_')) return `${type.toUpperCase()}(${scale ?? 9})`
  return WORDS[type] ?? type.toUpperCase()
}

type Form = Pick<UnloadColumn, 'expression' | 'stored' | 'value' | 'bad'> & { readonly type: LogicalType }

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const WHOLE: LogicalType = { kind: 'decimal', precision: 38, scale: 0 }
const same = (stored: Exclude<Value, null>): Value => stored

function formOf(subject: string, column: SnowflakeColumn, policies: UnloadPolicies): Form {
  const name = quoted(column.name)
  const plain = (type: LogicalType, sql: string): Form => {
    return { type, stored: type, expression: `CAST(${name} AS ${sql})`, value: same, bad: null }
  }
  const text = (type: LogicalType, expression: string): Form => ({ type, stored: TEXT, expression, value: same, bad: null })
  switch (column.type) {
    case 'fixed':
      return numberForm(name, column.precision ?? 38, column.scale ?? 0, policies)
    case 'real':
      return plain({ kind: 'float64' }, 'DOUBLE')
    case 'text':
      return plain(TEXT, 'VARCHAR')
    case 'boolean':
      return plain({ kind: 'bool' }, 'BOOLEAN')
    case 'date':
      return plain({ kind: 'date' }, 'DATE')
    case 'time':
      return timeForm(name, column.scale ?? 9, policies)
    case 'timestamp_ntz':
      return timestampForm(name, column.scale ?? 9, { kind: 'timestamp', utc: false }, policies)
    case 'timestamp_tz':
      if (policies.zoned === 'text') return text(TEXT, `TO_VARCHAR(${name}, 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM')`)
      return timestampForm(inUtc(name), column.scale ?? 9, { kind: 'timestamp', utc: true }, policies)
    case 'timestamp_ltz':
      return timestampForm(inUtc(name), column.scale ?? 9, { kind: 'timestamp', utc: true }, policies)
    case 'variant':
    case 'object':
    case 'array':
    case 'map':
      return text({ kind: 'utf8', format: 'json' }, `TO_JSON(${name})`)
    case 'binary': {
      const hex = text({ kind: 'utf8', format: 'hex' }, `HEX_ENCODE(${name}, 0)`)
      return policies.binary === 'hex' ? hex : { ...hex, type: { kind: 'binary' }, value: (stored) => bytesOf(String(stored)) }
    }
    default:
      throw new ConnectorError(
        'UNSUPPORTED',
        `${subject}, column "${column.name}" is ${spelled(column)}, which no Parquet file holds. Convert it in a query, or leave it out with --columns`,
      )
  }
}

const inUtc = (name: string): string => `CAST(CONVERT_TIMEZONE('UTC', ${name}) AS TIMESTAMP_NTZ(9))`

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

/** Digits that every value of an integer type has room for. */
const INT16_DIGITS = 4
const INT32_DIGITS = 9
/** 19 digits are how 64-bit integers are registered; the few values beyond are bad values. */
const INT64_DIGITS = 19

/** Fixed-point numbers stand in the files as decimals, so that nothing depends on how an integer was encoded. */
function numberForm(name: string, precision: number, scale: number, { integers }: UnloadPolicies): Form {
  const stored: LogicalType = { kind: 'decimal', precision, scale }
  const form = { stored, expression: `CAST(${name} AS NUMBER(${precision},${scale}))`, bad: null }
  if (scale > 0) return { ...form, type: stored, value: same }
  if (precision <= INT16_DIGITS) return { ...form, type: { kind: 'int16' }, value: Number }
  if (precision <= INT32_DIGITS) return { ...form, type: { kind: 'int32' }, value: Number }
  if (precision > INT64_DIGITS && integers === 'decimal') return { ...form, type: stored, value: same }
  return { ...form, type: { kind: 'int64' }, value: (value) => (BigInt.asIntN(64, value as bigint) === value ? value : null) }
}

const FINE = 'has nanoseconds, which a column of microseconds cannot hold'

/** `name` is a TIMESTAMP_NTZ, of which instants show UTC. */
function timestampForm(name: string, scale: number, type: LogicalType, { timestamps }: UnloadPolicies): Form {
  if (timestamps === 'text') {
    const expression = `TO_VARCHAR(${name}, 'YYYY-MM-DD HH24:MI:SS.FF9')`
    return { type: TEXT, stored: TEXT, expression, value: same, bad: null }
  }
  const unit = timestamps === 'micros' ? 'EPOCH_MICROSECOND' : 'EPOCH_MILLISECOND'
  const factor = timestamps === 'micros' ? 1n : 1000n
  return {
    type,
    stored: WHOLE,
    expression: `CAST(DATE_PART(${unit}, ${name}) AS NUMBER(38,0))`,
    value: (stored) => (stored as bigint) * factor,
    bad: timestamps === 'micros' && scale > 6 ? { condition: finer(name), reason: FINE } : null,
  }
}

function timeForm(name: string, scale: number, { time }: UnloadPolicies): Form {
  const digits = time === 'micros' ? 6 : 9
  return {
    type: digits === 6 ? { kind: 'utf8', format: 'time' } : TEXT,
    stored: TEXT,
    expression: `TO_VARCHAR(${name}, 'HH24:MI:SS.FF${digits}')`,
    value: same,
    bad: digits === 6 && scale > 6 ? { condition: finer(name), reason: FINE } : null,
  }
}

const finer = (name: string): string => `MOD(DATE_PART(NANOSECOND, ${name}), 1000) <> 0`
