/** Decides how a column travels: the type table of lake-format, the configuration's choices, and which wire forms are understood. */
import type { TableName } from '../../change.ts'
import { ConnectorError } from '../../errors.ts'
import { type LogicalType, typeName } from '../../logical-type.ts'
import type { ColumnOptions, OnBadValue } from '../../ports.ts'
import { textRenderer } from './binary-text.ts'
import { codecOf, forgottenCodec } from './choose-codec.ts'
import type { ColumnPlan } from './column-plan.ts'
import { jsonRenderer } from './json-text.ts'
import type { PgType, PgTypes } from './pg-type.ts'
import { typeOf } from './type-catalogue.ts'

/** A column as the catalogue describes it. */
export type CatalogueColumn = {
  /** attnum. */
  readonly id: number
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  readonly nullable: boolean
  /** `format_type(atttypid, atttypmod)`. */
  readonly sourceType: string
}

export type PlanContext = {
  readonly table: TableName
  readonly options?: ColumnOptions | undefined
  /** The integration's default policy. */
  readonly onBadValue: OnBadValue
}

/** Throws `CONFIGURATION` when the options ask for a type that the column cannot become. */
export function planColumn(column: CatalogueColumn, types: PgTypes, context: PlanContext): ColumnPlan {
  const declared = typeOf(types, column.typeOid)
  const { type, typmod } = undomain(declared, column.typmod, types)
  const onBadValue = context.options?.onBadValue ?? context.onBadValue
  const wanted = context.options?.type
  const chosen = wanted === undefined ? naturalType(type, typmod) : checkedType(wanted, type, typmod, column, context.table)
  const logical = onBadValue === 'text' && isAwkward(chosen, type) ? TEXT : chosen
  const text = textRenderer(type, types)
  const json = jsonRenderer(type, types)
  const binary = type.form === 'array' || type.form === 'composite' ? json.fromBinary : text
  const quoted = quoteIdentifier(column.name)
  return {
    column: {
      ...{ id: column.id, name: column.name, type: logical, sourceType: column.sourceType, nullable: column.nullable },
      ...(showsNames(type, types) ? { showsNames: true as const } : {}),
    },
    type,
    select: binary !== null ? quoted : outputText(type, quoted),
    copyFormat: binary !== null ? 'binary' : 'text',
    streamBinary: binary !== null || !type.hasSend,
    onBadValue,
    codec: codecOf(type, logical, { text, json }),
  }
}

/**
 * SQL for the text that the type's output function prints. (`::text` is another function for inet, bool, char and more. The
 * cast takes a domain off: `enum_out`, `array_out` and the like refuse one.)
 */
export function outputText(type: PgType, expression: string): string {
  return `pg_catalog.textin(${type.output}(${expression}::${quoteIdentifier(type.schema)}.${quoteIdentifier(type.name)}))`
}

/**
 * A column of log records whose type was dropped since, so that nobody knows its binary form. `logical`: as it was recorded,
 * or null. Values that cannot be read are treated like those that the log does not repeat: NULL, and named in `_unchanged`.
 */
export function planForgottenColumn(
  { id, name, typeOid, sourceType }: Pick<CatalogueColumn, 'id' | 'name' | 'typeOid' | 'sourceType'>,
  logical: LogicalType | null,
  onBadValue: OnBadValue,
): ColumnPlan {
  const type = logical ?? TEXT
  const quoted = quoteIdentifier(name)
  return {
    column: { id, name, type, sourceType, nullable: true },
    type: { ...FORGOTTEN, oid: typeOid },
    select: quoted,
    copyFormat: 'text',
    streamBinary: true,
    onBadValue,
    codec: forgottenCodec(type),
  }
}

const FORGOTTEN: PgType = {
  oid: 0,
  schema: 'pg_catalog',
  name: 'unknown',
  extension: null,
  form: 'base',
  delimiter: ',',
  hasSend: true,
  output: 'pg_catalog.unknownout',
  element: 0,
  base: 0,
  baseTypmod: -1,
  range: 0,
  attributes: [],
}

const TEXT: LogicalType = { kind: 'utf8', format: 'text' }
const MAX_PRECISION = 38

/** The type under any domains, and the modifier that holds for it. */
function showsNames({ form, element, base }: PgType, types: PgTypes): boolean {
  if (form === 'array' || form === 'domain') return showsNames(typeOf(types, form === 'array' ? element : base), types)
  return form === 'enum' || form === 'composite'
}

function undomain(type: PgType, typmod: number, types: PgTypes): { readonly type: PgType; readonly typmod: number } {
  if (type.form !== 'domain') return { type, typmod }
  return undomain(typeOf(types, type.base), typmod >= 0 ? typmod : type.baseTypmod, types)
}

const BUILT_IN: Readonly<Record<string, LogicalType>> = {
  bool: { kind: 'bool' },
  int2: { kind: 'int16' },
  int4: { kind: 'int32' },
  int8: { kind: 'int64' },
  oid: { kind: 'int64' },
  float4: { kind: 'float32' },
  float8: { kind: 'float64' },
  uuid: { kind: 'utf8', format: 'uuid' },
  bytea: { kind: 'binary' },
  date: { kind: 'date' },
  time: { kind: 'utf8', format: 'time' },
  timetz: { kind: 'utf8', format: 'timetz' },
  timestamp: { kind: 'timestamp', utc: false },
  timestamptz: { kind: 'timestamp', utc: true },
  interval: { kind: 'utf8', format: 'interval' },
  json: { kind: 'utf8', format: 'json' },
  jsonb: { kind: 'utf8', format: 'json' },
}

const JSON_TEXT: LogicalType = { kind: 'utf8', format: 'json' }

function naturalType(type: PgType, typmod: number): LogicalType {
  if (type.form === 'array' || type.form === 'composite') return JSON_TEXT
  if (type.form !== 'base' || type.schema !== 'pg_catalog') return TEXT
  return type.name === 'numeric' ? numericType(typmod) : (BUILT_IN[type.name] ?? TEXT)
}

/** Unbounded numeric and precisions beyond 38 are exact text. PostgreSQL 15 allows negative scales and scales beyond the precision. */
function numericType(typmod: number): LogicalType {
  if (typmod < 4) return TEXT
  const declared = ((typmod - 4) >> 16) & 0xffff
  const scale = (((typmod - 4) & 0x7ff) ^ 1024) - 1024
  const precision = scale < 0 ? declared - scale : Math.max(declared, scale)
  return precision > MAX_PRECISION ? TEXT : { kind: 'decimal', precision, scale: Math.max(0, scale) }
}

/** Whether values exist that the logical type cannot hold (unlike its text). */
const isAwkward = (logical: LogicalType, type: PgType): boolean =>
  logical.kind === 'decimal' ||
  logical.kind === 'date' ||
  logical.kind === 'timestamp' ||
  (type.name === 'time' && logical.kind === 'utf8' && logical.format === 'time')

function checkedType(wanted: LogicalType, type: PgType, typmod: number, column: CatalogueColumn, table: TableName): LogicalType {
  const natural = naturalType(type, typmod)
  if (typeName(natural) === typeName(wanted) || becomes(natural, wanted, type)) return wanted
  throw new ConnectorError(
    'CONFIGURATION',
    `Column "${table}.${column.name}" is ${column.sourceType} (${typeName(natural)}) and cannot be carried as ${typeName(wanted)}. ` +
      `Give it a wider number of the same kind, decimal for numeric, utf8(hex) for bytea, or utf8 for anything; or leave out "type"`,
  )
}

const WIDER: Readonly<Record<string, readonly string[]>> = {
  int16: ['int32', 'int64'],
  int32: ['int64'],
  float32: ['float64'],
}

function becomes(natural: LogicalType, wanted: LogicalType, type: PgType): boolean {
  if (wanted.kind === 'utf8') {
    if (wanted.format === 'hex') return type.schema === 'pg_catalog' && type.name === 'bytea'
    // JSON kept as text by a domain or an extension may be declared as what it is.
    return wanted.format === 'text' || (wanted.format === 'json' && natural.kind === 'utf8' && natural.format === 'text')
  }
  if (wanted.kind === 'decimal') return type.schema === 'pg_catalog' && type.name === 'numeric'
  return WIDER[natural.kind]?.includes(wanted.kind) ?? false
}

const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
