/** The login of a binary connection: SASL PLAIN of our own, GSSAPI by the driver. Spec: apache/thrift `doc/specs/thrift-sasl-spec.txt`. */
import type { Socket } from 'node:net'
import type * as Driver from 'hive-driver'
import { ConnectorError } from '../../errors.ts'
import { ThriftFormatError } from './binary-protocol.ts'
import { ConnectionClosed, LoginRefused } from './failure.ts'
import { type HiveClientOptions, serverName } from './options.ts'

const STATUS = { start: 1, ok: 2, bad: 3, error: 4, complete: 5 } as const
const HEADER_BYTES = 5
/** A refusal is a sentence; more is not SASL. */
const MAX_PAYLOAD = 64 * 1024

/** Settles when the server took the login. Throws `LoginRefused`, `ThriftFormatError` (no SASL there), `ConnectionClosed`. */
export async function loginPlain(socket: Socket, { user, password }: HiveClientOptions, signal: AbortSignal): Promise<void> {
  // The server refuses an empty password, also where it looks at none.
  const secret = password ?? 'anonymous'
  socket.write(packet(STATUS.start, Buffer.from('PLAIN')))
  // RFC 4616: authorization identity, NUL, user, NUL, password. HiveServer2 takes the first as the session's user.
  socket.write(packet(STATUS.ok, Buffer.from(`${user}\0${user}\0${secret}`, 'utf8')))
  const { status, payload } = await readPacket(socket, signal)
  if (status === STATUS.complete) return
  if (status === STATUS.ok) throw new LoginRefused('it asks for more than user and password')
  throw new LoginRefused(payload.toString('utf8').split('\n', 1)[0] ?? '')
}

function packet(status: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(status)
  header.writeUInt32BE(payload.length, 1)
  return Buffer.concat([header, payload])
}

async function readPacket(socket: Socket, signal: AbortSignal): Promise<{ readonly status: number; readonly payload: Buffer }> {
  let bytes: Buffer = Buffer.alloc(0)
  return await new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      socket.off('data', onData).off('error', onError).off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      act()
    }
    const onError = (error: Error): void => settle(() => reject(error))
    const onClose = (): void => settle(() => reject(new ConnectionClosed('closed during the login')))
    const onAbort = (): void => settle(() => reject(signal.reason))
    const onData = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const status = bytes[0] ?? 0
      const size = bytes.length < HEADER_BYTES ? 0 : bytes.readUInt32BE(1)
      if (status < STATUS.start || status > STATUS.complete || size > MAX_PAYLOAD) {
        settle(() => reject(new ThriftFormatError('the answer to the login is not SASL')))
      } else if (bytes.length > HEADER_BYTES + size) {
        settle(() => reject(new ThriftFormatError('bytes follow the answer to the login')))
      } else if (bytes.length === HEADER_BYTES + size) {
        settle(() => resolve({ status, payload: bytes.subarray(HEADER_BYTES, HEADER_BYTES + size) }))
      }
    }
    socket.on('data', onData).on('error', onError).on('close', onClose)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
}

/** The package that speaks to the machine's Kerberos library; native code, hence not among the dependencies. */
export const KERBEROS_PACKAGE = 'kerberos'

export type KerberosLogin = { readonly options: HiveClientOptions; readonly library: KerberosLibrary }

/** The driver's own GSSAPI login, with the ticket of the process. Only `auth` quality of protection: frames stay as they are. */
export async function loginKerberos(socket: Socket, { options, library }: KerberosLogin, signal: AbortSignal): Promise<void> {
  const { auth } = await import('hive-driver')
  const process = new auth.helpers.MongoKerberosAuthProcess({ fqdn: options.host, service: options.kerberos_service }, library)
  const login = new auth.KerberosTcpAuthentication({ username: options.user, password: options.password ?? '' }, process)
  const listened: [string, (...values: unknown[]) => void][] = []
  const transport = {
    // The socket is connected already; the driver waits for the event.
    connect: () => {},
    addListener: (event: string, listener: (...values: unknown[]) => void) => {
      if (event === 'connect') setImmediate(listener)
      else {
        listened.push([event, listener])
        socket.on(event, listener)
      }
    },
    removeListener: (event: string, listener: (...values: unknown[]) => void) => socket.off(event, listener),
    write: (data: Buffer) => socket.write(data),
    end: () => socket.destroy(),
    emit: () => {},
    getTransport: () => socket,
    setOptions: () => {},
    getOptions: () => ({}),
  }
  const stopped = Promise.withResolvers<never>()
  const onAbort = (): void => stopped.reject(signal.reason)
  const onClose = (): void => stopped.reject(new ConnectionClosed('closed during the login'))
  signal.addEventListener('abort', onAbort, { once: true })
  socket.once('close', onClose)
  try {
    await Promise.race([login.authenticate(transport), stopped.promise])
  } catch (error) {
    if (signal.aborted || error instanceof ConnectionClosed) throw error
    throw new LoginRefused(`Kerberos: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    signal.removeEventListener('abort', onAbort)
    socket.off('close', onClose)
    for (const [event, listener] of listened) socket.off(event, listener)
  }
}

export type KerberosLibrary = ConstructorParameters<typeof Driver.auth.helpers.MongoKerberosAuthProcess>[1]

/** Throws `UNSUPPORTED` with what to install. */
export async function kerberosLibrary(options: Pick<HiveClientOptions, 'host' | 'port' | 'dialect'>): Promise<KerberosLibrary> {
  try {
    // A name that the compiler does not resolve: the package is optional.
    const name: string = KERBEROS_PACKAGE
    return (await import(name)) as KerberosLibrary
  } catch (cause) {
    throw new ConnectorError(
      'UNSUPPORTED',
      `${serverName(options)}: auth "kerberos" needs the package "${KERBEROS_PACKAGE}", which is not installed. Run "npm install ${KERBEROS_PACKAGE}" beside Portage and "kinit", or set auth to what else the server offers (ldap, none, nosasl)`,
      { cause },
    )
  }
}
