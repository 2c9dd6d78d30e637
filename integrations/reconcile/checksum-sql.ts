/**
 * Rows as canonical text and their checksums in the SQL of every engine (ARCHITECTURE.md, Reconcile). Pure functions of the dialect; a
 * golden vector per engine holds them to one result. Columns are given as expressions of the type under which they were landed.
 */
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { Dialect } from '../../connectors/ports.ts'

export type ChecksumEngine = Exclude<Dialect['name'], 'postgres'>

export type ChecksumColumn = { readonly expression: string; readonly type: LogicalType }

/** Functions of some engines take at most so many arguments. */
const ARGUMENTS = 50

type Words = {
  /** A literal of the text; engines differ on backslashes. */
  readonly text: (value: string) => string
  readonly varchar: string
  readonly replace: (text: string, from: string, to: string) => string
  readonly date: (value: string) => string
  readonly timestamp: (value: string, utc: boolean) => string
  readonly decimal: (value: string, type: Extract<LogicalType, { kind: 'decimal' }>) => string
  readonly hex: (value: string) => string
  /** Of a time of day, where the engine does not show it as text. */
  readonly time?: (value: string) => string
  readonly md5: (text: string) => string
  /** The number of hex digits, as an exact integer. */
  readonly fromHex: (hex: string) => string
  readonly isNan: (value: string) => string
  /** Its bits as big-endian hex, for engines that tell them; a NaN has been told already. */
  readonly bits: ((value: string, width: 4 | 8) => string) | null
}

const plainText = (value: string): string => `'${value.replaceAll("'", "''")}'`
const backslashText = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
const replace = (text: string, from: string, to: string): string => `replace(${text}, ${from}, ${to})`

/** Fractions are printed without their trailing zeros. */
const paddedTimestamp = (value: string): string =>
  `rpad(concat(cast(${value} as string), case when length(cast(${value} as string)) = 19 then '.' else '' end), 26, '0')`

/** DuckDB leaves the zero before the point away where the type has no digit for it. */
const wholeDecimal = (value: string): string => {
  const text = `cast(${value} as varchar)`
  return `case when ${text} like '-.%' then '-0' || substr(${text}, 2) when ${text} like '.%' then '0' || ${text} else ${text} end`
}

const WORDS: Readonly<Record<ChecksumEngine, Words>> = {
  duckdb: {
    text: plainText,
    varchar: 'varchar',
    replace,
    date: (value) => `strftime(${value}, '%Y-%m-%d')`,
    timestamp: (value, utc) => `strftime(${utc ? `timezone('UTC', ${value})` : value}, '%Y-%m-%d %H:%M:%S.%f')`,
    decimal: (value, { precision, scale }) => (precision === scale ? wholeDecimal(value) : `cast(${value} as varchar)`),
    hex: (value) => `lower(hex(${value}))`,
    md5: (text) => `md5(${text})`,
    fromHex: (hex) => `cast('0x' || ${hex} as bigint)`,
    isNan: (value) => `isnan(${value})`,
    bits: (value, width) => {
      const integer = width === 4 ? 'uinteger' : 'ubigint'
      return `printf('%0${2 * width}x', cast(cast(${value} as bit) as ${integer}))`
    },
  },
  snowflake: {
    text: backslashText,
    varchar: 'varchar',
    replace,
    date: (value) => `to_varchar(${value}, 'YYYY-MM-DD')`,
    timestamp: (value) => `to_varchar(${value}, 'YYYY-MM-DD HH24:MI:SS.FF6')`,
    decimal: (value) => `to_varchar(${value})`,
    hex: (value) => `hex_encode(${value}, 0)`,
    time: (value) => `to_varchar(${value}, 'HH24:MI:SS.FF6')`,
    md5: (text) => `md5(${text})`,
    fromHex: (hex) => `to_number(${hex}, 'XXXXXXXXXXXXXXX')`,
    isNan: (value) => `${value} = 'NaN'::float`,
    bits: null,
  },
  hive: {
    text: backslashText,
    varchar: 'string',
    replace,
    date: (value) => `cast(${value} as string)`,
    timestamp: paddedTimestamp,
    decimal: (value) => `cast(${value} as string)`,
    hex: (value) => `lower(hex(${value}))`,
    md5: (text) => `md5(${text})`,
    fromHex: (hex) => `cast(conv(${hex}, 16, 10) as decimal(38,0))`,
    isNan: (value) => `cast(${value} as string) = 'NaN'`,
    bits: null,
  },
  spark: {
    text: backslashText,
    varchar: 'string',
    replace,
    date: (value) => `date_format(${value}, 'yyyy-MM-dd')`,
    timestamp: (value) => `date_format(${value}, 'yyyy-MM-dd HH:mm:ss.SSSSSS')`,
    decimal: (value) => `cast(${value} as string)`,
    hex: (value) => `lower(hex(${value}))`,
    md5: (text) => `md5(cast(${text} as binary))`,
    fromHex: (hex) => `cast(conv(${hex}, 16, 10) as decimal(38,0))`,
    isNan: (value) => `isnan(${value})`,
    bits: null,
  },
}

/** True when the engine has a rendering: `postgres` renders in its connector. */
export const isChecksumEngine = (name: Dialect['name']): name is ChecksumEngine => name in WORDS

/** True when the engine renders floats like everybody else: their bits. */
export const rendersFloats = (name: Dialect['name']): boolean => isChecksumEngine(name) && WORDS[name].bits !== null

/** The escaped text of a column, `\N` for NULL. Floats: where `rendersFloats`. */
export function fieldSql(engine: ChecksumEngine, { expression, type }: ChecksumColumn): string {
  const words = WORDS[engine]
  return `coalesce(${canonicalSql(words, expression, type)}, ${words.text('\\N')})`
}

function canonicalSql(words: Words, value: string, type: LogicalType): string {
  switch (type.kind) {
    case 'bool':
      return `case when ${value} then 't' when not ${value} then 'f' end`
    case 'int16':
    case 'int32':
    case 'int64':
      return `cast(${value} as ${words.varchar})`
    case 'decimal':
      return words.decimal(value, type)
    case 'date':
      return words.date(value)
    case 'timestamp':
      return words.timestamp(value, type.utc)
    case 'binary':
      return words.hex(value)
    case 'utf8': {
      if (type.format === 'uuid') return value
      if (type.format === 'time' && words.time !== undefined) return words.time(value)
      const backslashes = words.replace(value, words.text('\\'), words.text('\\\\'))
      return words.replace(backslashes, 'chr(31)', words.text('\\u'))
    }
    case 'float32':
    case 'float64': {
      if (words.bits === null) throw new RangeError('floats have no common text')
      const bits = words.bits(value, type.kind === 'float32' ? 4 : 8)
      return `case when ${value} is null then null when ${words.isNan(value)} then 'NaN' else ${bits} end`
    }
    default:
      return type satisfies never
  }
}

/** The text of a row of such columns. */
export function rowSql(engine: ChecksumEngine, columns: readonly ChecksumColumn[]): string {
  const join = (parts: readonly string[]): string => {
    if (parts.length <= 1) return parts[0] ?? "''"
    if (parts.length <= ARGUMENTS) return `concat_ws(chr(31), ${parts.join(', ')})`
    const groups: string[] = []
    for (let start = 0; start < parts.length; start += ARGUMENTS) groups.push(join(parts.slice(start, start + ARGUMENTS)))
    return join(groups)
  }
  return join(columns.map((column) => fieldSql(engine, column)))
}

export const md5Sql = (engine: ChecksumEngine, text: string): string => WORDS[engine].md5(text)

/** The leading 60 bits of a text's MD5 as an exact integer. */
export const hashSql = (engine: ChecksumEngine, text: string): string =>
  WORDS[engine].fromHex(`substr(${WORDS[engine].md5(text)}, 1, 15)`)

export type ChecksumQuery = {
  /** What stands behind `from`, with its alias. */
  readonly from: string
  readonly columns: readonly ChecksumColumn[]
  readonly key: readonly ChecksumColumn[]
  readonly digits: number
  /** Hex prefixes of keys' MD5 that are wanted; null = all. */
  readonly prefixes: readonly string[] | null
}

/** `bucket`, `count`, `sum` as texts: rows, and the sum of the leading 60 bits of each row's MD5, which no 64-bit integer holds. */
export function checksumSql(engine: ChecksumEngine, query: ChecksumQuery): string {
  const { varchar } = WORDS[engine]
  const bucket = query.digits === 0 ? "''" : `substr(${keySql(engine, query)}, 1, ${query.digits})`
  return [
    `select bucket, cast(count(*) as ${varchar}) as row_count, cast(sum(cast(hash as decimal(38,0))) as ${varchar}) as hash_sum`,
    `from (select ${bucket} as bucket, ${hashSql(engine, rowSql(engine, query.columns))} as hash`,
    `from ${query.from}${whereSql(engine, query)}) hashed`,
    'group by bucket',
  ].join('\n')
}

/** `key` and `print`: the MD5 of each row's key, and the leading 15 hex digits of the row's. */
export function printsSql(engine: ChecksumEngine, query: ChecksumQuery): string {
  const print = `substr(${md5Sql(engine, rowSql(engine, query.columns))}, 1, 15)`
  return `select ${keySql(engine, query)} as row_key, ${print} as row_print\nfrom ${query.from}${whereSql(engine, query)}`
}

/** `key`, then the escaped text of each column. */
export function rowsSql(engine: ChecksumEngine, query: ChecksumQuery): string {
  const fields = query.columns.map((column, index) => `${fieldSql(engine, column)} as field_${index}`)
  return `select ${[`${keySql(engine, query)} as row_key`, ...fields].join(', ')}\nfrom ${query.from}${whereSql(engine, query)}`
}

/** For each float: how many, how many are no numbers, least and greatest number. */
export function floatsSql(engine: ChecksumEngine, from: string, expressions: readonly string[]): string {
  const { isNan, varchar } = WORDS[engine]
  const parts = expressions.flatMap((value, index) => [
    `cast(count(${value}) as ${varchar}) as count_${index}`,
    `cast(coalesce(sum(case when ${isNan(value)} then 1 else 0 end), 0) as ${varchar}) as nans_${index}`,
    `min(case when ${isNan(value)} then null else ${value} end) as min_${index}`,
    `max(case when ${isNan(value)} then null else ${value} end) as max_${index}`,
  ])
  return `select ${parts.join(', ')}\nfrom ${from}`
}

const keySql = (engine: ChecksumEngine, { key }: ChecksumQuery): string => md5Sql(engine, rowSql(engine, key))

function whereSql(engine: ChecksumEngine, query: ChecksumQuery): string {
  if (query.prefixes === null) return ''
  const lengths = [...Map.groupBy(query.prefixes, (prefix) => prefix.length)]
  if (lengths.length === 0) return ' where 1 = 0'
  const parts = lengths.map(
    ([length, names]) =>
      `substr(${keySql(engine, query)}, 1, ${length}) in (${names.map((name) => `'${hexOnly(name)}'`).join(', ')})`,
  )
  return `\nwhere ${parts.join(' or ')}`
}

function hexOnly(text: string): string {
  if (!/^[0-9a-f]{1,32}$/.test(text)) throw new RangeError('a bucket is named by hex digits')
  return text
}
