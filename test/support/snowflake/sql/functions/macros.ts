/** DuckDB macros that hold Snowflake's semantics where DuckDB has no word for them. Executed once per database. */
import { failure } from '../bind/value.ts'

/** A string of a VARIANT without the mark of a date, time or binary. */
const UNMARKED = 'CASE WHEN starts_with(s, chr(1)) THEN substr(s, 3) ELSE s END'

/** A macro that fails with Snowflake's error, and `sf_try_…`, which is NULL instead: DuckDB's TRY cannot hold what fails on purpose. */
function fallible(name: string, sql: (fail: typeof failure) => string): readonly string[] {
  return [`CREATE MACRO sf_${name} AS ${sql(failure)}`, `CREATE MACRO sf_try_${name} AS ${sql(() => 'NULL')}`]
}

export const MACROS: readonly string[] = [
  "CREATE MACRO sf_double_text(d) AS CASE WHEN isnan(d) THEN 'NaN' WHEN isinf(d) THEN CASE WHEN d > 0 THEN 'inf' ELSE '-inf' END ELSE regexp_replace(CAST(d AS VARCHAR), '\\.0($|e)', '\\1') END",
  `CREATE MACRO sf_double_json(d) AS CASE WHEN isnan(d) THEN '"NaN"' WHEN isinf(d) THEN CASE WHEN d > 0 THEN '"Infinity"' ELSE '"-Infinity"' END ELSE '"\\u0001F' || sf_double_text(d) || '"' END`,
  // Trailing zeros of a fraction do not survive in a VARIANT.
  "CREATE MACRO sf_number_json(n) AS CASE WHEN contains(CAST(n AS VARCHAR), '.') THEN rtrim(rtrim(regexp_replace(CAST(n AS VARCHAR), '^(-?)\\.', '\\10.'), '0'), '.') ELSE CAST(n AS VARCHAR) END",
  `CREATE MACRO sf_unmarked(s) AS ${UNMARKED}`,
  // A number that is marked as a double loses its quotes with the mark.
  `CREATE MACRO sf_clean(v) AS regexp_replace(regexp_replace(v, '"\\\\u0001F([^"]*)"', '\\1', 'g'), '"\\\\u0001[A-Z]', '"', 'g')`,
  "CREATE MACRO sf_variant_text(v) AS CASE json_type(v) WHEN 'VARCHAR' THEN sf_unmarked(json_extract_string(v, '$')) WHEN 'NULL' THEN NULL WHEN 'OBJECT' THEN sf_clean(v) WHEN 'ARRAY' THEN sf_clean(v) WHEN 'DOUBLE' THEN sf_json_number(v) ELSE v END",
  "CREATE MACRO sf_json_number(v) AS CASE WHEN contains(v, 'e') OR contains(v, 'E') THEN sf_double_text(CAST(v AS DOUBLE)) WHEN contains(v, '.') THEN rtrim(rtrim(v, '0'), '.') ELSE v END",
  `CREATE MACRO sf_typeof(v) AS CASE json_type(v) WHEN 'VARCHAR' THEN CASE substr(json_extract_string(v, '$'), 1, 2)
    WHEN chr(1) || 'B' THEN 'BINARY' WHEN chr(1) || 'D' THEN 'DATE' WHEN chr(1) || 'T' THEN 'TIME'
    WHEN chr(1) || 'F' THEN 'DOUBLE'
    WHEN chr(1) || 'N' THEN 'TIMESTAMP_NTZ' WHEN chr(1) || 'L' THEN 'TIMESTAMP_LTZ' WHEN chr(1) || 'Z' THEN 'TIMESTAMP_TZ' ELSE 'VARCHAR' END
    WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'DOUBLE' THEN CASE WHEN contains(lower(v), 'e') THEN 'DOUBLE' ELSE 'DECIMAL' END
    WHEN 'BOOLEAN' THEN 'BOOLEAN' WHEN 'OBJECT' THEN 'OBJECT' WHEN 'ARRAY' THEN 'ARRAY' WHEN NULL THEN NULL ELSE CASE WHEN v IS NULL THEN NULL ELSE 'INTEGER' END END`,
  // An integer that becomes a timestamp is taken for seconds, milliseconds, microseconds or nanoseconds by its size.
  `CREATE MACRO sf_auto_timestamp(n) AS CASE
    WHEN abs(n) < 31536000000 THEN make_timestamp(CAST(CAST(n AS HUGEINT) * 1000000 AS BIGINT))
    WHEN abs(n) < 31536000000000 THEN make_timestamp(CAST(CAST(n AS HUGEINT) * 1000 AS BIGINT))
    WHEN abs(n) < 31536000000000000 THEN make_timestamp(CAST(n AS BIGINT))
    ELSE make_timestamp(CAST(CAST(n AS HUGEINT) // 1000 AS BIGINT)) END`,
  ...fallible(
    'text_timestamp(t)',
    (fail) => `CASE
    WHEN regexp_full_match(t, '\\s*-?\\d{5,}\\s*') THEN sf_auto_timestamp(CAST(t AS HUGEINT))
    WHEN regexp_full_match(t, '\\s*\\d{4}-\\d{1,2}-\\d{1,2}([ T]\\d{1,2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?\\s*(Z|[+-]\\d{2}(:?\\d{2})?)?)?\\s*')
      THEN coalesce(TRY_CAST(CASE WHEN regexp_matches(t, 'T.*|:.*') AND regexp_matches(t, '(Z|[+-]\\d{2}(:?\\d{2})?)\\s*$') THEN timezone('UTC', TRY_CAST(t AS TIMESTAMPTZ)) ELSE TRY_CAST(t AS TIMESTAMP) END AS TIMESTAMP), ${fail('100035', '22007', "Timestamp '", 't', "' is not recognized")})
    WHEN t IS NULL THEN NULL
    ELSE ${fail('100035', '22007', "Timestamp '", 't', "' is not recognized")} END`,
  ),
  // DuckDB reads underscores and hexadecimal digits as numbers too.
  ...fallible(
    'digits(t)',
    (fail) =>
      `CASE WHEN regexp_matches(t, '[_xX]') THEN ${fail('100038', '22018', "Numeric value '", 't', "' is not recognized")} ELSE t END`,
  ),
  ...fallible(
    'text_date(t)',
    (fail) => `CASE
    WHEN t IS NULL THEN NULL
    WHEN regexp_full_match(t, '\\s*-?\\d{5,}\\s*') THEN CAST(sf_auto_timestamp(CAST(t AS HUGEINT)) AS DATE)
    WHEN regexp_full_match(t, '\\s*\\d{4}-\\d{1,2}-\\d{1,2}([ T].*)?\\s*') AND TRY_CAST(substr(trim(t), 1, 10) AS DATE) IS NOT NULL THEN CAST(substr(trim(t), 1, 10) AS DATE)
    ELSE ${fail('100040', '22007', "Date '", 't', "' is not recognized")} END`,
  ),
  ...fallible(
    'text_boolean(t)',
    (fail) => `CASE WHEN t IS NULL THEN NULL
    WHEN lower(t) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true WHEN lower(t) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false
    ELSE CAST(${fail('100037', '22018', "Boolean value '", 't', "' is not recognized")} AS BOOLEAN) END`,
  ),
  ...fallible(
    'text_binary(t)',
    (fail) => `CASE WHEN t IS NULL THEN NULL WHEN regexp_full_match(t, '([0-9a-fA-F]{2})*') THEN unhex(t)
    ELSE CAST(${fail('100115', '22000', "The following string is not a legal hex-encoded value: '", 't', "'")} AS BLOB) END`,
  ),
  // Half away from zero, as NUMBER division rounds; the operands are integers already scaled.
  `CREATE MACRO sf_divide_whole(a, b) AS CASE WHEN b = 0 THEN CAST(${failure('100051', '22012', 'Division by zero')} AS HUGEINT)
    ELSE CAST(a // b AS HUGEINT) + CASE WHEN 2 * abs(a % b) >= abs(b) THEN CASE WHEN (a < 0) = (b < 0) THEN 1 ELSE -1 END ELSE 0 END END`,
  `CREATE MACRO sf_flatten(v) AS CASE json_type(v)
    WHEN 'ARRAY' THEN list_transform(range(CAST(json_array_length(v) AS BIGINT)), lambda i: {'k': CAST(NULL AS VARCHAR), 'p': '[' || i || ']', 'i': CAST(i AS BIGINT), 'v': CAST(json_extract(v, '$[' || i || ']') AS VARCHAR)})
    WHEN 'OBJECT' THEN list_transform(json_keys(v), lambda k: {'k': k, 'p': CASE WHEN regexp_full_match(k, '[A-Za-z_][A-Za-z0-9_]*') THEN k ELSE '[''' || k || ''']' END, 'i': CAST(NULL AS BIGINT), 'v': CAST(json_extract(v, '$.' || CAST(to_json(k) AS VARCHAR)) AS VARCHAR)})
    ELSE [] END`,
  ...fallible(
    'json(t)',
    (fail) => `CASE WHEN t IS NULL OR trim(t) = '' THEN NULL WHEN json_valid(t) THEN CAST(json(t) AS VARCHAR)
    ELSE ${fail('100069', '22P02', 'Error parsing JSON: ', 'substr(t, 1, 40)')} END`,
  ),
  ...fallible(
    'fits(t, n)',
    (fail) =>
      `CASE WHEN length(t) > n THEN ${fail('100078', '22000', "String '", 't', "' is too long and would be truncated")} ELSE t END`,
  ),
]
