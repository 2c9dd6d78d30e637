/**
 * From the status of an answer to `ConnectorError`s. Pure. Codes: apache/hive `ErrorMsg.java` (10000s: compiling, 20000s: running,
 * 30000s: perhaps passing), apache/spark `error-conditions.json` and `error-states.json`.
 */
import { ConnectorError, type ErrorCode } from '../../errors.ts'

/** What HiveServer2 says of a failure; each part may be missing. */
export type ServerStatus = {
  readonly errorCode?: number | undefined
  readonly sqlState?: string | undefined
  readonly message?: string | undefined
}

type Meaning = { readonly code: ErrorCode; readonly cure: string }

const AGAIN = 'It is tried again'
const MISSING: Meaning = { code: 'NOT_FOUND', cure: 'Correct the name, or create what it names' }
const DENIED: Meaning = { code: 'PRIVILEGE', cure: 'Grant what the server names to the connection’s user' }
const LOCKED: Meaning = { code: 'UNAVAILABLE', cure: `Somebody else holds the lock. ${AGAIN}` }
const REFUSED: Meaning = { code: 'STATEMENT', cure: 'The message is the server’s' }

/** By Hive's own code. 08S01 is no help: Hive gives that state to every task that fails. */
const BY_CODE: Readonly<Record<number, Meaning>> = {
  10001: MISSING,
  10006: MISSING,
  10072: MISSING,
  10104: LOCKED,
  10265: LOCKED,
  10300: { code: 'THROTTLED', cure: AGAIN },
  20001: { code: 'UNAVAILABLE', cure: AGAIN },
  20003: { code: 'STATEMENT', cure: 'The engine ran out of something; the server’s log says of what' },
  20009: DENIED,
  30041: { code: 'UNAVAILABLE', cure: AGAIN },
}

/** By SQLSTATE; the longest prefix wins. */
const BY_STATE: Readonly<Record<string, Meaning>> = {
  '42S02': MISSING,
  '42P01': MISSING,
  '42704': MISSING,
  '42501': DENIED,
  '28000': { code: 'AUTHENTICATION', cure: 'Correct user and password in config/connections.yaml' },
  '40': { code: 'UNAVAILABLE', cure: AGAIN },
}

/** Where code and state say nothing: words that every version has used. */
const BY_TEXT: readonly (readonly [RegExp, Meaning])[] = [
  [
    /AccessDeniedException|Status Code: 403|AuthorizationPermissionMismatch/,
    { code: 'PRIVILEGE', cure: 'Let the server read that place: its own keys of the store (fs.s3a.…) are used, not Portage’s' },
  ],
  [
    /No FileSystem for scheme|UnsupportedFileSystemException|S3AFileSystem not found/,
    {
      code: 'CONFIGURATION',
      cure: 'Give the server what such addresses take (hadoop-aws for s3a), or name its scheme with s3_scheme in the connection block',
    },
  ],
  [
    /Unable to execute HTTP request|SdkClientException/,
    { code: 'UNAVAILABLE', cure: `The server does not reach the object store: see its fs.s3a.endpoint. ${AGAIN}` },
  ],
  [/HiveAccessControlException|AccessControlException|Permission denied|Failed to validate proxy privilege/, DENIED],
  [/NoSuchObjectException|UnknownDBException|Table not found|TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND/, MISSING],
  [/Invalid (?:Session|Operation)Handle/, { code: 'CONNECTION', cure: `The server forgot the session. ${AGAIN}` }],
  [/Connection limit per|limit of sessions/i, { code: 'THROTTLED', cure: AGAIN }],
  [
    /inactive HS2|leader|ServiceUnavailable|MetaException.*(?:Unable to|TTransport)|TTransportException|SparkContext (?:was|has been) (?:shut down|stopped)/,
    { code: 'UNAVAILABLE', cure: AGAIN },
  ],
  [/Locks on the underlying objects|LockException/, LOCKED],
  [
    /Too many counters/,
    { code: 'STATEMENT', cure: 'Raise tez.counters.max and mapreduce.job.counters.max in the server’s hive-site.xml (10000)' },
  ],
  [/DSQuotaExceeded|No space left/, { code: 'FULL', cure: 'Free space where the warehouse writes, and run again' }],
]

const MAX_SUMMARY = 400

/** `subject` says what was asked of which server: `Statement on HiveServer2 at "db:10000"`. */
export function serverError(status: ServerStatus, subject: string): ConnectorError {
  const { code, cure } = meaningOf(status)
  // The server's words are not the cause's: a cause is printed, and these may quote values.
  return new ConnectorError(code, `${subject} failed: ${summary(status)}. ${cure}`)
}

function meaningOf({ errorCode, sqlState, message = '' }: ServerStatus): Meaning {
  const byCode = errorCode === undefined ? undefined : BY_CODE[errorCode]
  if (byCode !== undefined) return byCode
  for (const length of [5, 2]) {
    const byState = BY_STATE[(sqlState ?? '').slice(0, length)]
    if (byState !== undefined) return byState
  }
  return BY_TEXT.find(([pattern]) => pattern.test(message))?.[1] ?? REFUSED
}

/** Data errors (class 22, 23) quote values: of those only the condition's name is kept. Statements and traces are cut off. */
function summary({ errorCode, sqlState, message = '' }: ServerStatus): string {
  const facts = [
    ...(errorCode === undefined || errorCode === 0 ? [] : [`code ${errorCode}`]),
    ...(sqlState === undefined || sqlState === '' ? [] : [`SQLSTATE ${sqlState}`]),
  ].join(', ')
  const text = quotesValues(sqlState, message) ? conditionOf(message) : textOf(message)
  if (text === '') return facts === '' ? 'the server gave no reason' : facts
  return facts === '' ? text : `${text} (${facts})`
}

const RUNTIME_VALUES =
  /processing (?:row|vector|writable)|NumberFormatException|DateTimeException|ArithmeticException|Error evaluating|CAST_INVALID_INPUT|CAST_OVERFLOW/

function quotesValues(sqlState: string | undefined, message: string): boolean {
  return /^2[23]/.test(sqlState ?? '') || RUNTIME_VALUES.test(message)
}

/** `[CAST_INVALID_INPUT]`, or the class of the innermost exception. */
function conditionOf(message: string): string {
  return (
    /\[[A-Z][A-Z0-9_.]+\]/.exec(message)?.[0] ?? message.match(/\b\w+(?:Exception|Error)\b/g)?.at(-1) ?? 'a value does not fit'
  )
}

function textOf(message: string): string {
  // Tez tells the whole way of a failure: its end is what happened.
  const cause = /Vertex failed/.test(message) ? message.match(/Caused by: [^\n]+/g)?.at(-1) : undefined
  const [line = ''] = (cause?.replace('Caused by: ', '') ?? message)
    .replace(PREFIXES, '')
    // Spark says the condition twice, around the exception's name.
    .replace(/^(\[[A-Z0-9_.]+\] )(?:[\w$]+\.)+\w*Exception:\s*(?:\[[A-Z0-9_.]+\] )?/, '$1')
    .trim()
    .split(/\n|== SQL|;?\s*SQLSTATE: |\tat /, 1)
  const text = line.trim().replace(/[.\s]+$/, '')
  return text.length > MAX_SUMMARY ? `${text.slice(0, MAX_SUMMARY)}…` : text
}

const PREFIXES =
  /^(?:Error while (?:compiling|processing) statement: |Error running query: |(?:[\w$]+\.)+\w*Exception: |FAILED: )+/
