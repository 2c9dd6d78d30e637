/** From the type that a file has to the type that its table has, as the owner shows it: exact, or not at all. Pure. */
import { dateText, decimalText, timestampText, type Value } from '../../../connectors/column-values.ts'
import { type LogicalType, typeName } from '../../../connectors/logical-type.ts'
import type { ForeignLayout, ForeignShape } from '../../../connectors/manifest.ts'

/** Undefined: the value does not fit. Never given null. */
export type Convert = (value: Exclude<Value, null>) => Value | undefined

/** Types between which nothing is carried, in words. */
export type Unfit = { readonly from: string; readonly to: string }

type Owner = ForeignLayout['owner']

type ValueShape = Extract<ForeignShape, { readonly kind: 'value' }>

const DIGITS = Array.from({ length: 39 }, (_, exponent) => 10n ** BigInt(exponent))
const RANGES = { int16: 2 ** 15, int32: 2 ** 31 } as const

/** What a value of the file becomes; the words when the two types have nothing in common. */
export function converter(from: LogicalType, { type: to, pad, cut }: ValueShape, owner: Owner): Convert | Unfit {
  // Spark's ORC files hold a `timestamp_ntz` as a number of microseconds.
  if (owner === 'spark' && from.kind === 'int64' && to.kind === 'timestamp' && !to.utc) return same
  const plain = plainConverter(from, to)
  if (typeof plain !== 'function' || (pad === undefined && cut === undefined)) return plain
  return (value) => {
    const text = plain(value)
    return typeof text === 'string' ? fitted(text, pad, cut) : text
  }
}

/** True when values are carried as they are. */
export function isIdentity(from: LogicalType, { type: to, pad, cut }: ValueShape): boolean {
  if (pad !== undefined || cut !== undefined) return false
  if (from.kind === 'decimal' && to.kind === 'decimal') return from.scale === to.scale && from.precision <= to.precision
  return from.kind === to.kind
}

/** Characters are code points, as both engines count them. Hive keeps `char(n)` without its blanks. */
function fitted(text: string, pad: number | undefined, cut: number | undefined): string {
  let points = text.length
  if (cut !== undefined && text.length > cut) {
    const characters = [...text]
    if (characters.length > cut) return characters.slice(0, cut).join('')
    points = characters.length
  } else if (pad !== undefined && /[\ud800-\udfff]/.test(text)) points = [...text].length
  return pad === undefined || points >= pad ? text : text + ' '.repeat(pad - points)
}

function plainConverter(from: LogicalType, to: LogicalType): Convert | Unfit {
  const unfit: Unfit = { from: typeName(from), to: typeName(to) }
  switch (to.kind) {
    case 'int16':
    case 'int32': {
      const limit = RANGES[to.kind]
      const whole = wholeOf(from)
      return whole === null ? unfit : (value) => inRange(whole(value), limit)
    }
    case 'int64': {
      const whole = wholeOf(from)
      return whole === null ? unfit : (value) => longOf(whole(value))
    }
    case 'float32':
      if (from.kind === 'float64') return (value) => (Object.is(Math.fround(value as number), value) ? value : undefined)
      return from.kind === 'float32' ? same : unfit
    case 'float64':
      if (from.kind === 'float32' || from.kind === 'float64' || from.kind === 'int16' || from.kind === 'int32') return same
      return unfit
    case 'decimal':
      return decimalConverter(from, to) ?? unfit
    case 'utf8':
      return textConverter(from) ?? unfit
    case 'binary':
      if (from.kind === 'utf8') return (value) => new Uint8Array(Buffer.from(value as string, 'utf8'))
      return from.kind === 'binary' ? same : unfit
    case 'timestamp':
      if (from.kind === 'date') return (value) => BigInt(value as number) * 86_400_000_000n
      return from.kind === 'timestamp' ? same : unfit
    case 'bool':
    case 'date':
      return from.kind === to.kind ? same : unfit
    default:
      return to satisfies never
  }
}

const same: Convert = (value) => value

function wholeOf(from: LogicalType): ((value: Exclude<Value, null>) => bigint | number | undefined) | null {
  if (from.kind === 'int16' || from.kind === 'int32') return (value) => value as number
  if (from.kind === 'int64') return (value) => value as bigint
  if (from.kind !== 'decimal') return null
  const unit = DIGITS[from.scale] as bigint
  return (value) => ((value as bigint) % unit === 0n ? (value as bigint) / unit : undefined)
}

function inRange(value: bigint | number | undefined, limit: number): number | undefined {
  if (value === undefined || value >= limit || value < -limit) return undefined
  return Number(value)
}

function longOf(value: bigint | number | undefined): bigint | undefined {
  if (value === undefined) return undefined
  const long = BigInt(value)
  return BigInt.asIntN(64, long) === long ? long : undefined
}

function decimalConverter(from: LogicalType, to: Extract<LogicalType, { kind: 'decimal' }>): Convert | null {
  const limit = DIGITS[to.precision] as bigint
  const within = (value: bigint) => (value < limit && value > -limit ? value : undefined)
  const unit = DIGITS[to.scale] as bigint
  if (from.kind === 'int16' || from.kind === 'int32') return (value) => within(BigInt(value as number) * unit)
  if (from.kind === 'int64') return (value) => within((value as bigint) * unit)
  if (from.kind !== 'decimal') return null
  const shift = to.scale - from.scale
  const factor = DIGITS[Math.abs(shift)] as bigint
  if (shift >= 0) return (value) => within((value as bigint) * factor)
  return (value) => ((value as bigint) % factor === 0n ? within((value as bigint) / factor) : undefined)
}

/** As Hive spells them: no zeros at the end of fractions. */
function textConverter(from: LogicalType): Convert | null {
  switch (from.kind) {
    case 'utf8':
      return same
    case 'binary':
      return (value) => strictText(value as Uint8Array)
    case 'int16':
    case 'int32':
    case 'int64':
      return (value) => String(value)
    case 'decimal':
      return (value) => trimmed(decimalText(value as bigint, from.scale))
    case 'date':
      return (value) => (hasText(value) ? dateText(value as number) : undefined)
    case 'timestamp':
      return (value) => (hasText(value) ? trimmed(timestampText(value as bigint)) : undefined)
    default:
      return null
  }
}

/** Days or microseconds within what a calendar here has names for: 270,000 years around 1970. */
const MAX_DAYS = 100_000_000
const MAX_MICROS = 8_640_000_000_000_000_000n

export function hasText(value: Exclude<Value, null>): boolean {
  if (typeof value === 'bigint') return value <= MAX_MICROS && value >= -MAX_MICROS
  return typeof value === 'number' && Math.abs(value) <= MAX_DAYS
}

const trimmed = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function strictText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}
