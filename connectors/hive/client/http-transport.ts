/** Messages as the bodies of HTTP requests; user and password by Basic (RFC 7617), over TLS when asked for. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { ConnectorError } from '../../errors.ts'
import { ThriftFormatError } from './binary-protocol.ts'
import { connectionError, LoginRefused, mismatchCure } from './failure.ts'
import { type HiveClientOptions, serverName } from './options.ts'
import { MAX_MESSAGE_BYTES, type Transport } from './transport.ts'

/** Opens nothing yet: the first message does. */
export async function openHttp(options: HiveClientOptions, signal: AbortSignal): Promise<Transport> {
  signal.throwIfAborted()
  const agent = options.tls ? new HttpsAgent(tlsOptions(options)) : new HttpAgent({ keepAlive: true, maxSockets: 1 })
  const subject = `The connection to ${serverName(options)}`
  const cookies = new Map<string, string>()
  let lost: ConnectorError | null = null
  const lose = (error: ConnectorError): void => {
    lost ??= error
    agent.destroy()
  }
  return {
    lost: () => lost,
    destroy: () => lose(new ConnectorError('CONNECTION', `${subject} was let go`)),
    exchange: async (message, signal) => {
      if (lost !== null) throw lost
      signal.throwIfAborted()
      try {
        const response = await answerTo(send(options, { agent, cookies, message, signal }), message)
        keepCookies(cookies, response)
        if (response.statusCode !== 200) {
          response.destroy()
          throw refusal(response, options, subject)
        }
        return await bodyOf(response)
      } catch (error) {
        if (signal.aborted)
          lose(new ConnectorError('CONNECTION', `${subject} was given up because an answer did not come in time`))
        else lose(connectionError(error, subject))
        throw signal.aborted ? signal.reason : lost
      }
    },
  }
}

function tlsOptions({ ca, host, tls_server_name }: HiveClientOptions): ConstructorParameters<typeof HttpsAgent>[0] {
  const name = tls_server_name ?? host
  return {
    keepAlive: true,
    maxSockets: 1,
    rejectUnauthorized: true,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca }),
  }
}

type Sending = {
  readonly agent: HttpAgent
  readonly cookies: ReadonlyMap<string, string>
  readonly message: Buffer
  readonly signal: AbortSignal
}

function send(options: HiveClientOptions, { agent, cookies, message, signal }: Sending): ClientRequest {
  const basic = Buffer.from(`${options.user}:${options.password ?? 'anonymous'}`, 'utf8').toString('base64')
  return (options.tls ? httpsRequest : httpRequest)({
    host: options.host,
    port: options.port,
    path: `/${options.http_path.replace(/^\/+/, '')}`,
    method: 'POST',
    agent,
    signal,
    headers: {
      'content-type': 'application/x-thrift',
      'content-length': message.length,
      accept: 'application/x-thrift',
      'accept-encoding': 'identity',
      authorization: `Basic ${basic}`,
      // HIVE-13853: a server with its filter against forged requests on wants to see it.
      'x-xsrf-header': 'true',
      ...(cookies.size === 0 ? {} : { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
    },
  })
}

async function answerTo(request: ClientRequest, message: Buffer): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code?.startsWith('HPE_') ? new ThriftFormatError(`it is no HTTP: ${error.code}`) : error),
    )
    request.end(message)
  })
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_MESSAGE_BYTES) throw new ThriftFormatError(`a message is longer than ${MAX_MESSAGE_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The server may remember a login by a cookie (`hive.server2.thrift.http.cookie.auth.enabled`). */
function keepCookies(cookies: Map<string, string>, response: IncomingMessage): void {
  for (const line of response.headers['set-cookie'] ?? []) {
    const [, name, value] = /^([^=;\s]+)=([^;]*)/.exec(line) ?? []
    if (name !== undefined && value !== undefined) cookies.set(name, value)
  }
}

function refusal({ statusCode = 0 }: IncomingMessage, options: HiveClientOptions, subject: string): Error {
  if (statusCode >= 300 && statusCode < 400) {
    return new ConnectorError(
      'CONFIGURATION',
      `${subject} failed: HTTP ${statusCode}, a redirect, which is not followed: it would carry user and password elsewhere. Set host, port, tls and http_path in config/connections.yaml to where the server itself answers`,
    )
  }
  switch (statusCode) {
    case 401:
    case 403:
      return new LoginRefused(`HTTP ${statusCode}`)
    case 404:
      return new ConnectorError(
        'CONFIGURATION',
        `${subject} failed: HTTP 404 for path "${options.http_path}". Set http_path in config/connections.yaml to the server's hive.server2.thrift.http.path`,
      )
    case 429:
      return new ConnectorError('THROTTLED', `${subject} failed: HTTP 429. It is tried again`)
    case 502:
    case 503:
    case 504:
      return new ConnectorError('UNAVAILABLE', `${subject} failed: HTTP ${statusCode}. It is tried again`)
    default:
      return new ConnectorError('CONNECTION', `${subject} failed: HTTP ${statusCode}. ${mismatchCure(options)}`)
  }
}
