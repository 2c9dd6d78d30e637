/** Whether every value of a logical type is the same value in a PostgreSQL type. What a server would round is refused before. Pure. */
import { type LogicalType, typeName } from '../../logical-type.ts'
import type { PgType, PgTypes } from '../decode/pg-type.ts'
import { typeOf } from '../decode/type-catalogue.ts'

const INTEGER_RANK: Readonly<Record<string, number>> = { int16: 1, int32: 2, int64: 3, int2: 1, int4: 2, int8: 3 }
const TEXTS = new Set(['text', 'varchar', 'bpchar', 'citext', 'name'])
/** Read from text without a choice of ours: they hold the text, or the server refuses it. */
const ROUNDED = new Set([
  'numeric',
  'float4',
  'float8',
  'int2',
  'int4',
  'int8',
  'date',
  'timestamp',
  'timestamptz',
  'money',
  'bool',
  'oid',
])
const TIME_FORMATS: Readonly<Record<string, string>> = { time: 'time', timetz: 'timetz', interval: 'interval' }
const NO_MODIFIER = -1

/** Null when it fits; else why not, with the cure. */
export function assignmentProblem(from: LogicalType, typeOid: number, typmod: number, types: PgTypes): string | null {
  const { type, modifier } = underDomains(typeOf(types, typeOid), typmod, types)
  const { name } = type
  if (TEXTS.has(name)) return null
  const digits = numericDigits(name, modifier)
  const problem = (reason: string): string => `${typeName(from)} ${reason} ${name}`
  switch (from.kind) {
    case 'bool':
      return name === 'bool' ? null : problem('is no')
    case 'int16':
    case 'int32':
    case 'int64': {
      const rank = INTEGER_RANK[from.kind] ?? 0
      if (name in INTEGER_RANK) return rank <= (INTEGER_RANK[name] ?? 0) ? null : problem('is wider than')
      // The server refuses what is too large and rounds nothing of a whole number, unless the scale is negative.
      if (name === 'numeric') return digits === null || digits.scale >= 0 ? null : problem('would be rounded in')
      if (name === 'float8') return rank < 3 ? null : problem('is not exact in')
      return name === 'oid' ? null : problem('does not go into')
    }
    case 'decimal':
      if (name !== 'numeric') return problem('is not exact in')
      return digits === null || digits.scale >= from.scale ? null : problem(`would be rounded to ${digits.scale} decimals in`)
    case 'float32':
      return name === 'float4' || name === 'float8' ? null : problem('is not exact in')
    case 'float64':
      return name === 'float8' ? null : problem('is not exact in')
    case 'date':
      return name === 'date' || name === 'timestamp' ? null : problem('does not go into')
    case 'timestamp': {
      const wanted = from.utc ? 'timestamptz' : 'timestamp'
      if (name !== wanted) return problem(from.utc ? 'is an instant, unlike' : 'has no time zone, unlike')
      return modifier === NO_MODIFIER || modifier >= 6 ? null : problem(`would be rounded to ${modifier} digits in`)
    }
    case 'binary':
      return name === 'bytea' ? null : problem('does not go into')
    case 'utf8': {
      const time = TIME_FORMATS[from.format]
      if (time !== undefined && name === time) return null
      // Unbounded numeric holds every digit, and travels as text for that reason.
      if (name === 'numeric' && digits === null) return null
      return ROUNDED.has(name) ? problem('would be read as the server likes in') : null
    }
    default:
      return from satisfies never
  }
}

function underDomains(type: PgType, typmod: number, types: PgTypes): { readonly type: PgType; readonly modifier: number } {
  if (type.form !== 'domain') return { type, modifier: typmod }
  return underDomains(typeOf(types, type.base), typmod >= 0 ? typmod : type.baseTypmod, types)
}

/** Null: unbounded, or no numeric. Source: `numerictypmodin`. */
function numericDigits(name: string, typmod: number): { readonly scale: number } | null {
  if (name !== 'numeric' || typmod < 4) return null
  return { scale: (((typmod - 4) & 0x7ff) ^ 1024) - 1024 }
}

/** The type of a new column. */
export function newColumnType(type: LogicalType): string {
  switch (type.kind) {
    case 'bool':
      return 'boolean'
    case 'int16':
      return 'smallint'
    case 'int32':
      return 'integer'
    case 'int64':
      return 'bigint'
    case 'float32':
      return 'real'
    case 'float64':
      return 'double precision'
    case 'decimal':
      return `numeric(${type.precision},${type.scale})`
    case 'binary':
      return 'bytea'
    case 'date':
      return 'date'
    case 'timestamp':
      return type.utc ? 'timestamp with time zone' : 'timestamp without time zone'
    case 'utf8':
      return {
        text: 'text',
        hex: 'text',
        json: 'json',
        uuid: 'uuid',
        time: 'time',
        timetz: 'time with time zone',
        interval: 'interval',
      }[type.format]
    default:
      return type satisfies never
  }
}
