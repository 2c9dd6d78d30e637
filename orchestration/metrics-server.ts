/** Serves `/health`, `/ready` and `/metrics` over HTTP, on this machine unless a token protects it. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { ConnectorError } from '../connectors/errors.ts'
import { UsageError } from './exit-codes.ts'
import type { RunMetrics } from './metrics.ts'

export type MetricsServer = AsyncDisposable & { readonly host: string; readonly port: number }

export type MetricsServerOptions = {
  /** `host:port`, `:port` or `port`; the host is 127.0.0.1 unless named, port 0 is any free one. */
  readonly address: string
  /** `PORTAGE_METRICS_TOKEN` is the bearer token that every request must carry; required when the host is not this machine. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly metrics: Pick<RunMetrics, 'text' | 'unready'>
}

const TOKEN_VARIABLE = 'PORTAGE_METRICS_TOKEN'

/** Throws `UsageError` for an address it will not serve, `UNAVAILABLE` when the port is taken. */
export async function serveMetrics({ address, env, metrics }: MetricsServerOptions): Promise<MetricsServer> {
  const { host, port } = parseAddress(address)
  const token = env[TOKEN_VARIABLE] ?? ''
  if (!isLoopback(host) && token === '') {
    throw new UsageError(
      `--metrics ${address}: other machines can reach "${host}". Set ${TOKEN_VARIABLE}, or use 127.0.0.1:${port}`,
    )
  }
  const server = createServer((request, response) => answer(request, response, token, metrics))
  // A scraper that stops reading must not hold the run's end back.
  server.requestTimeout = 10_000
  server.keepAliveTimeout = 5_000
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (cause) {
    throw new ConnectorError('UNAVAILABLE', `Metrics address "${host}:${port}" cannot be served. Choose another with --metrics`, {
      cause,
    })
  }
  server.unref()
  const bound = server.address()
  return {
    host,
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
  metrics: MetricsServerOptions['metrics'],
): void {
  const path = request.url?.split('?')[0] ?? '/'
  const send = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(405, 'only GET\n')
    return
  }
  if (token !== '' && !equal(request.headers.authorization ?? '', `Bearer ${token}`)) {
    response.setHeader('www-authenticate', 'Bearer')
    send(401, 'a bearer token is needed\n')
    return
  }
  if (path === '/health') {
    send(200, 'ok\n')
    return
  }
  if (path === '/ready') {
    const reason = metrics.unready()
    if (reason === null) send(200, 'ready\n')
    else send(503, `${reason}\n`)
    return
  }
  if (path === '/metrics') {
    send(200, metrics.text(), 'text/plain; version=0.0.4; charset=utf-8')
    return
  }
  send(404, 'expected /health, /ready or /metrics\n')
  return
}

/** In constant time, whatever the lengths. */
function equal(found: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(found), digest(expected))
}

export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:(?<host>\[[0-9a-fA-F:]+\]|[^:[\]]*):)?(?<port>\d{1,5})$/.exec(address)
  const port = Number(match?.groups?.port ?? Number.NaN)
  if (!(port <= 65_535)) throw new UsageError(`--metrics ${address}: expected host:port, such as 127.0.0.1:9464`)
  const host = (match?.groups?.host ?? '').replace(/^\[|\]$/g, '')
  return { host: host === '' ? '127.0.0.1' : host, port }
}

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1'
}
