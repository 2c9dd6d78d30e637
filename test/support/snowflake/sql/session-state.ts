/** What a session keeps between its statements. */
import type { SessionState } from '../engine.ts'
import type { OutputFormats } from './bind/cast.ts'
import type { ExternalTable, FileFormat, Stage, Table, View } from './catalogue/objects.ts'
import type { DuckConnection } from './duck.ts'
import { invalidParameter, invalidValue } from './errors.ts'
import type { FileChange } from './external/registry.ts'
import type { KeptResult } from './kept-results.ts'

export type Transaction = {
  readonly connection: DuckConnection
  /** Registry changes that nobody else sees yet. */
  readonly changes: Map<ExternalTable, FileChange[]>
  readonly startedBy: string
  /** Rows were changed: from then on everything runs in DuckDB's transaction, which a failing statement ends. */
  wrote: boolean
}

export type SessionWork = {
  readonly id: number
  readonly user: string
  database: string | null
  schema: string | null
  warehouse: string | null
  role: string
  readonly parameters: Map<string, string | number | boolean>
  transaction: Transaction | null
  /** Newest last. */
  readonly queries: string[]
  readonly results: Map<string, KeptResult>
  /** What ends with the session. */
  readonly temporary: Set<Table | View | Stage | FileFormat>
}

export const stateOf = ({ database, schema, warehouse, role, parameters }: SessionWork): SessionState => ({
  database,
  schema,
  warehouse,
  role,
  parameters,
})

type ParameterRule = {
  readonly fallback: string | number | boolean
  readonly kind: 'text' | 'number' | 'flag'
  readonly only?: readonly (string | number | boolean)[]
}

/** Parameters that a session has; `only` lists what is supported here. */
export const PARAMETERS: Readonly<Record<string, ParameterRule>> = {
  AUTOCOMMIT: { fallback: true, kind: 'flag', only: [true] },
  BINARY_INPUT_FORMAT: { fallback: 'HEX', kind: 'text', only: ['HEX'] },
  BINARY_OUTPUT_FORMAT: { fallback: 'HEX', kind: 'text', only: ['HEX'] },
  CLIENT_PREFETCH_THREADS: { fallback: 4, kind: 'number' },
  CLIENT_RESULT_CHUNK_SIZE: { fallback: 160, kind: 'number' },
  CLIENT_RESULT_COLUMN_CASE_INSENSITIVE: { fallback: false, kind: 'flag' },
  CLIENT_SESSION_KEEP_ALIVE: { fallback: false, kind: 'flag' },
  CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY: { fallback: 3600, kind: 'number' },
  CLIENT_TELEMETRY_ENABLED: { fallback: true, kind: 'flag' },
  CLIENT_STAGE_ARRAY_BINDING_THRESHOLD: { fallback: 65280, kind: 'number' },
  DATE_INPUT_FORMAT: { fallback: 'AUTO', kind: 'text', only: ['AUTO'] },
  DATE_OUTPUT_FORMAT: { fallback: 'YYYY-MM-DD', kind: 'text' },
  ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION: { fallback: true, kind: 'flag' },
  ERROR_ON_NONDETERMINISTIC_MERGE: { fallback: true, kind: 'flag', only: [true] },
  GEOGRAPHY_OUTPUT_FORMAT: { fallback: 'GeoJSON', kind: 'text' },
  JDBC_QUERY_RESULT_FORMAT: { fallback: 'JSON', kind: 'text' },
  JS_DRIVER_DISABLE_OCSP_FOR_NON_SF_ENDPOINTS: { fallback: false, kind: 'flag' },
  JS_TREAT_INTEGER_AS_BIGINT: { fallback: false, kind: 'flag' },
  JSON_INDENT: { fallback: 2, kind: 'number', only: [2] },
  LOCK_TIMEOUT: { fallback: 43200, kind: 'number' },
  MULTI_STATEMENT_COUNT: { fallback: 1, kind: 'number', only: [1] },
  ODBC_QUERY_RESULT_FORMAT: { fallback: 'JSON', kind: 'text' },
  PYTHON_CONNECTOR_QUERY_RESULT_FORMAT: { fallback: 'JSON', kind: 'text' },
  PYTHON_CONNECTOR_USE_NANOARROW: { fallback: true, kind: 'flag' },
  QUERY_TAG: { fallback: '', kind: 'text' },
  QUOTED_IDENTIFIERS_IGNORE_CASE: { fallback: false, kind: 'flag', only: [false] },
  ROWS_PER_RESULTSET: { fallback: 0, kind: 'number' },
  SERVICE_NAME: { fallback: '', kind: 'text' },
  STATEMENT_QUEUED_TIMEOUT_IN_SECONDS: { fallback: 0, kind: 'number' },
  STATEMENT_TIMEOUT_IN_SECONDS: { fallback: 172800, kind: 'number' },
  TIMESTAMP_INPUT_FORMAT: { fallback: 'AUTO', kind: 'text', only: ['AUTO'] },
  TIMESTAMP_LTZ_OUTPUT_FORMAT: { fallback: '', kind: 'text' },
  TIMESTAMP_NTZ_OUTPUT_FORMAT: { fallback: 'YYYY-MM-DD HH24:MI:SS.FF3', kind: 'text' },
  TIMESTAMP_OUTPUT_FORMAT: { fallback: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM', kind: 'text' },
  TIMESTAMP_TYPE_MAPPING: { fallback: 'TIMESTAMP_NTZ', kind: 'text', only: ['TIMESTAMP_NTZ'] },
  TIMESTAMP_TZ_OUTPUT_FORMAT: { fallback: '', kind: 'text' },
  TIMEZONE: { fallback: 'America/Los_Angeles', kind: 'text', only: ['UTC', 'Etc/UTC'] },
  TIME_INPUT_FORMAT: { fallback: 'AUTO', kind: 'text', only: ['AUTO'] },
  TIME_OUTPUT_FORMAT: { fallback: 'HH24:MI:SS', kind: 'text' },
  TRANSACTION_ABORT_ON_ERROR: { fallback: false, kind: 'flag' },
  TRANSACTION_DEFAULT_ISOLATION_LEVEL: { fallback: 'READ COMMITTED', kind: 'text', only: ['READ COMMITTED'] },
  USE_CACHED_RESULT: { fallback: true, kind: 'flag' },
  WEEK_OF_YEAR_POLICY: { fallback: 0, kind: 'number', only: [0] },
  WEEK_START: { fallback: 0, kind: 'number', only: [0] },
  CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX: { fallback: false, kind: 'flag' },
  CLIENT_TIMESTAMP_TYPE_MAPPING: { fallback: 'TIMESTAMP_LTZ', kind: 'text' },
}

/** The zone is UTC from the beginning: nothing else is supported, and so it is not what an account has by default. */
export const initialParameters = (): Map<string, string | number | boolean> =>
  new Map([...Object.entries(PARAMETERS).map(([name, { fallback }]) => [name, fallback] as const), ['TIMEZONE', 'UTC'] as const])

/** Throws 001008 for an unknown parameter, 001006 for a value that is not supported here. */
export function checkedParameter(name: string, value: string | number | boolean): string | number | boolean {
  const rule = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined
  if (rule === undefined) throw invalidParameter(`invalid parameter '${name}'`)
  const made = convert(value, rule.kind)
  if (made === null) throw invalidValue(String(value), name)
  const allowed = rule.only?.some((each) => String(each).toUpperCase() === String(made).toUpperCase()) ?? true
  if (!allowed) throw invalidValue(String(value), name)
  return made
}

function convert(value: string | number | boolean, kind: 'text' | 'number' | 'flag'): string | number | boolean | null {
  if (kind === 'text') return String(value)
  if (kind === 'number') return /^\d{1,12}$/.test(String(value)) ? Number(value) : null
  return /^true$/i.test(String(value)) ? true : /^false$/i.test(String(value)) ? false : null
}

export function formatsOf(parameters: ReadonlyMap<string, string | number | boolean>): OutputFormats {
  const text = (name: string): string => String(parameters.get(name) ?? '')
  const zoned = text('TIMESTAMP_OUTPUT_FORMAT')
  return {
    date: text('DATE_OUTPUT_FORMAT'),
    time: text('TIME_OUTPUT_FORMAT'),
    timestamp_ntz: text('TIMESTAMP_NTZ_OUTPUT_FORMAT'),
    timestamp_ltz: text('TIMESTAMP_LTZ_OUTPUT_FORMAT') || zoned,
    timestamp_tz: text('TIMESTAMP_TZ_OUTPUT_FORMAT') || zoned,
    binary: 'HEX',
  }
}
