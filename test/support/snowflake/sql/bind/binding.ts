/** Bound values as literals of their types. */
import type { Binding } from '../../engine.ts'
import { invalidParameter, type Place, syntaxError } from '../errors.ts'
import { BOOLEAN, binary, DATE, FLOAT, number, text, time, timestamp } from '../types.ts'
import { type Bound, bound, quoted } from './value.ts'

export function bindBinding(bindings: readonly Binding[], index: number, at: Place): Bound {
  const binding = bindings[index]
  if (binding === undefined) throw syntaxError({ raw: '?', ...at })
  const { type, value } = binding
  if (value === null) return { ...bound('NULL', { kind: 'null' }), constant: null }
  switch (type.toUpperCase()) {
    case 'TEXT':
    case 'ANY':
      return { ...bound(quoted(value), text(), false), constant: value }
    case 'FIXED': {
      const found = /^-?(\d+)(?:\.(\d+))?$/.exec(value)
      if (found === null) throw invalidParameter(`Numeric value '${value}' is not recognized`)
      const scale = found[2]?.length ?? 0
      const precision = Math.max((found[1]?.length ?? 0) + scale, 1)
      return {
        ...bound(`CAST('${value}' AS DECIMAL(${Math.min(precision, 38)},${scale}))`, number(precision, scale), false),
        constant: value,
      }
    }
    case 'REAL':
      return bound(`CAST(${quoted(value)} AS DOUBLE)`, FLOAT, false)
    case 'BOOLEAN':
      return bound(/^(?:true|1)$/i.test(value) ? 'true' : 'false', BOOLEAN, false)
    case 'BINARY':
      return bound(`sf_text_binary(${quoted(value)})`, binary(), false)
    case 'DATE':
      return bound(`CAST(make_timestamp(CAST(${whole(value)} AS BIGINT) * 1000) AS DATE)`, DATE, false)
    case 'TIME':
      return bound(`CAST(make_timestamp(CAST(${whole(value)} AS BIGINT) // 1000) AS TIME)`, time(), false)
    case 'TIMESTAMP_NTZ':
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP_TZ': {
      const kind =
        type.toUpperCase() === 'TIMESTAMP_NTZ'
          ? 'timestamp_ntz'
          : type.toUpperCase() === 'TIMESTAMP_LTZ'
            ? 'timestamp_ltz'
            : 'timestamp_tz'
      return bound(`make_timestamp(CAST(${whole(value.split(' ')[0] ?? '')} AS BIGINT) // 1000)`, timestamp(kind), false)
    }
    default:
      throw invalidParameter(`Binding of type '${type}' is not known`)
  }
}

/** Milliseconds or nanoseconds since 1970, as drivers send dates and times. */
function whole(value: string): string {
  if (!/^-?\d{1,19}$/.test(value)) throw invalidParameter(`Value of a bound date or time is not a number`)
  return value
}
