/** Functions of VARIANT, OBJECT and ARRAY. */
import { castTo } from '../bind/cast.ts'
import { toVariant } from '../bind/to-variant.ts'
import { anyNullable, type Bound, bound, quoted } from '../bind/value.ts'
import { nodeTypeOf, variantOf } from '../external/file-node.ts'
import { ARRAY, BOOLEAN, DATE, FLOAT, isSemi, number, OBJECT, type SqlType, text, timestamp, VARIANT } from '../types.ts'
import { asInteger, asText, between, constantText, type FunctionTable, fixed, refuse, type ScalarFunction } from './function.ts'
import { pathText } from './json-path.ts'

const parse = (attempt: boolean): ScalarFunction =>
  fixed(1, ([value], context) => {
    if (value === undefined) return refuse([], context)
    return bound(`${attempt ? 'sf_try_json' : 'sf_json'}(${asText(variantText(value, context), context).sql})`, VARIANT)
  })

const variantText = (value: Bound, context: Parameters<ScalarFunction['bind']>[1]): Bound =>
  isSemi(value.type) ? castTo(value, text(), context) : value

const typeOf: ScalarFunction = {
  ...fixed(1, ([value], context) => {
    if (value === undefined) return refuse([], context)
    const answer = value.node === undefined ? null : nodeTypeOf(value.node)
    if (answer !== null) {
      const sql = `CASE WHEN ${value.sql} IS NULL THEN NULL ELSE '${answer}' END`
      return { ...bound(sql, text()), typeOf: { answer, sql: value.sql } }
    }
    if (!isSemi(value.type) && value.type.kind !== 'null') return refuse([value], context)
    return bound(`sf_typeof(${variantOf(value).sql})`, text())
  }),
  raw: true,
}

const json = (value: Bound): string => `coalesce(${toVariant(value).sql}, 'null')`

/** Pairs of key and value; a NULL value leaves its pair out unless it is kept. */
const objectOf = (keep: boolean): ScalarFunction =>
  between(0, 500, (values, context) => {
    if (values.length % 2 === 1) return refuse(values, context)
    const pairs = Array.from({ length: values.length / 2 }, (_, index) => {
      const [key, value] = [values[index * 2], values[index * 2 + 1]]
      if (key === undefined || value === undefined) return refuse(values, context)
      const entry = `CAST(to_json(${asText(key, context).sql}) AS VARCHAR) || ':' || ${keep ? json(value) : toVariant(value).sql}`
      return entry
    })
    return bound(`('{' || concat_ws(',', ${pairs.length === 0 ? "''" : pairs.join(', ')}) || '}')`, OBJECT, false)
  })

const get: ScalarFunction = fixed(2, (values, context) => {
  const [value, key] = values
  if (value === undefined || key === undefined || !isSemi(value.type)) return refuse(values, context)
  const path =
    key.type.kind === 'text' ? `'$.' || CAST(to_json(${key.sql}) AS VARCHAR)` : `'$[' || ${asInteger(key, context)} || ']'`
  return bound(`CAST(json_extract(${value.sql}, ${path}) AS VARCHAR)`, VARIANT)
})

const getPath: ScalarFunction = fixed(2, (values, context) => {
  const [value, path] = values
  if (value === undefined || !isSemi(value.type)) return refuse(values, context)
  return bound(
    `CAST(json_extract(${value.sql}, '${pathText(constantText(path, values, context)).replaceAll("'", "''")}') AS VARCHAR)`,
    VARIANT,
  )
})

const flagged = (condition: (sql: string) => string): ScalarFunction =>
  fixed(1, ([value], context) => {
    if (value === undefined || !isSemi(value.type)) return refuse(value === undefined ? [] : [value], context)
    return bound(condition(value.sql), BOOLEAN)
  })

/** AS_…: the value when it is of that type, else NULL. */
const only = (types: readonly string[], target: SqlType): ScalarFunction =>
  fixed(1, ([value], context) => {
    if (value === undefined || !isSemi(value.type)) return refuse(value === undefined ? [] : [value], context)
    const names = types.map((each) => `'${each}'`).join(', ')
    return bound(`CASE WHEN sf_typeof(${value.sql}) IN (${names}) THEN ${castTo(value, target, context).sql} END`, target)
  })

const arrayOf: ScalarFunction = between(0, 500, (values) =>
  bound(`('[' || concat_ws(',', ${values.length === 0 ? "''" : values.map(json).join(', ')}) || ']')`, ARRAY, false),
)

const semiOnly = (bind: (sql: string) => Bound): ScalarFunction =>
  fixed(1, ([value], context) =>
    value === undefined || !isSemi(value.type) ? refuse(value === undefined ? [] : [value], context) : bind(value.sql),
  )

export const SEMI_FUNCTIONS: FunctionTable = {
  PARSE_JSON: parse(false),
  TRY_PARSE_JSON: parse(true),
  TO_JSON: fixed(1, ([value], context) => {
    if (value === undefined || !isSemi(value.type)) return refuse(value === undefined ? [] : [value], context)
    return bound(`sf_clean(${value.sql})`, text())
  }),
  TO_VARIANT: fixed(1, ([value], context) => (value === undefined ? refuse([], context) : toVariant(value))),
  TO_OBJECT: fixed(1, ([value], context) => (value === undefined ? refuse([], context) : castTo(value, OBJECT, context))),
  TO_ARRAY: fixed(1, ([value], context) => {
    if (value === undefined) return refuse([], context)
    if (value.type.kind === 'array') return value
    const inner = toVariant(value).sql
    return bound(
      `CASE WHEN ${inner} IS NULL THEN NULL WHEN json_type(${inner}) = 'ARRAY' THEN ${inner} ELSE '[' || ${inner} || ']' END`,
      ARRAY,
    )
  }),
  TYPEOF: typeOf,
  GET: get,
  GET_PATH: getPath,
  OBJECT_CONSTRUCT: objectOf(false),
  OBJECT_CONSTRUCT_KEEP_NULL: objectOf(true),
  ARRAY_CONSTRUCT: arrayOf,
  ARRAY_SIZE: fixed(1, ([value], context) => {
    if (value === undefined || !isSemi(value.type)) return refuse(value === undefined ? [] : [value], context)
    return bound(
      `CASE WHEN json_type(${value.sql}) = 'ARRAY' THEN CAST(json_array_length(${value.sql}) AS DECIMAL(9,0)) END`,
      number(9),
    )
  }),
  ARRAY_CONTAINS: fixed(2, (values, context) => {
    const [value, list] = values
    if (value === undefined || list?.type.kind !== 'array' || !isSemi(value.type)) return refuse(values, context)
    return bound(
      `list_contains(CAST(CAST(${list.sql} AS JSON) AS JSON[]), CAST(${value.sql} AS JSON))`,
      BOOLEAN,
      anyNullable(values),
    )
  }),
  ARRAY_TO_STRING: fixed(2, (values, context) => {
    const [list, separator] = values
    if (list?.type.kind !== 'array') return refuse(values, context)
    const items = `list_transform(CAST(CAST(${list.sql} AS JSON) AS JSON[]), lambda e: coalesce(sf_variant_text(CAST(e AS VARCHAR)), ''))`
    return bound(`array_to_string(${items}, ${quoted(constantText(separator, values, context))})`, text(), anyNullable(values))
  }),
  OBJECT_KEYS: semiOnly((sql) => bound(`CAST(to_json(json_keys(${sql})) AS VARCHAR)`, ARRAY)),
  STRIP_NULL_VALUE: semiOnly((sql) => bound(`CASE WHEN json_type(${sql}) = 'NULL' THEN NULL ELSE ${sql} END`, VARIANT)),
  IS_NULL_VALUE: flagged((sql) => `(json_type(${sql}) = 'NULL')`),
  IS_OBJECT: flagged((sql) => `(json_type(${sql}) = 'OBJECT')`),
  IS_ARRAY: flagged((sql) => `(json_type(${sql}) = 'ARRAY')`),
  IS_VARCHAR: flagged((sql) => `(sf_typeof(${sql}) = 'VARCHAR')`),
  IS_BOOLEAN: flagged((sql) => `(json_type(${sql}) = 'BOOLEAN')`),
  IS_INTEGER: flagged((sql) => `(sf_typeof(${sql}) = 'INTEGER')`),
  AS_VARCHAR: only(['VARCHAR'], text()),
  AS_CHAR: only(['VARCHAR'], text()),
  AS_BOOLEAN: only(['BOOLEAN'], BOOLEAN),
  AS_INTEGER: only(['INTEGER'], number(38)),
  AS_DOUBLE: only(['INTEGER', 'DECIMAL', 'DOUBLE'], FLOAT),
  AS_DATE: only(['DATE'], DATE),
  AS_TIMESTAMP_NTZ: only(['TIMESTAMP_NTZ'], timestamp('timestamp_ntz')),
  CHECK_JSON: fixed(1, ([value], context) =>
    value === undefined
      ? refuse([], context)
      : bound(
          `CASE WHEN ${asText(value, context).sql} IS NULL OR json_valid(${asText(value, context).sql}) THEN NULL ELSE 'invalid JSON' END`,
          text(),
        ),
  ),
}
