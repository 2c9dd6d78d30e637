/** What every session is pinned to. Pure. Snowflake documentation, "Parameters". */
import type { SnowflakeOptions } from './options.ts'

const TIMESTAMP = 'YYYY-MM-DD HH24:MI:SS.FF9'

/** Parameters by name, set at log-in and read back: a value rendered or compared otherwise would be silently wrong. */
export function sessionParameters(
  options: Pick<SnowflakeOptions, 'statement_timeout_s'>,
  queryTag: string,
): Readonly<Record<string, string | number | boolean>> {
  return {
    TIMEZONE: 'UTC',
    TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_NTZ',
    QUOTED_IDENTIFIERS_IGNORE_CASE: false,
    BINARY_OUTPUT_FORMAT: 'HEX',
    BINARY_INPUT_FORMAT: 'HEX',
    DATE_OUTPUT_FORMAT: 'YYYY-MM-DD',
    TIME_OUTPUT_FORMAT: 'HH24:MI:SS.FF9',
    TIMESTAMP_OUTPUT_FORMAT: TIMESTAMP,
    TIMESTAMP_NTZ_OUTPUT_FORMAT: TIMESTAMP,
    TIMESTAMP_LTZ_OUTPUT_FORMAT: TIMESTAMP,
    TIMESTAMP_TZ_OUTPUT_FORMAT: `${TIMESTAMP} TZHTZM`,
    ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION: false,
    STATEMENT_TIMEOUT_IN_SECONDS: options.statement_timeout_s,
    // Snowflake documentation: 2,000 characters at most.
    QUERY_TAG: queryTag.slice(0, 2_000),
  }
}

/** Parameters that are not as they should be, from the rows of `SHOW PARAMETERS IN SESSION`. */
export function differingParameters(
  wanted: Readonly<Record<string, string | number | boolean>>,
  found: ReadonlyMap<string, string | null>,
): readonly string[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    const now = found.get(name)
    return now?.toUpperCase() === String(value).toUpperCase() ? [] : [name]
  })
}
