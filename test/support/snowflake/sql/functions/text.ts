/** Functions of text and of bytes. */
import { castTo } from '../bind/cast.ts'
import { anyNullable, type Bound, bound } from '../bind/value.ts'
import { ARRAY, BOOLEAN, binary, number, type SqlType, text } from '../types.ts'
import { asInteger, asText, between, count, type FunctionTable, fixed, ofTexts, refuse, type ScalarFunction } from './function.ts'

const lengthOf = (value: Bound | undefined): number =>
  value?.type.kind === 'text' ? value.type.length : text().kind === 'text' ? 16_777_216 : 0
const sameLength = ([first]: readonly Bound[]): SqlType => text(lengthOf(first))

const trimmed = (word: string): ScalarFunction =>
  between(
    1,
    2,
    ofTexts(([value = '', characters = "' '"]) => `${word}(${value}, ${characters})`, sameLength),
  )

/** From 1, from the end when negative; 0 counts as 1, as Snowflake has it. */
const substring: ScalarFunction = between(2, 3, (values, context) => {
  const [value, start, length] = values
  if (value === undefined || start === undefined) return refuse(values, context)
  const from = asInteger(start, context)
  const begin =
    start.constant === undefined ? `CASE WHEN ${from} = 0 THEN 1 ELSE ${from} END` : Number(start.constant) === 0 ? '1' : from
  const long = length === undefined ? '' : `, greatest(${asInteger(length, context)}, 0)`
  if (value.type.kind === 'binary') return bound(`substr(${value.sql}, ${begin}${long})`, value.type, anyNullable(values))
  const source = asText(value, context)
  const most =
    length?.constant === undefined || length.constant === null ? lengthOf(source) : Math.max(Number(length.constant), 1)
  return bound(`substr(${source.sql}, ${begin}${long})`, text(Math.min(most, lengthOf(source))), anyNullable(values))
})

const padded = (word: 'lpad' | 'rpad'): ScalarFunction =>
  between(2, 3, (values, context) => {
    const [value, length, pad] = values
    if (value === undefined || length === undefined) return refuse(values, context)
    const filler = pad === undefined ? "' '" : asText(pad, context).sql
    return bound(
      `${word}(${asText(value, context).sql}, CAST(${asInteger(length, context)} AS INTEGER), ${filler})`,
      text(),
      anyNullable(values),
    )
  })

const ends = (word: 'left' | 'right'): ScalarFunction =>
  fixed(2, (values, context) => {
    const [value, length] = values
    if (value === undefined || length === undefined) return refuse(values, context)
    return bound(`${word}(${asText(value, context).sql}, ${asInteger(length, context)})`, text(), anyNullable(values))
  })

const hexEncode: ScalarFunction = between(1, 2, (values, context) => {
  const [value, upper] = values
  if (value === undefined) return refuse(values, context)
  const bytes = value.type.kind === 'binary' ? value.sql : `encode(${asText(value, context).sql})`
  const sql = upper?.constant === '0' ? `lower(hex(${bytes}))` : `hex(${bytes})`
  return bound(sql, text(), value.nullable)
})

const digest = (sql: (value: string) => string, length: number): ScalarFunction =>
  fixed(1, ([value], context) => {
    if (value === undefined) return refuse([], context)
    return bound(sql(value.type.kind === 'binary' ? value.sql : asText(value, context).sql), text(length), value.nullable)
  })

const sha2: ScalarFunction = between(1, 2, (values, context) => {
  const [value, size] = values
  if (value === undefined || (size !== undefined && size.constant !== '256')) return refuse(values, context)
  return bound(`sha256(${value.type.kind === 'binary' ? value.sql : asText(value, context).sql})`, text(64), value.nullable)
})

const measured: ScalarFunction = fixed(1, ([value], context) => {
  if (value === undefined) return refuse([], context)
  const sql = value.type.kind === 'binary' ? `octet_length(${value.sql})` : `length(${asText(value, context).sql})`
  return bound(`CAST(${sql} AS DECIMAL(18,0))`, count, value.nullable)
})

/** NULL when any argument is; the separator stands between all of them. */
const joined: ScalarFunction = between(2, 500, (values, context) => {
  const [separator = '', ...rest] = values.map((value) => asText(value, context).sql)
  const parts = rest.flatMap((part, index) => (index === 0 ? [part] : [separator, part]))
  const known = values.some(({ type }) => type.kind === 'null')
  const whole = parts.length === 1 ? `CASE WHEN ${separator} IS NULL THEN NULL ELSE ${parts[0]} END` : `(${parts.join(' || ')})`
  return bound(known ? 'CAST(NULL AS VARCHAR)' : whole, text(), anyNullable(values))
})

const concatenated: ScalarFunction = between(1, 500, (values, context) => {
  if (values.every(({ type }) => type.kind === 'binary'))
    return bound(`(${values.map(({ sql }) => sql).join(' || ')})`, binary(), anyNullable(values))
  const texts = values.map((value) => asText(value, context))
  const length = texts.reduce((sum, value) => sum + lengthOf(value), 0)
  return bound(`(${texts.map(({ sql }) => sql).join(' || ')})`, text(Math.min(length, 16_777_216)), anyNullable(values))
})

/** Parts are counted from 1, from the end when negative; 0 counts as 1; beyond the parts there is the empty text. */
const splitPart: ScalarFunction = fixed(3, (values, context) => {
  const [value, separator, index] = values
  if (value === undefined || separator === undefined || index === undefined) return refuse(values, context)
  const at = asInteger(index, context)
  const sql = `split_part(${asText(value, context).sql}, ${asText(separator, context).sql}, CASE WHEN ${at} = 0 THEN 1 ELSE ${at} END)`
  return bound(sql, text(), anyNullable(values))
})

const position: ScalarFunction = between(2, 3, (values, context) => {
  const [needle, hay, start] = values
  if (needle === undefined || hay === undefined) return refuse(values, context)
  const [n, h] = [asText(needle, context).sql, asText(hay, context).sql]
  const from = start === undefined ? null : asInteger(start, context)
  const plain =
    from === null
      ? `instr(${h}, ${n})`
      : `CASE WHEN instr(substr(${h}, ${from}), ${n}) = 0 THEN 0 ELSE instr(substr(${h}, ${from}), ${n}) + ${from} - 1 END`
  return bound(`CAST(${plain} AS DECIMAL(18,0))`, count, anyNullable(values))
})

const flagged = (template: (sql: readonly string[]) => string): ScalarFunction => fixed(2, ofTexts(template, BOOLEAN))

const toBinary = (attempt: boolean): ScalarFunction =>
  between(1, 2, (values, context) => {
    const [value, format] = values
    if (value === undefined) return refuse(values, context)
    const how = (format?.constant ?? 'HEX').toUpperCase()
    if (value.type.kind === 'binary') return value
    const source = asText(value, context)
    if (how === 'UTF-8' || how === 'UTF8') return bound(`encode(${source.sql})`, binary(), value.nullable)
    if (how === 'BASE64') return bound(`from_base64(${source.sql})`, binary(), value.nullable)
    if (how !== 'HEX') return refuse(values, context)
    return castTo(source, binary(), { ...context, attempt })
  })

export const TEXT_FUNCTIONS: FunctionTable = {
  UPPER: fixed(
    1,
    ofTexts(([a]) => `upper(${a})`, sameLength),
  ),
  LOWER: fixed(
    1,
    ofTexts(([a]) => `lower(${a})`, sameLength),
  ),
  INITCAP: fixed(
    1,
    ofTexts(
      ([a]) =>
        `array_to_string(list_transform(string_split(lower(${a}), ' '), lambda w: upper(substr(w, 1, 1)) || substr(w, 2)), ' ')`,
      sameLength,
    ),
  ),
  REVERSE: fixed(
    1,
    ofTexts(([a]) => `reverse(${a})`, sameLength),
  ),
  TRIM: trimmed('trim'),
  LTRIM: trimmed('ltrim'),
  RTRIM: trimmed('rtrim'),
  LENGTH: measured,
  LEN: measured,
  CHAR_LENGTH: measured,
  OCTET_LENGTH: fixed(1, ([value], context) =>
    value === undefined
      ? refuse([], context)
      : bound(
          `CAST(octet_length(${value.type.kind === 'binary' ? value.sql : `encode(${asText(value, context).sql})`}) AS DECIMAL(18,0))`,
          count,
          value.nullable,
        ),
  ),
  SUBSTR: substring,
  SUBSTRING: substring,
  LEFT: ends('left'),
  RIGHT: ends('right'),
  LPAD: padded('lpad'),
  RPAD: padded('rpad'),
  REPEAT: fixed(2, (values, context) => {
    const [value, times] = values
    if (value === undefined || times === undefined) return refuse(values, context)
    return bound(`repeat(${asText(value, context).sql}, ${asInteger(times, context)})`, text(), anyNullable(values))
  }),
  REPLACE: between(
    2,
    3,
    ofTexts(([a, b, c = "''"]) => `replace(${a}, ${b}, ${c})`, text()),
  ),
  TRANSLATE: fixed(
    3,
    ofTexts(([a, b, c]) => `translate(${a}, ${b}, ${c})`, text()),
  ),
  CONCAT: concatenated,
  CONCAT_WS: joined,
  SPLIT_PART: splitPart,
  SPLIT: fixed(
    2,
    ofTexts(([a, b]) => `CAST(to_json(string_split(${a}, ${b})) AS VARCHAR)`, ARRAY),
  ),
  CONTAINS: flagged(([a, b]) => `contains(${a}, ${b})`),
  STARTSWITH: flagged(([a, b]) => `starts_with(${a}, ${b})`),
  ENDSWITH: flagged(([a, b]) => `ends_with(${a}, ${b})`),
  POSITION: position,
  CHARINDEX: position,
  REGEXP_LIKE: flagged(([a, b]) => `regexp_full_match(${a}, ${b})`),
  REGEXP_COUNT: fixed(
    2,
    ofTexts(([a, b]) => `CAST(len(regexp_extract_all(${a}, ${b})) AS DECIMAL(18,0))`, count),
  ),
  REGEXP_REPLACE: between(
    2,
    3,
    ofTexts(([a, b, c = "''"]) => `regexp_replace(${a}, ${b}, ${c}, 'g')`, text()),
  ),
  REGEXP_SUBSTR: fixed(
    2,
    ofTexts(([a, b]) => `nullif(regexp_extract(${a}, ${b}), '')`, text()),
  ),
  ASCII: fixed(
    1,
    ofTexts(([a]) => `CAST(CASE WHEN ${a} = '' THEN 0 ELSE unicode(${a}) END AS DECIMAL(18,0))`, count),
  ),
  UNICODE: fixed(
    1,
    ofTexts(([a]) => `CAST(CASE WHEN ${a} = '' THEN 0 ELSE unicode(${a}) END AS DECIMAL(18,0))`, count),
  ),
  CHR: fixed(1, ([value], context) =>
    value === undefined
      ? refuse([], context)
      : bound(`chr(CAST(${asInteger(value, context)} AS INTEGER))`, text(1), value.nullable),
  ),
  CHAR: fixed(1, ([value], context) =>
    value === undefined
      ? refuse([], context)
      : bound(`chr(CAST(${asInteger(value, context)} AS INTEGER))`, text(1), value.nullable),
  ),
  MD5: digest((value) => `md5(${value})`, 32),
  MD5_HEX: digest((value) => `md5(${value})`, 32),
  SHA1: digest((value) => `sha1(${value})`, 40),
  SHA2: sha2,
  SHA2_HEX: sha2,
  HEX_ENCODE: hexEncode,
  HEX_DECODE_STRING: fixed(
    1,
    ofTexts(([a]) => `decode(sf_text_binary(${a}))`, text()),
  ),
  HEX_DECODE_BINARY: fixed(
    1,
    ofTexts(([a]) => `sf_text_binary(${a})`, binary()),
  ),
  BASE64_ENCODE: fixed(1, ([value], context) =>
    value === undefined
      ? refuse([], context)
      : bound(
          `to_base64(${value.type.kind === 'binary' ? value.sql : `encode(${asText(value, context).sql})`})`,
          text(),
          value.nullable,
        ),
  ),
  TO_BINARY: toBinary(false),
  TRY_TO_BINARY: toBinary(true),
  UUID_STRING: fixed(0, () => bound('CAST(uuid() AS VARCHAR)', text(36), false)),
  EDITDISTANCE: fixed(
    2,
    ofTexts(([a, b]) => `CAST(levenshtein(${a}, ${b}) AS DECIMAL(38,0))`, number(38)),
  ),
}
