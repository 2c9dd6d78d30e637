/**
 * SQL that renders rows as the canonical text which every engine renders alike (ARCHITECTURE.md, Reconcile): PostgreSQL's own
 * opinion of what its values are, apart from our decoders. Sessions run with `DECODE_SETTINGS`. Pure.
 */
import type { LogicalType } from '../logical-type.ts'
import type { KeyBuckets } from '../ports.ts'
import type { ColumnPlan } from './decode/column-plan.ts'
import type { PgType } from './decode/pg-type.ts'
import { outputText } from './decode/plan-column.ts'
import { quoteIdentifier, quoteLiteral } from './identifiers.ts'

/** Functions take at most 100 arguments. */
const ARGUMENTS = 50
const SEPARATOR = `E'\\x1f'`

export type ChecksumStatement = {
  /** Quoted relation, with `only` where needed. */
  readonly from: string
  /** SQL condition; null for all rows. */
  readonly where: string | null
  readonly plans: readonly ColumnPlan[]
  readonly columns: readonly number[]
  readonly key: readonly number[]
  readonly digits: number
  /** The database's encoding is not UTF-8: bytes must be converted before they are digested. */
  readonly convert: boolean
}

/** `select bucket, rows, sum` of the rows that are landed. */
export function checksumSql(statement: ChecksumStatement): string {
  const { from, where, plans, columns, key, digits, convert } = statement
  const rejected = plans.flatMap((plan) => {
    const bad = plan.onBadValue === 'reject' ? badValueSql(plan) : null
    return bad === null ? [] : [`not coalesce(${bad}, false)`]
  })
  const conditions = [...(where === null ? [] : [where]), ...rejected]
  const filter = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
  const row = md5Sql(rowSql(plans, columns, key), convert)
  const bucket = digits === 0 ? `''` : `left(${md5Sql(rowSql(plans, key, key), convert)}, ${digits})`
  return (
    `select bucket, count(*)::text, sum(hash)::text from (select ${bucket} as bucket, ` +
    `('x' || left(${row}, 15))::bit(60)::bigint as hash from ${from}${filter}) rows group by bucket`
  )
}

/** The condition that a row lies in one of the buckets. */
export function bucketCondition(plans: readonly ColumnPlan[], { key, prefixes }: KeyBuckets): string | null {
  if (key.length === 0) return null
  const lengths = Map.groupBy(prefixes, (prefix) => prefix.length)
  const row = md5Sql(rowSql(plans, key, key), true)
  const parts = [...lengths].map(([length, names]) => `left(${row}, ${length}) in (${names.map(quoteLiteral).join(', ')})`)
  return parts.length === 0 ? 'false' : `(${parts.join(' or ')})`
}

const md5Sql = (text: string, convert: boolean): string => (convert ? `md5(convert_to(${text}, 'UTF8'))` : `md5(${text})`)

function rowSql(plans: readonly ColumnPlan[], columns: readonly number[], key: readonly number[]): string {
  const fields = columns.map((id) => {
    const plan = plans.find(({ column }) => column.id === id)
    if (plan === undefined) throw new RangeError(`column ${id} has no plan`)
    return `coalesce(${landedSql(plan, key.includes(id))}, E'\\\\N')`
  })
  return joined(fields)
}

function joined(fields: readonly string[]): string {
  if (fields.length === 0) return `''`
  if (fields.length === 1) return fields[0] ?? ''
  if (fields.length <= ARGUMENTS) return `concat_ws(${SEPARATOR}, ${fields.join(', ')})`
  const groups: string[] = []
  for (let start = 0; start < fields.length; start += ARGUMENTS) groups.push(joined(fields.slice(start, start + ARGUMENTS)))
  return joined(groups)
}

/** The escaped text of what is landed, NULL where NULL is landed. */
function landedSql(plan: ColumnPlan, isKey: boolean): string {
  const text = canonicalSql(plan)
  const bad = plan.onBadValue === 'null' && !isKey ? badValueSql(plan) : null
  return bad === null ? text : `case when ${bad} then null else ${text} end`
}

function canonicalSql({ column, type }: ColumnPlan): string {
  const name = quoteIdentifier(column.name)
  if (type.form === 'array' || type.form === 'composite') return escaped(`pg_catalog.to_json(${name})::text`)
  switch (column.type.kind) {
    case 'bool':
      return `case when ${name} then 't' when not ${name} then 'f' end`
    case 'int16':
    case 'int32':
    case 'int64':
    case 'date':
      return `${name}::text`
    case 'float32':
      return floatSql(name, 'float4')
    case 'float64':
      return floatSql(name, 'float8')
    case 'decimal':
      return isDeclared(column.sourceType, column.type) ? `${name}::text` : `round(${name}::numeric, ${column.type.scale})::text`
    case 'timestamp':
      return `to_char(${name}, 'YYYY-MM-DD HH24:MI:SS.US')`
    case 'binary':
      return `encode(${name}, 'hex')`
    case 'utf8':
      if (column.type.format === 'uuid' && type.name === 'uuid') return `${name}::text`
      if (column.type.format === 'hex') return `encode(${name}, 'hex')`
      if (column.type.format === 'time' && type.name === 'time') return `to_char(${name}, 'HH24:MI:SS.US')`
      return escaped(isText(type) ? `${name}::text` : outputText(type, name))
    default:
      return column.type satisfies never
  }
}

/** Texts whose cast to text is their output function's. */
const isText = (type: PgType): boolean =>
  type.schema === 'pg_catalog' && type.form === 'base' && ['text', 'varchar', 'uuid', 'json', 'jsonb'].includes(type.name)

const isDeclared = (sourceType: string, type: Extract<LogicalType, { kind: 'decimal' }>): boolean =>
  sourceType === `numeric(${type.precision},${type.scale})`

/** Floats count with their bits; every NaN is `NaN`. */
const floatSql = (name: string, type: 'float4' | 'float8'): string =>
  `case when ${name} = 'NaN' then 'NaN' else encode(${type}send(${name}::${type}), 'hex') end`

const escaped = (text: string): string => `replace(replace(${text}, E'\\\\', E'\\\\\\\\'), E'\\x1f', E'\\\\u')`

/** The condition that a value does not fit its logical type; null when every value does. The decoders' rules in SQL. */
function badValueSql({ column, type }: ColumnPlan): string | null {
  const name = quoteIdentifier(column.name)
  switch (column.type.kind) {
    case 'decimal': {
      const { precision, scale } = column.type
      return `(${name} = 'NaN' or abs(${name}::numeric) >= 1e${precision - scale}::numeric or ${name} <> round(${name}::numeric, ${scale}))`
    }
    case 'date':
      return `(not isfinite(${name}) or ${name} < date '0001-01-01' or ${name} > date '9999-12-31')`
    case 'timestamp': {
      const literal = column.type.utc ? 'timestamptz' : 'timestamp'
      return `(not isfinite(${name}) or ${name} < ${literal} '0001-01-01 00:00:00' or ${name} >= ${literal} '10000-01-01 00:00:00')`
    }
    case 'utf8':
      return column.type.format === 'time' && type.name === 'time' ? `(${name} = time '24:00:00')` : null
    default:
      return null
  }
}
