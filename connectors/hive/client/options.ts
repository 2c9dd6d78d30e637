/** The part of a connection block that says how a HiveServer2 or a Spark Thrift server is reached. */
import { z } from 'zod'

/** The highest version of TCLIService that each dialect answers to is negotiated down by the server itself. */
const DEFAULT_PROTOCOL = 8
const DEFAULT_PORT = 10_000

/** Fields of the connection block; a connector spreads them into its own. */
export const hiveClientFields = {
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535).default(DEFAULT_PORT),
  /** Whose SQL and session settings: Hive's own server, or Spark's. */
  dialect: z.enum(['hive', 'spark']).default('hive'),
  /** The server's `hive.server2.authentication`, lower case: all but `nosasl` and `kerberos` send user and password. */
  auth: z.enum(['none', 'nosasl', 'ldap', 'custom', 'pam', 'kerberos']).default('none'),
  /** Also the session's user with `nosasl`. */
  user: z.string().min(1).default('portage'),
  password: z.string().optional(),
  /** Service part of the server's principal; only with `auth: kerberos`. */
  kerberos_service: z.string().min(1).default('hive'),
  /** Encrypted, the server's certificate verified. */
  tls: z.boolean().default(false),
  /** PEM text of the certificate authority. Default: those that Node trusts. */
  ca: z.string().optional(),
  /** Name in the server's certificate. Default: host. */
  tls_server_name: z.string().min(1).optional(),
  /** The server's `hive.server2.transport.mode`. */
  transport: z.enum(['binary', 'http']).default('binary'),
  /** The server's `hive.server2.thrift.http.path`. */
  http_path: z.string().default('cliservice'),
  /** Highest version of the Thrift protocol to offer. */
  protocol: z.number().int().min(1).max(11).default(DEFAULT_PROTOCOL),
  /** Settings of every session by name, on top of ours. */
  session: z.record(z.string().regex(/^[\w.:-]+$/), z.string()).default({}),
  /** Until a session is open: address, connection, TLS, user, session. */
  connect_timeout_ms: z.number().int().positive().default(30_000),
  /** Longest wait for the answer of one call; compiling a statement is one call. */
  call_timeout_ms: z.number().int().positive().default(120_000),
  /** Longest run of one statement, after which it is cancelled. */
  statement_timeout_ms: z.number().int().positive().default(3_600_000),
  /** Rows per fetch. */
  page_rows: z.number().int().positive().max(100_000).default(10_000),
} as const

export const hiveClientOptions = z.strictObject(hiveClientFields).superRefine(checkClientOptions)

export type HiveClientOptions = z.output<z.ZodObject<typeof hiveClientFields>>

/** Combinations that no server knows; for the `superRefine` of a block that spreads the fields. */
export function checkClientOptions(options: HiveClientOptions, context: z.RefinementCtx): void {
  const issue = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
  if (options.ca !== undefined && !options.tls) issue('ca', 'expected only with tls: true')
  if (options.tls_server_name !== undefined && !options.tls) issue('tls_server_name', 'expected only with tls: true')
  if (options.auth === 'ldap' && options.password === undefined) issue('password', 'expected with auth: ldap')
  if (options.auth === 'nosasl' && options.password !== undefined && options.transport === 'binary') {
    issue('password', 'expected only with auth: none, ldap, custom or pam; nosasl sends none')
  }
  // SASL PLAIN separates user and password by NUL (RFC 4616), Basic by the first colon (RFC 7617).
  if (options.user.includes('\0')) issue('user', 'expected without the character NUL')
  if (options.password?.includes('\0') === true) issue('password', 'expected without the character NUL')
  if (options.transport === 'http' && options.user.includes(':')) issue('user', 'expected without ":" over transport: http')
  if (options.auth === 'kerberos' && options.transport === 'http') issue('transport', 'expected binary with auth: kerberos')
}

/** How messages call the server. */
export function serverName({ host, port, dialect }: Pick<HiveClientOptions, 'host' | 'port' | 'dialect'>): string {
  return `${dialect === 'hive' ? 'HiveServer2' : 'Spark'} at "${host}:${port}"`
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i

/** True when whoever listens between here and the server reads the password. */
export function sendsPasswordInClear({
  host,
  auth,
  password,
  tls,
  transport,
}: Pick<HiveClientOptions, 'host'> & Partial<Pick<HiveClientOptions, 'auth' | 'password' | 'tls' | 'transport'>>): boolean {
  const isSent = password !== undefined && auth !== 'kerberos' && (auth !== 'nosasl' || transport === 'http')
  return isSent && tls !== true && !LOOPBACK.test(host)
}
