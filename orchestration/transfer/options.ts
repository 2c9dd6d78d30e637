/** What the command line says about a transfer, checked and in the words of the code. Pure. */
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { TransferMode } from '../../connectors/tables.ts'
import type { DirectoryFormatName } from '../../integrations/register/directory/formats.ts'
import type { CsvDeclaration } from '../../integrations/transfer/csv/dialect.ts'
import { UsageError } from '../exit-codes.ts'

export type TransferOptions = {
  readonly from: string
  readonly to: string
  /** Null: not said. */
  readonly mode: TransferMode | null
  readonly columns: readonly string[] | null
  readonly where: string | null
  readonly csv: CsvDeclaration
  readonly onBadValue: 'error' | 'reject'
  /** File for rejected rows where the target is no lake. */
  readonly rejects: string | null
  readonly create: boolean
  readonly fillMissing: boolean
  readonly keepOriginal: boolean
  /** A name for these rows, instead of a hash of them. */
  readonly batch: string | null
  readonly again: boolean
  /** Connection; null: the only warehouse. */
  readonly register: string | null | false
  /** Of the files that Hive and Spark are given; null: as the table is shown already, else ORC. */
  readonly registerFormat: DirectoryFormatName | null
  readonly prefix: string | null
  /** Bucket through which a system passes its rows on; null: the target's, or the only one. */
  readonly via: string | null
  /** Column whose values come together, out of a system that unloads; null: in no order. */
  readonly partitionBy: string | null
  readonly fileFormat: string | undefined
  readonly compression: 'zstd' | 'snappy' | 'gzip' | 'none'
  readonly dryRun: boolean
  readonly json: boolean
}

/** As commander hands them over. */
export type GivenOptions = {
  readonly mode?: string
  readonly columns?: string
  readonly where?: string
  readonly types?: readonly string[]
  readonly delimiter?: string
  readonly quote?: string
  readonly escape?: string
  readonly encoding?: string
  readonly header?: boolean
  readonly names?: string
  readonly decimal?: string
  readonly thousands?: string
  readonly nullValues?: string
  readonly dateFormat?: string
  readonly timestampFormat?: string
  readonly assumeUtc?: true
  readonly padRows?: true
  readonly sample?: string
  readonly onBadValue?: string
  readonly rejects?: string
  readonly create?: true
  readonly fillMissing?: true
  readonly keepOriginal?: true
  readonly batch?: string
  readonly again?: true
  readonly register?: string | boolean
  readonly registerFormat?: string
  readonly prefix?: string
  readonly via?: string
  readonly partitionBy?: string
  readonly fileFormat?: string
  readonly compression?: string
  readonly dryRun?: true
  readonly json?: true
}

// Their own module loads the formats.
const DIRECTORY_FORMATS: readonly DirectoryFormatName[] = ['orc', 'parquet', 'parquet-hive3']

/** Throws `UsageError` naming the option. */
export function transferOptions(from: string, to: string, given: GivenOptions): TransferOptions {
  return {
    from,
    to,
    mode: given.mode === undefined ? null : choice<TransferMode>('mode', given.mode, ['replace', 'append']),
    columns: given.columns === undefined ? null : names('columns', given.columns),
    where: given.where === undefined || given.where.trim() === '' ? null : given.where,
    csv: declaration(given),
    onBadValue: choice('on-bad-value', given.onBadValue ?? 'error', ['error', 'reject']),
    rejects: given.rejects ?? null,
    create: given.create === true,
    fillMissing: given.fillMissing === true,
    keepOriginal: given.keepOriginal === true,
    batch: given.batch ?? null,
    again: given.again === true,
    register: typeof given.register === 'string' ? given.register : given.register === false ? false : null,
    registerFormat:
      given.registerFormat === undefined ? null : choice('register-format', given.registerFormat, DIRECTORY_FORMATS),
    prefix: given.prefix ?? null,
    via: given.via ?? null,
    partitionBy: given.partitionBy ?? null,
    fileFormat: given.fileFormat,
    compression: choice('compression', given.compression ?? 'zstd', ['zstd', 'snappy', 'gzip', 'none']),
    dryRun: given.dryRun === true,
    json: given.json === true,
  }
}

function declaration(given: GivenOptions): CsvDeclaration {
  const types = declaredTypes(given.types ?? [])
  return {
    ...(given.delimiter === undefined ? {} : { delimiter: given.delimiter }),
    ...(given.quote === undefined ? {} : { quote: given.quote === 'none' ? null : given.quote }),
    ...(given.escape === undefined ? {} : { escape: given.escape }),
    ...(given.encoding === undefined ? {} : { encoding: given.encoding }),
    ...(given.header === undefined ? {} : { header: given.header }),
    ...(given.names === undefined ? {} : { names: names('names', given.names) }),
    ...(given.decimal === undefined ? {} : { decimal: decimalMark(given.decimal) }),
    ...(given.thousands === undefined ? {} : { thousands: oneCharacter('thousands', given.thousands) }),
    ...(given.nullValues === undefined ? {} : { nullValues: given.nullValues.split(',') }),
    ...(given.dateFormat === undefined ? {} : { dateFormat: given.dateFormat }),
    ...(given.timestampFormat === undefined ? {} : { timestampFormat: given.timestampFormat }),
    ...(given.assumeUtc === true ? { assumeUtc: true } : {}),
    ...(given.padRows === true ? { padRows: true } : {}),
    ...(given.sample === undefined ? {} : { sampleBytes: sampleBytes(given.sample) }),
    ...(types.size === 0 ? {} : { types }),
  }
}

function choice<Word extends string>(option: string, given: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === given)
  if (found === undefined) throw new UsageError(`--${option} ${given}: expected ${words.join(' or ')}`)
  return found
}

const decimalMark = (given: string): '.' | ',' => {
  const words: Readonly<Record<string, '.' | ','>> = { '.': '.', point: '.', ',': ',', comma: ',' }
  const mark = words[given]
  if (mark === undefined) throw new UsageError(`--decimal ${given}: expected "." or ","`)
  return mark
}

function oneCharacter(option: string, given: string): string {
  if (given.length === 1 && given.charCodeAt(0) < 0x80) return given
  throw new UsageError(`--${option}: expected one ASCII character`)
}

/** Names between commas; one with a comma in it stands in double quotes. */
function names(option: string, given: string): readonly string[] {
  const found = splitOutside(given, '"', '"').map((name) => {
    const trimmed = name.trim()
    return /^".*"$/s.test(trimmed) ? trimmed.slice(1, -1).replaceAll('""', '"') : trimmed
  })
  if (found.some((name) => name === '')) throw new UsageError(`--${option}: expected names separated by commas`)
  const twice = found.find((name, index) => found.indexOf(name) !== index)
  if (twice !== undefined) throw new UsageError(`--${option}: "${twice}" stands there twice`)
  return found
}

/** `a=int64,b=decimal(12,2)`, any number of times. */
function declaredTypes(given: readonly string[]): ReadonlyMap<string, LogicalType> {
  const types = new Map<string, LogicalType>()
  for (const pair of given.flatMap((text) => splitOutside(text, '(', ')'))) {
    const at = pair.lastIndexOf('=')
    const name = pair.slice(0, at).trim()
    if (at <= 0 || name === '') throw new UsageError(`--types: expected column=type, such as amount=decimal(12,2)`)
    types.set(name, typeNamed(pair.slice(at + 1).trim(), name))
  }
  return types
}

const TYPES: Readonly<Record<string, LogicalType>> = {
  bool: { kind: 'bool' },
  boolean: { kind: 'bool' },
  int16: { kind: 'int16' },
  smallint: { kind: 'int16' },
  int32: { kind: 'int32' },
  int: { kind: 'int32' },
  integer: { kind: 'int32' },
  int64: { kind: 'int64' },
  bigint: { kind: 'int64' },
  float32: { kind: 'float32' },
  real: { kind: 'float32' },
  float64: { kind: 'float64' },
  double: { kind: 'float64' },
  float: { kind: 'float64' },
  text: { kind: 'utf8', format: 'text' },
  string: { kind: 'utf8', format: 'text' },
  varchar: { kind: 'utf8', format: 'text' },
  utf8: { kind: 'utf8', format: 'text' },
  json: { kind: 'utf8', format: 'json' },
  uuid: { kind: 'utf8', format: 'uuid' },
  time: { kind: 'utf8', format: 'time' },
  binary: { kind: 'binary' },
  hex: { kind: 'binary' },
  date: { kind: 'date' },
  timestamp: { kind: 'timestamp', utc: false },
  timestamptz: { kind: 'timestamp', utc: true },
}

/** Throws `UsageError` for a type that does not exist. */
export function typeNamed(text: string, column: string): LogicalType {
  const lower = text.toLowerCase()
  const known = Object.hasOwn(TYPES, lower) ? TYPES[lower] : undefined
  if (known !== undefined) return known
  const parts = /^(?:decimal|numeric)\((\d{1,2})(?:, ?(\d{1,2}))?\)$/.exec(lower)
  const [precision, scale] = [Number(parts?.[1] ?? 0), Number(parts?.[2] ?? 0)]
  if (parts !== null && precision >= 1 && precision <= 38 && scale <= precision) return { kind: 'decimal', precision, scale }
  throw new UsageError(
    `--types ${column}=${text}: expected text, int16, int32, int64, decimal(p,s) with p up to 38, float32, float64, bool, date, timestamp, timestamptz, json, uuid, time or binary`,
  )
}

/** Splits at commas that no opening character holds. */
function splitOutside(text: string, opening: string, closing: string): readonly string[] {
  const parts: string[] = []
  let part = ''
  let inside = false
  for (const character of text) {
    if (character === ',' && !inside) {
      parts.push(part)
      part = ''
      continue
    }
    if (inside ? character === closing : character === opening) inside = !inside
    part += character
  }
  return [...parts, part]
}

const UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

function sampleBytes(given: string): number {
  if (given === 'all') return Number.MAX_SAFE_INTEGER
  const parts = /^(\d+) ?(KiB|MiB|GiB)$/.exec(given)
  if (parts === null) throw new UsageError(`--sample ${given}: expected a size such as 64MiB, or all`)
  return Number(parts[1]) * (UNITS[parts[2] ?? ''] ?? 1)
}
