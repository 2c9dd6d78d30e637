/** Column values as the engine keeps them, and their texts. Pure. */
import type { ColumnType } from './definition.ts'
import { instantText, parseInstant } from './instant.ts'

/**
 * `id` as `idOf` · `text` string · `boolean` boolean · `integer`, `money` (minor units) number when it is a safe integer, else bigint ·
 * `instant` number of milliseconds.
 */
export type Stored = string | number | bigint | boolean | null

/**
 * A key or a reference. A plain integer is a number, whether a source showed it as text or not: maps of millions of them are
 * smaller and faster than of texts.
 */
export type Id = string | number

/** Integers of so many digits are exact, and no two texts are the same one. */
const MAX_ID_DIGITS = 15
const MAX_ID = 10 ** MAX_ID_DIGITS

export function idOf(value: string | number | bigint): Id {
  if (typeof value !== 'string') return value >= 0 && value < MAX_ID ? Number(value) : String(value)
  const { length } = value
  if (length === 0 || length > MAX_ID_DIGITS || (length > 1 && value.charCodeAt(0) === 48)) return value
  for (let at = 0; at < length; at++) {
    const code = value.charCodeAt(at)
    if (code < 48 || code > 57) return value
  }
  return Number(value)
}

/** Why a value does not fit; never holds the value. */
export class ValueProblem extends Error {
  override readonly name = 'ValueProblem'
}

/** A number in a JSON text, kept as it was written. */
export class NumberText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** JSON whose numbers keep every digit. Throws `SyntaxError`. */
export function parseExactJson(text: string): unknown {
  const reviver = (_: string, value: unknown, context: { readonly source?: string }) =>
    typeof value === 'number' ? new NumberText(context.source ?? String(value)) : value
  return (JSON.parse as (json: string, revive: typeof reviver) => unknown)(text, reviver)
}

/** Reads what a JSON file holds for a column. Throws `ValueProblem`: nothing is rounded, cut or guessed. */
export function storedOf(value: unknown, type: ColumnType): Stored {
  if (value === null) return null
  const text = value instanceof NumberText ? value.text : typeof value === 'string' ? value : null
  switch (type.kind) {
    case 'id':
      if (text === null) throw problem('text or an integer', value)
      if (value instanceof NumberText && !/^-?\d+$/.test(text)) throw problem('text or an integer', value)
      return idOf(text)
    case 'text':
      if (typeof value !== 'string') throw problem('text', value)
      return value
    case 'boolean':
      if (value === true || value === 't' || value === 'true') return true
      if (value === false || value === 'f' || value === 'false') return false
      throw problem('true or false', value)
    case 'integer':
      return minorUnits(text, 0, value, 'an integer')
    case 'money':
      return minorUnits(text, type.scale, value, `an amount in ${type.currency} with at most ${type.scale} decimals`)
    case 'instant': {
      const ms = typeof value === 'string' ? parseInstant(value, type.zone) : null
      if (ms === null) throw problem('a timestamp such as 2026-06-30T12:00:00.000Z', value)
      return ms
    }
    default:
      return type satisfies never
  }
}

const DECIMAL = /^([+-]?)(?=\.?\d)(\d*)(?:\.(\d*))?$/

/** A decimal text in units of 10^-scale; decimals beyond the scale must be zeros. */
function minorUnits(text: string | null, scale: number, value: unknown, expected: string): number | bigint {
  const parts = text === null ? null : DECIMAL.exec(text)
  if (parts === null) throw problem(expected, value)
  const [, sign = '', whole = '', fraction = ''] = parts
  if (/[^0]/.test(fraction.slice(scale))) throw new ValueProblem(`expected ${expected}, found more decimals`)
  const magnitude = BigInt((whole || '0') + fraction.slice(0, scale).padEnd(scale, '0'))
  return compact(sign === '-' ? -magnitude : magnitude)
}

/** A number where that is exact. */
export function compact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function problem(expected: string, value: unknown): ValueProblem {
  const found =
    value instanceof NumberText
      ? 'a number'
      : Array.isArray(value)
        ? 'a list'
        : typeof value === 'string'
          ? 'other text'
          : value === undefined
            ? 'nothing'
            : typeof value
  return new ValueProblem(`expected ${expected}, found ${found}`)
}

/** Exact: leaves numbers when they could round. */
export function plus(total: number | bigint, value: Stored): number | bigint {
  if (typeof total === 'number' && typeof value === 'number') {
    const next = total + value
    if (Number.isSafeInteger(next)) return next
  }
  return BigInt(total) + BigInt(value as number | bigint)
}

/** A value as JSON shows it: money as decimal text, instants as ISO-8601, integers beyond 2^53 as text. */
export function shownValue(value: Stored, type: ColumnType): string | number | boolean | null {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (type.kind === 'id') return String(value)
  if (type.kind === 'money') return decimalOf(BigInt(value), type.scale)
  if (type.kind === 'instant') return instantText(Number(value))
  return typeof value === 'bigint' ? String(value) : value
}

function decimalOf(minor: bigint, scale: number): string {
  const digits = String(minor < 0n ? -minor : minor).padStart(scale + 1, '0')
  const sign = minor < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
