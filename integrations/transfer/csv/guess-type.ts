/**
 * The type of a column from a sample of its fields. A guess only decides how values are read: each later value either fits
 * exactly or is refused. Pure.
 */
import type { LogicalType } from '../../../connectors/logical-type.ts'
import { compileFormat, newMoment, type ParseMoment, parseIsoDate, parseIsoTimestamp } from './time-format.ts'

export const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

export type Guess = {
  readonly type: LogicalType
  /** The declared or recognised form of dates and times; null = ISO-8601, or none of both. */
  readonly format: string | null
  /** Why not something better, or what to look at. */
  readonly note: string | null
}

const WHOLE = /^-?\d+$/
const POINT = /^-?\d*\.\d+$/
const COMMA = /^-?\d*,\d+$/
const FLOATING = /^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$/
const NAMED_FLOAT = /^(?:nan|[-+]?inf(?:inity)?)$/i
const PADDED = /^-?0\d/
/** `1.234`: a decimal, or one thousand and more. */
const GROUPED = /^-?[1-9]\d{0,2}[.,]\d{3}$/
const MAX_PRECISION = 38
const EXACT_FLOAT_DIGITS = 15

/** Recognised beside ISO-8601. Those that read 01/02 in opposite ways stand in one group: a sample must decide between them. */
const DATE_FORMATS: readonly (readonly string[])[] = [
  ['%d.%m.%Y'],
  ['%Y/%m/%d'],
  ['%d/%m/%Y', '%m/%d/%Y'],
  ['%d-%m-%Y', '%m-%d-%Y'],
  ['%d-%b-%Y'],
  ['%d %b %Y'],
]
const TIMES = ['', ' %H:%M', ' %H:%M:%S', ' %H:%M:%S.%f'] as const

type Candidate = { readonly format: string; readonly group: number; readonly parse: ParseMoment; readonly hasTime: boolean }

const CANDIDATES: readonly Candidate[] = DATE_FORMATS.flatMap((formats, group) =>
  formats.flatMap((date) =>
    TIMES.flatMap((time) => {
      const compiled = compileFormat(date + time)
      return compiled === null ? [] : [{ format: date + time, group: group * TIMES.length + TIMES.indexOf(time), ...compiled }]
    }),
  ),
)

export type GuessOptions = {
  readonly decimal: '.' | ','
  /** What separates three digits may as well group them: nothing in the file shows that it is the decimal sign. */
  readonly mayGroup: boolean
  readonly dateFormat: string | null
  readonly timestampFormat: string | null
}

/** One column while its sample goes by. */
export class TypeGuess {
  readonly #options: GuessOptions
  #values = 0
  #bare = 0
  #whole = true
  #fixed = true
  #padded = false
  #floating = true
  #named = false
  #exponents = false
  #booleans = true
  /** No number says that its digits are not grouped. */
  #grouped = true
  #wholeDigits = 0
  #significant = 0
  #scale = 0
  /** Shortest fraction, and longest one that ends in a zero, of at least two digits. */
  #shortest = Number.POSITIVE_INFINITY
  #paddedScale = 0
  #smallest = 0n
  #largest = 0n
  #isoDates = true
  #isoTimes = true
  #zones = 0
  readonly #declared: readonly Candidate[] | null
  #candidates: readonly Candidate[]
  readonly #moment = newMoment()

  constructor(options: GuessOptions) {
    this.#options = options
    const declared = [options.dateFormat, options.timestampFormat].filter((format) => format !== null)
    this.#declared = declared.length === 0 ? null : declared.flatMap((format, group) => compiledCandidate(format, group))
    this.#candidates = this.#declared ?? CANDIDATES
  }

  /** Whether every value so far stood in quotes. */
  get alwaysQuoted(): boolean {
    return this.#values > 0 && this.#bare === 0
  }

  /** Whether the values so far are numbers, none of them in quotes. */
  get bareNumbers(): boolean {
    return this.#values > 0 && this.#bare === this.#values && (this.#whole || this.#fixed) && !this.#padded
  }

  /** One value that is not NULL. */
  see(field: Buffer, quoted: boolean): void {
    this.#values++
    if (!quoted) this.#bare++
    const text = field.length > 64 ? '' : field.toString('latin1').trim()
    this.#seeNumber(text)
    this.#booleans &&= /^(?:true|false)$/i.test(text)
    this.#seeMoment(Buffer.from(text, 'latin1'))
  }

  #seeNumber(text: string): void {
    if (!this.#whole && !this.#fixed && !this.#floating) return
    const whole = WHOLE.test(text)
    const fixed = whole || (this.#options.decimal === ',' ? COMMA : POINT).test(text)
    this.#whole &&= whole
    this.#fixed &&= fixed
    if (PADDED.test(text)) this.#padded = true
    const named = NAMED_FLOAT.test(text)
    const exponent = FLOATING.test(text)
    this.#named ||= named
    this.#exponents ||= exponent
    this.#floating &&= fixed || named || exponent
    if (!fixed) return
    const [before = '', after = ''] = text.replace('-', '').split(/[.,]/)
    const digits = before.replace(/^0+/, '')
    this.#wholeDigits = Math.max(this.#wholeDigits, digits.length)
    this.#scale = Math.max(this.#scale, after.length)
    if (after !== '') this.#shortest = Math.min(this.#shortest, after.length)
    if (after.length > 1 && after.endsWith('0')) this.#paddedScale = Math.max(this.#paddedScale, after.length)
    this.#grouped &&= after === '' ? digits.length < 4 : looksGrouped(text)
    this.#significant = Math.max(this.#significant, (digits + after).replace(/^0+|0+$/g, '').length)
    if (!whole || digits.length < 19) return
    const value = BigInt(text)
    if (value < this.#smallest) this.#smallest = value
    if (value > this.#largest) this.#largest = value
  }

  #seeMoment(text: Buffer): void {
    const moment = this.#moment
    this.#isoDates &&= parseIsoDate(text, 0, text.length, moment)
    if (this.#isoTimes) {
      this.#isoTimes = parseIsoTimestamp(text, 0, text.length, moment)
      if (this.#isoTimes && moment.zone !== null) this.#zones++
    }
    if (this.#candidates.length === 0) return
    this.#candidates = this.#candidates.filter(({ parse }) => parse(text, 0, text.length, moment))
    if (this.#declared !== null && this.#candidates.length > 0 && moment.zone !== null) this.#zones++
  }

  /** `quotedIsText`: in this file numbers stand bare, so that digits in quotes are texts. */
  result({ quotedIsText }: { readonly quotedIsText: boolean }): Guess {
    if (this.#values === 0) return guess(TEXT, 'no value in the sample')
    if (this.#booleans) return guess({ kind: 'bool' })
    return this.#momentType() ?? this.#numberType(quotedIsText && this.alwaysQuoted) ?? guess(TEXT)
  }

  #momentType(): Guess | null {
    const [first, ...others] = this.#candidates
    if (this.#declared !== null) {
      if (first === undefined) return this.#isoType()
      const utc = this.#zones > 0
      return { type: first.hasTime ? { kind: 'timestamp', utc } : { kind: 'date' }, format: first.format, note: null }
    }
    const iso = this.#isoType()
    if (iso !== null || first === undefined) return iso
    if (others.some(({ group }) => group === first.group)) {
      return guess(TEXT, `day and month cannot be told apart: --date-format '${first.format}' or '${others[0]?.format}'`)
    }
    const option = first.hasTime ? 'timestamp-format' : 'date-format'
    return {
      type: first.hasTime ? { kind: 'timestamp', utc: false } : { kind: 'date' },
      format: first.format,
      note: `form ${first.format}; else --${option}`,
    }
  }

  #isoType(): Guess | null {
    if (this.#isoDates && this.#options.dateFormat === null) return guess({ kind: 'date' })
    if (!this.#isoTimes || this.#options.timestampFormat !== null) return null
    if (this.#zones === 0) return guess({ kind: 'timestamp', utc: false })
    if (this.#zones === this.#values) return guess({ kind: 'timestamp', utc: true })
    return guess(TEXT, 'some timestamps have a zone, others have none')
  }

  #numberType(isText: boolean): Guess | null {
    if (!this.#floating) return null
    if (isText) return guess(TEXT, 'digits in quotes, while numbers stand bare')
    if (this.#padded) return guess(TEXT, 'leading zeros')
    if (this.#whole) {
      const inside = this.#smallest >= -(2n ** 63n) && this.#largest < 2n ** 63n && this.#wholeDigits <= 19
      if (inside) return guess({ kind: 'int64' })
      return this.#wholeDigits <= MAX_PRECISION ? guess({ kind: 'decimal', precision: MAX_PRECISION, scale: 0 }) : guess(TEXT)
    }
    if (this.#fixed) {
      // Versions: 5.1 and 5.10 are two, though one number. Who writes amounts pads all of them, or none.
      if (this.#paddedScale > this.#shortest)
        return guess(TEXT, 'some decimals end in zeros, some are shorter: numbers or names?')
      if (this.#options.mayGroup && this.#grouped) {
        const [decimal, group] = this.#options.decimal === '.' ? ['point', '.'] : ['comma', ',']
        return guess(TEXT, `decimals or grouped digits? --decimal ${decimal}, or --types and --thousands ${group}`)
      }
      const needed = this.#wholeDigits + this.#scale
      if (needed > MAX_PRECISION) return guess(TEXT, `more than ${MAX_PRECISION} digits`)
      return guess({ kind: 'decimal', precision: needed <= 16 ? 18 : MAX_PRECISION, scale: this.#scale })
    }
    if (!this.#exponents && this.#wholeDigits + this.#scale === 0) return null
    if (this.#significant > EXACT_FLOAT_DIGITS) return guess(TEXT, 'more digits than float64 holds exactly')
    return guess({ kind: 'float64' })
  }
}

/** Whether the number may be a whole one with its digits grouped. */
export const looksGrouped = (text: string): boolean => GROUPED.test(text)

const guess = (type: LogicalType, note: string | null = null): Guess => ({ type, format: null, note })

function compiledCandidate(format: string, group: number): readonly Candidate[] {
  const compiled = compileFormat(format)
  return compiled === null ? [] : [{ format, group, ...compiled }]
}
