/** A TCP or TLS connection: without SASL bare messages, with it frames of four bytes of length. */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { ConnectorError } from '../../errors.ts'
import { ThriftFormatError } from './binary-protocol.ts'
import { ConnectionClosed, connectionError } from './failure.ts'
import { MessageScanner } from './message-scanner.ts'
import { type HiveClientOptions, serverName } from './options.ts'
import { kerberosLibrary, loginKerberos, loginPlain } from './sasl.ts'
import { MAX_MESSAGE_BYTES, type Transport } from './transport.ts'

const KEEP_ALIVE_MS = 30_000

/** A connection whose login was taken. Rejects with the error of the socket, of the login or with the signal's reason. */
export async function openSocket(options: HiveClientOptions, signal: AbortSignal): Promise<Transport> {
  const library = options.auth === 'kerberos' ? await kerberosLibrary(options) : null
  const socket = await connect(options, signal)
  try {
    if (library !== null) await loginKerberos(socket, { options, library }, signal)
    else if (options.auth !== 'nosasl') await loginPlain(socket, options, signal)
  } catch (error) {
    socket.destroy()
    throw error
  }
  return transportOver(socket, options)
}

async function connect({ host, port, tls, ca, tls_server_name }: HiveClientOptions, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  const name = tls_server_name ?? host
  const socket = tls
    ? connectTls({
        host,
        port,
        rejectUnauthorized: true,
        // An address is no server name (RFC 6066); the certificate is still held against it.
        ...(isIP(name) === 0 ? { servername: name } : {}),
        ...(ca === undefined ? {} : { ca }),
      })
    : connectTcp({ host, port })
  return await new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      socket.off('error', onError).off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      act()
    }
    const fail = (reason: unknown): void =>
      settle(() => {
        socket.on('error', () => {})
        socket.destroy()
        reject(reason)
      })
    const onClose = (): void => fail(new ConnectionClosed('closed while connecting'))
    // A server without TLS hangs up on the first bytes of one who speaks it.
    const onError = (error: NodeJS.ErrnoException): void => (tls && error.code === 'ECONNRESET' ? onClose() : fail(error))
    const onAbort = (): void => fail(signal.reason)
    socket.once(tls ? 'secureConnect' : 'connect', () =>
      settle(() => {
        socket.setNoDelay(true)
        socket.setKeepAlive(true, KEEP_ALIVE_MS)
        resolve(socket)
      }),
    )
    socket.on('error', onError).on('close', onClose)
    signal.addEventListener('abort', onAbort)
  })
}

type Waiting = { readonly resolve: (answer: Buffer) => void; readonly reject: (error: unknown) => void }

function transportOver(socket: Socket, options: HiveClientOptions): Transport {
  const framed = options.auth !== 'nosasl'
  const subject = `The connection to ${serverName(options)}`
  let lost: ConnectorError | null = null
  let waiting: Waiting | null = null
  let reader = newReader(framed)

  const lose = (error: unknown): void => {
    lost ??= connectionError(error, subject)
    socket.destroy()
    waiting?.reject(lost)
    waiting = null
  }
  socket.on('error', lose)
  socket.on('close', () => lose(new ConnectionClosed('closed')))
  socket.on('end', () => lose(new ConnectionClosed('ended')))
  socket.on('data', (chunk: Buffer) => {
    if (waiting === null) return lose(new ThriftFormatError('bytes came that nobody asked for'))
    try {
      const answer = reader(chunk)
      if (answer === null) return
      waiting.resolve(answer)
      waiting = null
    } catch (error) {
      lose(error)
    }
  })

  return {
    lost: () => lost,
    destroy: () => lose(new ConnectorError('CONNECTION', `${subject} was let go`)),
    exchange: async (message, signal) => {
      if (lost !== null) throw lost
      signal.throwIfAborted()
      reader = newReader(framed)
      const onAbort = (): void => {
        waiting?.reject(signal.reason)
        waiting = null
        // The answer may still come, and would be taken for that of the next message.
        lose(new ConnectorError('CONNECTION', `${subject} was given up because an answer did not come in time`))
      }
      signal.addEventListener('abort', onAbort)
      try {
        return await new Promise<Buffer>((resolve, reject) => {
          waiting = { resolve, reject }
          socket.write(framed ? frame(message) : message)
        })
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },
  }
}

/** Takes chunks and gives the whole message when its last byte is there. */
function newReader(framed: boolean): (chunk: Buffer) => Buffer | null {
  if (!framed) {
    const scanner = new MessageScanner(MAX_MESSAGE_BYTES)
    return (chunk) => scanner.feed(chunk)
  }
  const chunks: Buffer[] = []
  let got = 0
  let size = -1
  return (chunk) => {
    chunks.push(chunk)
    got += chunk.length
    if (size < 0 && got >= 4) {
      size = (chunks.length === 1 ? chunk : Buffer.concat(chunks)).readInt32BE(0)
      if (size < 0 || size > MAX_MESSAGE_BYTES) throw new ThriftFormatError(`a frame says that it is ${size} bytes long`)
    }
    if (size < 0 || got < 4 + size) return null
    if (got > 4 + size) throw new ThriftFormatError('bytes follow the end of a frame')
    return Buffer.concat(chunks).subarray(4)
  }
}

function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(4)
  header.writeInt32BE(message.length)
  return Buffer.concat([header, message])
}
