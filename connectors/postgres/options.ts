/** The connection block of a Postgres database in config/connections.yaml. */
import type { ConnectionOptions } from 'node:tls'
import { z } from 'zod'

const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const

const DEFAULT_PORT = 5432

export const postgresOptions = z
  .strictObject({
    /** postgres://user:password@host:port/database?sslmode=…; the other fields win over its parts. */
    url: z.string().optional(),
    host: z.string().optional(),
    port: z.coerce.number().int().min(1).max(65_535).optional(),
    user: z.string().optional(),
    password: z.string().optional(),
    database: z.string().optional(),
    /** Default: `disable` on this machine, `verify-full` elsewhere. */
    sslmode: z.enum(SSL_MODES).optional(),
    /** PEM text of the certificate authority. Default: those that Node trusts. */
    ca: z.string().optional(),
    connect_timeout_ms: z.number().int().positive().default(15_000),
    /** Longest catalogue statement. */
    statement_timeout_ms: z.number().int().nonnegative().default(60_000),
    /** Longest statement that reads one chunk, waits of the writer included. */
    chunk_timeout_ms: z.number().int().nonnegative().default(900_000),
    /** Longest wait for a table lock. */
    lock_timeout_ms: z.number().int().nonnegative().default(30_000),
    /** Heap bytes per snapshot chunk. */
    chunk_bytes: z
      .number()
      .int()
      .positive()
      .default(64 * 1024 * 1024),
  })
  .superRefine((options, context) => {
    const target = options.url === undefined ? options : parseUrl(options.url)
    if (target === null)
      context.addIssue({ code: 'custom', path: ['url'], message: 'expected postgres://user:password@host:port/database' })
    else if ((options.host ?? target.host) === undefined)
      context.addIssue({ code: 'custom', path: ['host'], message: 'expected host or url' })
  })

export type PostgresOptions = z.output<typeof postgresOptions>

/** Where and how to connect, defaults applied. */
export type Endpoint = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  readonly ssl: false | ConnectionOptions
}

/** Resolves url and fields. The endpoint's text for messages is `endpointName`: never the URL. */
export function endpointOf(options: PostgresOptions): Endpoint {
  const url = options.url === undefined ? {} : (parseUrl(options.url) ?? {})
  const host = options.host ?? url.host ?? 'localhost'
  const user = options.user ?? url.user ?? 'postgres'
  const sslmode = options.sslmode ?? url.sslmode ?? (isLocal(host) ? 'disable' : 'verify-full')
  return {
    host,
    port: options.port ?? url.port ?? DEFAULT_PORT,
    user,
    password: options.password ?? url.password,
    database: options.database ?? url.database ?? user,
    ssl: tlsOf(sslmode, options.ca),
  }
}

export function endpointName(endpoint: Endpoint): string {
  return `${endpoint.host}:${endpoint.port}/${endpoint.database}`
}

type UrlParts = Partial<{
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly sslmode: (typeof SSL_MODES)[number]
}>

function parseUrl(text: string): UrlParts | null {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return null
  }
  if (!/^postgres(ql)?:$/.test(url.protocol)) return null
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')
  const sslmode = SSL_MODES.find((mode) => mode === url.searchParams.get('sslmode'))
  const database = decodeURIComponent(url.pathname.slice(1))
  return {
    ...(host === '' ? {} : { host }),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(url.username === '' ? {} : { user: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(database === '' ? {} : { database }),
    ...(sslmode === undefined ? {} : { sslmode }),
  }
}

const isLocal = (host: string): boolean =>
  host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.')

function tlsOf(mode: (typeof SSL_MODES)[number], ca: string | undefined): Endpoint['ssl'] {
  const authority = ca === undefined ? {} : { ca }
  switch (mode) {
    case 'disable':
      return false
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { ...authority, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      return { ...authority, rejectUnauthorized: true }
    default:
      return mode satisfies never
  }
}
