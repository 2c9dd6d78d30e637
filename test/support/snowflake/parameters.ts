/** The parameters block of answers: an account's defaults, and what the session has set. */
import type { SessionState } from './engine.ts'

export type ParameterValue = string | number | boolean

/** STATEMENT_TIMEOUT_IN_SECONDS: 7 days. */
export const MAX_TIMEOUT_SECONDS = 604_800

/** As an account in its default state answers, for what drivers read. */
const DEFAULTS: Readonly<Record<string, ParameterValue>> = {
  AUTOCOMMIT: true,
  BINARY_INPUT_FORMAT: 'HEX',
  BINARY_OUTPUT_FORMAT: 'HEX',
  CLIENT_DISABLE_INCIDENTS: true,
  CLIENT_HONOR_CLIENT_TZ_FOR_TIMESTAMP_NTZ: true,
  CLIENT_MEMORY_LIMIT: 1536,
  CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX: false,
  CLIENT_PREFETCH_THREADS: 4,
  CLIENT_RESULT_CHUNK_SIZE: 160,
  CLIENT_RESULT_COLUMN_CASE_INSENSITIVE: false,
  CLIENT_SESSION_CLONE: false,
  CLIENT_SESSION_KEEP_ALIVE: false,
  CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY: 3600,
  CLIENT_STAGE_ARRAY_BINDING_THRESHOLD: 65_280,
  CLIENT_TELEMETRY_ENABLED: true,
  CLIENT_TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_LTZ',
  DATE_OUTPUT_FORMAT: 'YYYY-MM-DD',
  JS_TREAT_INTEGER_AS_BIGINT: false,
  MULTI_STATEMENT_COUNT: 1,
  PYTHON_CONNECTOR_QUERY_RESULT_FORMAT: 'JSON',
  QUERY_CONTEXT_CACHE_SIZE: 5,
  QUERY_TAG: '',
  SERVICE_NAME: '',
  STATEMENT_TIMEOUT_IN_SECONDS: 172_800,
  TIMESTAMP_LTZ_OUTPUT_FORMAT: '',
  TIMESTAMP_NTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF3',
  TIMESTAMP_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM',
  TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_NTZ',
  TIMESTAMP_TZ_OUTPUT_FORMAT: '',
  TIMEZONE: 'America/Los_Angeles',
  TIME_OUTPUT_FORMAT: 'HH24:MI:SS',
}

export function parametersOf({ parameters }: SessionState): readonly { readonly name: string; readonly value: ParameterValue }[] {
  const merged = new Map([...Object.entries(DEFAULTS), ...parameters])
  return [...merged].map(([name, value]) => ({ name, value }))
}

export function statementTimeoutMs({ parameters }: SessionState): number {
  const seconds = Number(parameters.get('STATEMENT_TIMEOUT_IN_SECONDS') ?? DEFAULTS.STATEMENT_TIMEOUT_IN_SECONDS)
  // 0 stands for the greatest value.
  return (seconds > 0 ? Math.min(seconds, MAX_TIMEOUT_SECONDS) : MAX_TIMEOUT_SECONDS) * 1000
}

export function queryTagOf({ parameters }: SessionState): string {
  return String(parameters.get('QUERY_TAG') ?? '')
}
