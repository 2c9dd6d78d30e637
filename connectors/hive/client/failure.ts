/** From what sockets, TLS and foreign bytes throw to `ConnectorError`s with a cure. Pure. */
import { ConnectorError, type ErrorCode } from '../../errors.ts'
import { ThriftFormatError } from './binary-protocol.ts'
import type { HiveClientOptions } from './options.ts'

type Diagnosis = { readonly code: ErrorCode; readonly problem: string; readonly cure: string }
type Reached = Pick<HiveClientOptions, 'auth' | 'transport' | 'tls'>

const AGAIN = 'It is tried again'
const FILE = 'config/connections.yaml'

/** By Node's error code. */
const BY_SYSTEM_CODE: Readonly<Record<string, Omit<Diagnosis, 'code'>>> = {
  ENOTFOUND: { problem: 'the host name is unknown here', cure: `Check host in ${FILE}. ${AGAIN}` },
  EAI_AGAIN: { problem: 'the name server did not answer', cure: AGAIN },
  ECONNREFUSED: { problem: 'nothing listens there', cure: `Check host, port and firewall. ${AGAIN}` },
  ECONNRESET: { problem: 'the connection was reset', cure: AGAIN },
  EPIPE: { problem: 'the connection was closed', cure: AGAIN },
  ETIMEDOUT: { problem: 'nobody answers there', cure: `Check host, port and firewall. ${AGAIN}` },
  EHOSTUNREACH: { problem: 'the host cannot be reached', cure: `Check host and firewall. ${AGAIN}` },
  ENETUNREACH: { problem: 'the network cannot be reached', cure: AGAIN },
}

const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/

/** The peer ended the connection. */
export class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed'
}

/** The server answered the login with no. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
}

/** The server's side of the protocol failed (`TApplicationException`): it says so instead of an answer. */
export class ServerException extends Error {
  override readonly name = 'ServerException'
}

/** The server answered in the right form, but with what its interface does not allow. */
export function brokenAnswer(subject: string, what: string): ConnectorError {
  return new ConnectorError(
    'INTERNAL',
    `${subject} answered ${what}; TCLIService allows no such thing. Is it a HiveServer2 or a Spark Thrift server? Then report this with its version`,
  )
}

/** Of an answer: what its interface says is always there. */
export function required<T>(value: T | null | undefined, subject: string, what: string): T {
  if (value === null || value === undefined) throw brokenAnswer(subject, `without ${what}`)
  return value
}

/** `subject` says what was done on what. A ConnectorError passes unchanged. */
export function connectionError(error: unknown, subject: string): ConnectorError {
  if (error instanceof ConnectorError) return error
  const { code, problem, cure } = diagnose(error)
  return new ConnectorError(code, `${subject} failed: ${problem}. ${cure}`, { cause: error })
}

function diagnose(error: unknown): Diagnosis {
  if (error instanceof LoginRefused) {
    return {
      code: 'AUTHENTICATION',
      problem: `the server refused the login (${error.message})`,
      cure: `Correct user, password and auth in ${FILE}: auth is the server's hive.server2.authentication`,
    }
  }
  if (error instanceof ThriftFormatError) {
    return { code: 'CONNECTION', problem: `what came back is no answer (${error.message})`, cure: AGAIN }
  }
  if (error instanceof ServerException) {
    return { code: 'UNAVAILABLE', problem: `the server could not answer (${error.message}); its log says why`, cure: AGAIN }
  }
  if (error instanceof ConnectionClosed) {
    return { code: 'CONNECTION', problem: 'the server closed the connection', cure: AGAIN }
  }
  const code = error instanceof Error ? String((error as { readonly code?: unknown }).code ?? '') : ''
  const system = BY_SYSTEM_CODE[code]
  if (system !== undefined) return { code: 'CONNECTION', ...system }
  if (TLS_CODES.test(code)) {
    return {
      code: 'TLS',
      problem: `the server could not be verified or speaks no TLS (${code})`,
      cure: `Set ca to the certificate authority of the server, tls_server_name to the name in its certificate, or tls to what the server offers, in ${FILE}`,
    }
  }
  if (error instanceof Error) return { code: 'CONNECTION', problem: error.message, cure: AGAIN }
  return { code: 'INTERNAL', problem: 'something was thrown that is no error', cure: 'This is a defect of Portage' }
}

/**
 * Before a session is open. Servers that expect another login or transport hang up without a word, or answer in other words: only
 * the latter is certain.
 */
export function openingError(error: unknown, subject: string, options: Reached): ConnectorError {
  const known = connectionError(error, subject)
  const { cause } = known
  const hint = mismatchCure(options)
  if (cause instanceof ConnectionClosed) {
    return new ConnectorError(
      'CONNECTION',
      `${subject} failed: the server closed the connection. ${AGAIN}; if it stays so: ${hint}`,
      { cause },
    )
  }
  if (cause instanceof ServerException && /Invalid method name/.test(cause.message)) {
    return new ConnectorError(
      'CONFIGURATION',
      `${subject} failed: a service of another kind listens there (${cause.message}). Set port in ${FILE} to that of HiveServer2 (10000), not of the metastore (9083)`,
      { cause },
    )
  }
  if (cause instanceof ThriftFormatError) {
    const problem = `what came back is not what was expected (${cause.message})`
    return new ConnectorError('CONFIGURATION', `${subject} failed: ${problem}. ${hint}`, { cause })
  }
  return known
}

/** What most often stands between two that do not understand each other. */
export function mismatchCure({ auth, transport, tls }: Reached): string {
  const said = transport === 'http' ? 'transport: http' : `auth: ${auth}`
  return `Server and connection block may differ in auth (here: "${said}"; the server's hive.server2.authentication), transport (hive.server2.transport.mode) or tls (here: ${tls}): correct them in ${FILE}`
}
