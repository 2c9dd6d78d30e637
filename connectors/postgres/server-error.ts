/** From what pg, the server and the socket throw to `ConnectorError`. Pure. Sources: PostgreSQL Appendix A; Node `errors`, `tls`. */
import { ConnectorError, type ErrorCode } from '../errors.ts'

/** Fields of an ErrorResponse that may be shown: never `detail`, which quotes row values. */
export type ServerError = Error & { readonly code?: string; readonly severity?: string; readonly hint?: string }

type Translation = { readonly code: ErrorCode; readonly cure: string }

const AGAIN = 'It is tried again'

/** By SQLSTATE; the longest matching prefix wins. */
const BY_STATE: Readonly<Record<string, Translation>> = {
  '08': { code: 'CONNECTION', cure: AGAIN },
  '28': { code: 'AUTHENTICATION', cure: 'Correct user and password in config/connections.yaml, and pg_hba.conf on the server' },
  '3D000': { code: 'NOT_FOUND', cure: 'Correct the database name in config/connections.yaml' },
  '3F000': { code: 'NOT_FOUND', cure: 'Correct the schema name under source.tables' },
  '40': { code: 'UNAVAILABLE', cure: AGAIN },
  '42501': {
    code: 'PRIVILEGE',
    cure: 'Grant the privilege named by the server to the connection’s user; "portage check" lists the statements',
  },
  '42704': { code: 'NOT_FOUND', cure: 'Something that the statement names is not there (any more)' },
  '42P01': { code: 'NOT_FOUND', cure: 'The table is not there (any more); correct source.tables' },
  '53100': { code: 'FULL', cure: 'Free disk space on the database server' },
  '53200': { code: 'UNAVAILABLE', cure: AGAIN },
  '53300': {
    code: 'THROTTLED',
    cure: 'Raise max_connections or max_wal_senders on the server, or end idle sessions; it is tried again',
  },
  '53400': {
    code: 'SOURCE_SETUP',
    cure: 'Raise max_replication_slots and max_wal_senders on the server, or drop a slot that is no longer used',
  },
  '55P03': { code: 'TIMEOUT', cure: 'Another session holds the lock; it is tried again' },
  '57014': { code: 'TIMEOUT', cure: 'The statement was cancelled or outran its timeout; it is tried again' },
  '57P': { code: 'UNAVAILABLE', cure: AGAIN },
  '58030': { code: 'UNAVAILABLE', cure: 'The server’s disk failed; it is tried again' },
  XX: { code: 'STATEMENT', cure: 'Look into the server’s log' },
}

/** By Node's error code. */
const BY_SYSTEM_CODE: Readonly<Record<string, Translation>> = {
  ENOTFOUND: { code: 'CONNECTION', cure: `The host name is unknown here: check host in config/connections.yaml. ${AGAIN}` },
  EAI_AGAIN: { code: 'CONNECTION', cure: AGAIN },
  ECONNREFUSED: { code: 'CONNECTION', cure: `Nothing listens there: check host, port and firewall. ${AGAIN}` },
  ECONNRESET: { code: 'CONNECTION', cure: AGAIN },
  EPIPE: { code: 'CONNECTION', cure: AGAIN },
  ETIMEDOUT: { code: 'CONNECTION', cure: `Check host, port and firewall. ${AGAIN}` },
  EHOSTUNREACH: { code: 'CONNECTION', cure: AGAIN },
  ENETUNREACH: { code: 'CONNECTION', cure: AGAIN },
}

const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/

/**
 * `subject` says what was done on what: `Connecting to PostgreSQL at db:5432/loans`. A ConnectorError passes unchanged; an
 * aborted signal wins over what the abort broke.
 */
export function connectorError(error: unknown, subject: string, signal?: AbortSignal): ConnectorError {
  if (signal?.aborted) return new ConnectorError('ABORTED', `${subject} was stopped`, { cause: error })
  if (error instanceof ConnectorError) return error
  if (!(error instanceof Error)) return new ConnectorError('INTERNAL', `${subject} failed without an error`, { cause: error })
  const { code, cure } = translate(error)
  return new ConnectorError(code, `${subject} failed: ${summary(error)}. ${cure}`, { cause: error })
}

export const sqlState = (error: unknown): string | null => {
  const code = error instanceof Error ? (error as ServerError).code : undefined
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

function translate(error: Error): Translation {
  const code = (error as ServerError).code ?? ''
  if (/unsupported startup parameter/.test(error.message)) {
    return {
      code: 'SOURCE_SETUP',
      cure: 'A connection pooler (PgBouncer?) answered: replication needs the server itself, so name its own host and port',
    }
  }
  if (/unrecognized configuration parameter/.test(error.message)) {
    return { code: 'SOURCE_SETUP', cure: 'PostgreSQL 14 or newer is needed' }
  }
  const system = BY_SYSTEM_CODE[code]
  if (system !== undefined) return system
  if (TLS_CODES.test(code)) {
    return { code: 'TLS', cure: 'Set ca to the certificate authority of the server, or sslmode to what the server offers' }
  }
  if (/SSL connection/.test(error.message)) return { code: 'TLS', cure: 'Enable ssl on the server, or set sslmode: disable' }
  if (/SASL|password must be a string/.test(error.message)) {
    return { code: 'AUTHENTICATION', cure: 'Set the user’s password in config/connections.yaml' }
  }
  if (sqlState(error) !== null) {
    for (const prefix of [code, code.slice(0, 3), code.slice(0, 2)]) {
      const known = BY_STATE[prefix]
      if (known !== undefined) return known
    }
    return { code: 'STATEMENT', cure: 'The message is the server’s' }
  }
  if (/timeout expired|timeout exceeded|Query read timeout/.test(error.message))
    return { code: 'TIMEOUT', cure: `Check host, port and firewall. ${AGAIN}` }
  if (
    /terminated unexpectedly|Connection terminated|Client has encountered a connection error|not queryable/.test(error.message)
  ) {
    return { code: 'CONNECTION', cure: AGAIN }
  }
  return { code: 'INTERNAL', cure: 'This is a defect of Portage' }
}

/** Data errors (class 22, 23) quote values in their message: only the state is kept. */
function summary(error: Error): string {
  const state = sqlState(error)
  if (state?.startsWith('22') || state?.startsWith('23')) return `SQLSTATE ${state}`
  return state === null ? error.message : `${error.message} (SQLSTATE ${state})`
}
