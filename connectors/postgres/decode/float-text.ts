/** Floats in Postgres's own spelling (shortest that reads back, `extra_float_digits` ≥ 1), and the way back for float4. */

/** As `float8out` prints. */
export function float8Text(value: number): string {
  return special(value) ?? spell(value < 0 || Object.is(value, -0), shortestDouble(Math.abs(value)), 15)
}

/** As `float4out` prints; `value` must be a single-precision number. */
export function float4Text(value: number): string {
  return special(value) ?? spell(value < 0 || Object.is(value, -0), shortestSingle(Math.abs(value)), 6)
}

/** The single-precision number nearest to a decimal text. `Math.fround(Number(text))` alone rounds twice. */
export function parseFloat4(text: string): number {
  const double = parseFloat8(text)
  const single = Math.fround(double)
  if (single === double || !Number.isFinite(single)) return single
  const other = neighbour(single, double > single ? 1 : -1)
  // Only a double that lies exactly between two singles can have hidden on which side the decimal was.
  if (Math.abs(double - single) !== Math.abs(other - double)) return single
  const side = compareDecimal(text, double)
  if (side === 0) return single
  return side > 0 ? Math.max(single, other) : Math.min(single, other)
}

/** Numbers, `NaN`, `Infinity` and `-Infinity` as Postgres prints them. */
export function parseFloat8(text: string): number {
  return Number(text)
}

function special(value: number): string | null {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return 'Infinity'
  if (value === Number.NEGATIVE_INFINITY) return '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  return null
}

/** Decimal digits without leading or trailing zeros, and the power of ten of the first one. */
type Digits = { readonly digits: string; readonly exponent: number }

function spell(negative: boolean, { digits, exponent }: Digits, fixedBelow: number): string {
  const sign = negative ? '-' : ''
  if (exponent < -4 || exponent >= fixedBelow) {
    const magnitude = Math.abs(exponent)
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    return `${sign}${digits.charAt(0)}${fraction}e${exponent < 0 ? '-' : '+'}${magnitude < 10 ? '0' : ''}${magnitude}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  if (digits.length <= exponent + 1) return `${sign}${digits.padEnd(exponent + 1, '0')}`
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`
}

function digitsOf(text: string): Digits {
  const [mantissa = '', power] = text.split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const all = whole + fraction
  const first = all.search(/[1-9]/)
  return {
    digits: all.slice(first).replace(/0+$/, ''),
    exponent: whole.length - 1 - first + (power === undefined ? 0 : Number(power)),
  }
}

/**
 * JavaScript's shortest digits are Postgres's, but for one rule: Postgres never prints a decimal that lies exactly
 * between two floats (src/common/d2s.c, STRICTLY_SHORTEST). Below 2^53 no such decimal is short enough to occur.
 */
function shortestDouble(value: number): Digits {
  const spelled = String(value)
  const shortest = digitsOf(spelled)
  if (value < 2 ** 53 || !isMidpoint(spelled, value, doubleNeighbour)) return shortest
  for (let precision = shortest.digits.length; precision < 17; precision++) {
    const text = value.toPrecision(precision)
    if (Number(text) === value && !isMidpoint(text, value, doubleNeighbour)) return digitsOf(text)
  }
  return digitsOf(value.toPrecision(17))
}

function shortestSingle(value: number): Digits {
  const powerOfTwo = (singleBits(value) & 0x7f_ffff) === 0
  for (let precision = 1; precision < 9; precision++) {
    const text = evenOfTie(value.toPrecision(precision), value)
    if (parseFloat4(text) === value && !isMidpoint(text, value, neighbour)) return digitsOf(text)
    if (!powerOfTwo) continue
    // Below a power of two floats are twice as dense: the next decimal above may be nearer than the nearest one below.
    const above = nextDecimal(text)
    if (parseFloat4(above) === value && !isMidpoint(above, value, neighbour)) return digitsOf(above)
  }
  return digitsOf(value.toPrecision(9))
}

const nextDecimal = (text: string): string => stepDecimal(text, 1n)

/** The decimal one unit in the last place of `text` away. */
function stepDecimal(text: string, step: bigint): string {
  const { digits, exponent } = digitsOf(text)
  const precision = text.replace(/e.*$/, '').replace('.', '').replace(/^0+/, '').length
  return `${BigInt(digits.padEnd(precision, '0')) + step}e${exponent - precision + 1}`
}

/** `toPrecision` rounds a tie up, Postgres to the even digit. */
function evenOfTie(text: string, value: number): string {
  const last = Number(text.replace(/e.*$/, '').at(-1))
  if (last % 2 === 0 || compareDecimal(text, value) <= 0) return text
  const below = stepDecimal(text, -1n)
  const [a, b] = rational(text)
  const [c, d] = rational(below)
  const [n, m] = ratio(value)
  // (text + below) / 2 = value exactly
  return (a * d + c * b) * m === 2n * n * b * d ? below : text
}

function isMidpoint(text: string, value: number, next: (value: number, direction: 1 | -1) => number): boolean {
  const side = compareDecimal(text, value)
  if (side === 0) return false
  const other = next(value, side)
  if (!Number.isFinite(other)) return false
  // text = (value + other) / 2 exactly
  const [numerator, denominator] = rational(text)
  const [a, b] = ratio(value)
  const [c, d] = ratio(other)
  return 2n * numerator * b * d === denominator * (a * d + c * b)
}

/** Sign of (decimal text − value), exactly. */
function compareDecimal(text: string, value: number): 1 | -1 | 0 {
  const [numerator, denominator] = rational(text)
  const [a, b] = ratio(value)
  const left = numerator * b
  const right = a * denominator
  return left === right ? 0 : left > right ? 1 : -1
}

function rational(text: string): [bigint, bigint] {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const exponent = Number(power) - fraction.length
  const digits = BigInt(whole + fraction)
  return exponent >= 0 ? [digits * 10n ** BigInt(exponent), 1n] : [digits, 10n ** BigInt(-exponent)]
}

const scratch = new DataView(new ArrayBuffer(8))

function ratio(value: number): [bigint, bigint] {
  scratch.setFloat64(0, value)
  const bits = scratch.getBigUint64(0)
  const biased = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xf_ffff_ffff_ffffn
  const mantissa = (biased === 0 ? fraction : fraction | (1n << 52n)) * (bits >> 63n === 1n ? -1n : 1n)
  const exponent = (biased === 0 ? 1 : biased) - 1075
  return exponent >= 0 ? [mantissa << BigInt(exponent), 1n] : [mantissa, 1n << BigInt(-exponent)]
}

function singleBits(value: number): number {
  scratch.setFloat32(0, value)
  return scratch.getInt32(0)
}

/** The next single-precision number, upwards or downwards. */
function neighbour(value: number, direction: 1 | -1): number {
  const bits = singleBits(value)
  if (value === 0) return direction * 2 ** -149
  scratch.setInt32(0, bits + (value > 0 === direction > 0 ? 1 : -1))
  return scratch.getFloat32(0)
}

function doubleNeighbour(value: number, direction: 1 | -1): number {
  scratch.setFloat64(0, value)
  scratch.setBigInt64(0, scratch.getBigInt64(0) + (value > 0 === direction > 0 ? 1n : -1n))
  return scratch.getFloat64(0)
}
