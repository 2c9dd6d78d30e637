/** Snowflake's date and time formats in DuckDB's. */
import { type Bound, quoted } from '../bind/value.ts'
import { invalidParameter } from '../errors.ts'

const ELEMENTS: readonly (readonly [RegExp, string])[] = [
  [/^YYYY/i, '%Y'],
  [/^YY/i, '%y'],
  [/^MMMM/i, '%B'],
  [/^MON/i, '%b'],
  [/^MM/i, '%m'],
  [/^DD/i, '%d'],
  [/^DY/i, '%a'],
  [/^HH24/i, '%H'],
  [/^HH12/i, '%I'],
  [/^AM|^PM/i, '%p'],
  [/^MI/i, '%M'],
  [/^SS/i, '%S'],
  [/^FF9/i, '%f000'],
  [/^FF6/i, '%f'],
  [/^FF3/i, '%g'],
  [/^FF(?!\d)/i, '%f000'],
  [/^TZHTZM/i, '+0000'],
  [/^TZH:TZM/i, '+00:00'],
  [/^TZH/i, '+00'],
  [/^UUUU/i, '%Y'],
  // Letters that are no element stand for themselves; dbt-snowflake's catalogue has these.
  [/^UTC/, 'UTC'],
]

/** Throws 001008 for an element that is not known. The session's zone is UTC, so offsets are written as such. */
export function duckFormat(format: string): string {
  let out = ''
  let rest = format
  while (rest !== '') {
    const literal = /^"([^"]*)"/.exec(rest)
    const element = ELEMENTS.find(([pattern]) => pattern.test(rest))
    if (literal !== null) {
      out += literal[1]?.replaceAll('%', '%%') ?? ''
      rest = rest.slice(literal[0].length)
    } else if (element !== undefined) {
      out += element[1]
      rest = rest.replace(element[0], '')
    } else if (/^[A-SU-Za-su-z]/.test(rest)) throw invalidParameter(`Unknown date or time format element in '${format}'`)
    else {
      out += rest.charAt(0) === '%' ? '%%' : rest.charAt(0)
      rest = rest.slice(1)
    }
  }
  return out
}

/** AUTO is ISO. */
const AUTOMATIC = {
  date: 'YYYY-MM-DD',
  time: 'HH24:MI:SS',
  timestamp_ntz: 'YYYY-MM-DD HH24:MI:SS.FF3',
  timestamp_ltz: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM',
  timestamp_tz: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM',
} as const

export function timestampText(value: Bound, format: string): string {
  const { kind } = value.type
  if (kind !== 'date' && kind !== 'time' && kind !== 'timestamp_ntz' && kind !== 'timestamp_ltz' && kind !== 'timestamp_tz') {
    throw new RangeError(`${kind} has no format`)
  }
  const pattern = quoted(duckFormat(format === 'AUTO' || format === '' ? AUTOMATIC[kind] : format))
  // DuckDB formats no TIME: it becomes a moment of the first day.
  const moment = kind === 'time' ? `(DATE '1970-01-01' + ${value.sql})` : value.sql
  return `strftime(${moment}, ${pattern})`
}
