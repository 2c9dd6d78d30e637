/**
 * From what the driver throws to `ConnectorError`s with a cure. Pure. Server codes and SQL states: Snowflake's error messages;
 * 40xxxx: the driver's own codes. The server's words stay in `cause`; where they quote values they go no further than this file.
 */
import { ConnectorError, type ErrorCode } from '../errors.ts'

type Meaning = {
  readonly code: ErrorCode
  readonly problem: string
  readonly cure: string
  /** The same request may succeed now. */
  readonly transient?: true
  /** The session is gone: log in again first. */
  readonly session?: 'gone'
  /** The server's words name objects and roles, never a value: they are part of the message. */
  readonly named?: true
}

const FILE = 'config/connections.yaml'
const AGAIN = 'It was tried again in vain; run again'

const LOGIN: Meaning = {
  code: 'AUTHENTICATION',
  problem: 'the user or its password is wrong, or the user is locked',
  cure: `Correct user and password in ${FILE}`,
}
const KEY: Meaning = {
  code: 'AUTHENTICATION',
  problem: 'the key pair was not accepted',
  cure: `Correct account, user and private_key in ${FILE}; the user needs its public half: ALTER USER <user> SET RSA_PUBLIC_KEY = '…'. A clock that is wrong by more than a minute does it too`,
}
const TOKEN: Meaning = {
  code: 'AUTHENTICATION',
  problem: 'the token is not valid or expired',
  cure: `Get a new token and set it in ${FILE}; a programmatic access token also needs a network policy on its user`,
}
const GONE: Meaning = { code: 'CONNECTION', problem: 'the session has ended', cure: AGAIN, transient: true, session: 'gone' }
const DOWN: Meaning = { code: 'UNAVAILABLE', problem: 'the service is not available', cure: AGAIN, transient: true }
const SLOW: Meaning = { code: 'THROTTLED', problem: 'the service asks to slow down', cure: AGAIN, transient: true }
const LOST: Meaning = {
  code: 'CONNECTION',
  problem: 'it could not be reached, or dropped the connection',
  cure: `Check account and host in ${FILE}, the network and its proxy (HTTPS_PROXY); where TLS is opened on the way, NODE_EXTRA_CA_CERTS and "ocsp: false"`,
  transient: true,
}
const PROTOCOL: Meaning = {
  code: 'CONNECTION',
  problem: 'something else than a Snowflake server answered, or a part of its answer was lost',
  cure: `Check account, host and port in ${FILE}, and proxies in between`,
  transient: true,
}
const DENIED: Meaning = {
  code: 'PRIVILEGE',
  problem: 'a privilege is missing',
  cure: 'Let an administrator grant it; "portage check" prints the SQL for what a registration needs',
  named: true,
}
const UNKNOWN_OBJECT: Meaning = {
  code: 'STATEMENT',
  problem: 'an object does not exist, or the role may not use it',
  cure: 'Correct its name, or let an administrator grant it; "portage check" names what a registration needs',
  named: true,
}
const REFUSED: Meaning = { code: 'STATEMENT', problem: 'the server refused it', cure: 'Correct the statement by its own words' }

/** Errors about values, whose words quote them: by the server's code, in words of ours. */
const OF_VALUES: Readonly<Record<string, string>> = {
  100035: 'a text is no timestamp',
  100037: 'a text is no boolean',
  100038: 'a text is no number',
  100039: 'a number is out of the range of its type',
  100040: 'a text is no date',
  100046: 'a number is out of the range of its type',
  100051: 'division by zero',
  100069: 'a text is no JSON',
  100078: 'a text is longer than its column',
  100090: 'several rows of a MERGE match the same row',
  100096: 'a text is no timestamp',
  100144: 'bytes are no UTF-8',
  100171: 'a timestamp with a zone cannot be written to Parquet',
}

/** By the server's code, without leading zeros, or the driver's. */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  390100: LOGIN,
  390101: LOGIN,
  390102: LOGIN,
  390144: KEY,
  390303: TOKEN,
  390309: TOKEN,
  390318: TOKEN,
  390394: TOKEN,
  390395: TOKEN,
  394400: TOKEN,
  390104: GONE,
  390108: GONE,
  390110: GONE,
  390111: GONE,
  390112: GONE,
  390114: GONE,
  390115: GONE,
  390189: {
    code: 'PRIVILEGE',
    problem: 'the role does not exist or is not granted to the user',
    cure: `Correct role in ${FILE}, or let an administrator run: GRANT ROLE <role> TO USER <user>`,
  },
  390201: {
    code: 'CONFIGURATION',
    problem: 'the database, schema or warehouse does not exist, or the role may not use it',
    cure: `Correct database and warehouse in ${FILE}, or grant USAGE on them to the role`,
  },
  390420: {
    code: 'AUTHENTICATION',
    problem: 'a network policy does not allow this address',
    cure: 'Let an administrator add the address of this machine to the network policy',
  },
  390422: {
    code: 'AUTHENTICATION',
    problem: 'a network policy does not allow this address',
    cure: 'Let an administrator add the address of this machine to the network policy',
  },
  604: { code: 'ABORTED', problem: 'it was cancelled on the server', cure: 'Run again, or ask who cancelled it' },
  606: {
    code: 'CONFIGURATION',
    problem: 'no virtual warehouse is selected',
    cure: `Set warehouse in ${FILE}, or grant USAGE on the user's default warehouse to the role`,
  },
  607: { ...DOWN, problem: 'the virtual warehouse could not be resumed' },
  609: { ...DOWN, problem: 'the virtual warehouse is being resumed or changed' },
  625: { ...DOWN, problem: 'another statement holds a lock' },
  628: { ...DOWN, problem: 'the transaction was aborted by another one' },
  630: {
    code: 'TIMEOUT',
    problem: 'it ran into the statement timeout of the session or of the virtual warehouse',
    cure: `Raise statement_timeout_s in ${FILE}, or use a larger virtual warehouse`,
  },
  1003: REFUSED,
  2003: UNKNOWN_OBJECT,
  2043: UNKNOWN_OBJECT,
  3001: DENIED,
  3003: DENIED,
  3123: {
    code: 'FULL',
    problem: 'a resource monitor has used up its quota',
    cure: 'Let an administrator raise it, then run again',
  },
  90073: {
    code: 'FULL',
    problem: 'the virtual warehouse reached the limit of its resource monitor',
    cure: 'Let an administrator raise it',
  },
  91003: {
    code: 'STATEMENT',
    problem: 'the bucket behind a stage refused it, or is not there',
    cure: `Correct "stage" in ${FILE}: URL, keys or storage integration; "portage check" tries them`,
  },
  370001: DOWN,
  401001: LOST,
  401002: DOWN,
  401003: PROTOCOL,
  401004: GONE,
  402001: PROTOCOL,
  402002: PROTOCOL,
  403001: PROTOCOL,
  405501: GONE,
  405502: GONE,
  405503: GONE,
  407001: GONE,
  407002: GONE,
}

/** By SQL state, where the code says nothing. */
const BY_STATE: Readonly<Record<string, Meaning>> = {
  '08001': LOST,
  '28000': LOGIN,
  '42501': DENIED,
  '42S02': UNKNOWN_OBJECT,
  '02000': UNKNOWN_OBJECT,
  '57014': { code: 'ABORTED', problem: 'it was cancelled on the server', cure: 'Run again, or ask who cancelled it' },
  XX000: DOWN,
}

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  401: GONE,
  403: {
    code: 'AUTHENTICATION',
    problem: 'the host refuses this account or this address',
    cure: `Correct account and host in ${FILE}; a network policy does it too`,
  },
  404: {
    code: 'CONFIGURATION',
    problem: 'there is no Snowflake account of that name',
    cure: `Correct account or host in ${FILE}`,
  },
  429: SLOW,
}

const TLS_CODES = /^(CERT_|ERR_TLS|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|ERR_SSL|ERR_OCSP)/
const TLS: Meaning = {
  code: 'TLS',
  problem: 'its certificate could not be verified',
  cure: 'Check the host; behind a proxy that opens TLS, trust its authority with NODE_EXTRA_CA_CERTS and set "ocsp: false"',
}

export type Diagnosis = Meaning & {
  /** The server's code, six digits, when the server answered. */
  readonly serverCode: string | null
  readonly sqlState: string | null
}

type Thrown = {
  readonly name?: unknown
  readonly code?: unknown
  readonly sqlState?: unknown
  readonly cause?: unknown
  readonly response?: { readonly statusCode?: unknown; readonly status?: unknown }
}

/** What went wrong, in words, from anything that the driver threw or handed to a callback. */
export function diagnose(error: unknown): Diagnosis {
  const { code, sqlState, response } = (typeof error === 'object' && error !== null ? error : {}) as Thrown
  const number = String(code ?? '').replace(/^0+/, '')
  const state = typeof sqlState === 'string' && sqlState !== '' ? sqlState : null
  const serverCode = state !== null && /^\d+$/.test(number) ? number.padStart(6, '0') : null
  return { ...meaning(error, number, state, Number(response?.statusCode ?? response?.status)), serverCode, sqlState: state }
}

function meaning(error: unknown, code: string, state: string | null, status: number): Meaning {
  if (causes(error).some((each) => TLS_CODES.test(String((each as Thrown).code ?? '')))) return TLS
  const byStatus = BY_STATUS[status] ?? (status >= 500 ? DOWN : undefined)
  if (byStatus !== undefined) return byStatus
  const known = BY_CODE[code] ?? (state === null ? undefined : BY_STATE[state])
  if (known !== undefined) return known
  if (/^39\d{4}$/.test(code)) return { ...LOGIN, problem: 'the log-in was refused' }
  if (/^3\d{5}$/.test(code)) return DOWN
  if (state !== null) return REFUSED
  // A page instead of an answer: no code, no state. An answer that lacks a part: the driver trips over it.
  if (code === '' && (error as Thrown | null)?.name === 'OperationFailedError') return PROTOCOL
  if (error instanceof TypeError && /snowflake-sdk/.test(error.stack ?? '')) return PROTOCOL
  if (
    causes(error).some((each) =>
      /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|EHOST|ENET|ERR_BAD_RESPONSE)/.test(String((each as Thrown).code ?? '')),
    )
  ) {
    return LOST
  }
  if (/^40\d{4}$/.test(code)) {
    return { code: 'CONFIGURATION', problem: 'the driver does not accept an option', cure: `Correct the connection in ${FILE}` }
  }
  return { code: 'INTERNAL', problem: 'the driver failed', cure: 'Report it with --verbose' }
}

function causes(error: unknown): readonly object[] {
  const found: object[] = []
  for (let next = error; typeof next === 'object' && next !== null && found.length < 8; next = (next as Thrown).cause)
    found.push(next)
  return found
}

/** `subject` says what was tried: `Log-in to "myorg-account1"`, `A statement on "myorg-account1"`. */
export function failure(subject: string, error: unknown): ConnectorError {
  if (error instanceof ConnectorError) return error
  const found = diagnose(error)
  if (quotesValues(found)) return ofValue(subject, error, found)
  const { code, problem, cure, named, serverCode, sqlState } = found
  const words = named === true && error instanceof Error ? `: ${plainWords(error.message)}` : ''
  const numbers = serverCode === null ? '' : ` (${serverCode}${sqlState === null ? '' : `, SQL state ${sqlState}`})`
  return new ConnectorError(code, `${subject}: ${problem}${words}${numbers}. ${cure}`, { cause: error })
}

/** Data exceptions, and what the server says while it reads rows; not what it says of a statement before (00xxxx). */
const quotesValues = ({ serverCode, sqlState }: Diagnosis): boolean =>
  /^100/.test(serverCode ?? '') || ((sqlState ?? '').startsWith('22') && !/^00/.test(serverCode ?? ''))

function ofValue(subject: string, error: unknown, { serverCode, sqlState }: Diagnosis): ConnectorError {
  const { data, stack = '' } = error as { readonly data?: { readonly queryId?: unknown }; readonly stack?: string }
  const problem = OF_VALUES[serverCode ?? ''] ?? 'a value does not fit'
  const query = typeof data?.queryId === 'string' ? `query ${data.queryId} in ` : ''
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line))
  const silent = Object.assign(new Error('its words quote a value'), { code: serverCode, sqlState })
  silent.stack = [String(silent), ...frames].join('\n')
  return new ConnectorError(
    'STATEMENT',
    `${subject}: ${problem} (${serverCode}, SQL state ${sqlState}). The server's words quote it, so they stay with the server: see ${query}Snowflake's query history`,
    { cause: silent },
  )
}

/** Without the heading, on one line. */
function plainWords(message: string): string {
  return message
    .replace(/^SQL (access control|compilation) error:\s*/i, '')
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '')
    .slice(0, 300)
}

/** The server's code behind an error of ours, such as `002003`; null when the server had no part in it. */
export function serverCode(error: unknown): string | null {
  return error instanceof ConnectorError ? diagnose(error.cause).serverCode : null
}

export function aborted(subject: string, cause: unknown): ConnectorError {
  return new ConnectorError('ABORTED', `${subject}: was asked to stop`, { cause })
}
