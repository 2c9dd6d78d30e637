/**
 * A fake HiveServer2 that speaks real Thrift: what it says to each statement is scripted, and it can be told to misbehave. It
 * listens on 127.0.0.1. The bytes are those of Apache Thrift's library, not of the client under test.
 */
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import type { Script } from './answers.ts'
import { Login, type Users } from './login.ts'
import { type FakeState, handlerOf, newState } from './sessions.ts'
import { type CallbackHandler, type Done, type Handler, type Received, service, thrift, wantsMore } from './thrift.ts'

export type FakeFault = {
  /** Name of the call of TCLIService: `OpenSession`, `ExecuteStatement`, `GetOperationStatus`, `FetchResults` … */
  readonly call: string
  /** Calls of that name that are spared first. Default: 0. */
  readonly after?: number
  /**
   * `silent`: no answer ever. `drop`: the connection ends before the call is looked at. `half`: it ends in the middle of the
   * answer. `slow`: the answer comes `ms` later. `drip`: byte by byte, one each `ms`. `bytes`: what `bytes` makes of the answer as it
   * would go out. `result`: what `result` makes of the structure.
   */
  readonly kind: 'silent' | 'drop' | 'half' | 'slow' | 'drip' | 'bytes' | 'result'
  readonly ms?: number
  /** Default: a sentence of HTTP. */
  readonly bytes?: (answer: Buffer) => Buffer
  readonly result?: (answer: Readonly<Record<string, unknown>>) => object
}

export type FakeHiveOptions = {
  readonly script: Script
  /** As of `hive.server2.authentication`; passwords by user, absent: every one. Default: NONE. */
  readonly auth?: 'NOSASL' | 'NONE'
  readonly users?: Users
  /** Default: binary. */
  readonly transport?: 'binary' | 'http'
  /** Default: cliservice. */
  readonly httpPath?: string
  /** PEM texts. Default: no TLS. */
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** Highest protocol version that it knows. Default: 10. */
  readonly protocol?: number
  /** Default: a free port. */
  readonly port?: number
}

export interface FakeHiveServer extends AsyncDisposable {
  readonly host: '127.0.0.1'
  readonly port: number
  readonly state: FakeState
  /** Strikes once. */
  arm(fault: FakeFault): void
  /** Ends every connection; sessions are kept, as a server behind a network that fails does. */
  dropConnections(): void
  /** As after a restart: handles from before are unknown. */
  forgetSessions(): void
  connections(): number
  close(): Promise<void>
}

/** A server that answers when this returns. */
export async function startFakeHive(options: FakeHiveOptions): Promise<FakeHiveServer> {
  const state = newState()
  const faults: Armed[] = []
  const sockets = new Set<Socket>()
  const desk: Desk = { options, state, faults }
  const server = listenerOf(desk)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The fake HiveServer2 has no port')
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const close = async (): Promise<void> => {
    const closed = once(server, 'close')
    server.close()
    dropConnections()
    await closed
  }
  return {
    host: '127.0.0.1',
    port: address.port,
    state,
    arm: (fault) => faults.push({ ...fault }),
    dropConnections,
    forgetSessions: () => {
      state.sessions.clear()
      state.operations.clear()
    },
    connections: () => sockets.size,
    close,
    [Symbol.asyncDispose]: close,
  }
}

type Armed = { -readonly [Key in keyof FakeFault]: FakeFault[Key] }

type Desk = {
  readonly options: FakeHiveOptions
  readonly state: FakeState
  readonly faults: Armed[]
}

function listenerOf(desk: Desk): Server {
  const { tls, transport } = desk.options
  const pem = tls === undefined ? {} : { cert: tls.certificate, key: tls.key }
  if (transport === 'http') {
    const answer = (request: IncomingMessage, response: ServerResponse): void => void overHttp(desk, request, response)
    return tls === undefined ? createHttpServer(answer) : createHttpsServer(pem, answer)
  }
  const converse = (socket: Socket): void => overSocket(desk, socket)
  if (tls === undefined) return createServer(converse)
  return createTlsServer(pem, (socket) => {
    socket.on('error', () => {})
    converse(socket)
  })
}

/** Bytes out, and the end of the connection; a fault changes what comes of an answer. */
type Peer = {
  readonly write: (bytes: Buffer) => void
  /** The first of so many bytes. */
  readonly begin: (bytes: Buffer, of: number) => void
  readonly drop: () => void
}

function overSocket(desk: Desk, socket: Socket): void {
  const write = (bytes: Buffer): void => void socket.write(bytes)
  const peer: Peer = { write, begin: write, drop: () => void socket.destroy() }
  const framed = desk.options.auth !== 'NOSASL'
  const take = messages(desk, peer, framed)
  if (!framed) {
    let first = true
    socket.on('data', (chunk: Buffer) => {
      // As the real one: what is no strict message ends the connection, without a word.
      if (first && chunk[0] !== 0x80) return socket.destroy()
      first = false
      take(chunk)
    })
    return
  }
  const login = new Login(desk.options.users)
  socket.on('data', (chunk: Buffer) => {
    if (login.done) return take(chunk)
    const { reply, rest, ended } = login.feed(chunk)
    if (reply !== null) socket.write(reply)
    if (ended) socket.end()
    else if (rest.length > 0) take(rest)
  })
}

async function overHttp(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { httpPath = 'cliservice', users } = desk.options
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const [, given = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? []
  const [user = '', password = ''] = Buffer.from(given, 'base64').toString('utf8').split(':')
  if (request.url !== `/${httpPath}`) return void response.writeHead(404).end()
  if (user === '' || (users !== undefined && users[user] !== password)) return void response.writeHead(401).end('Unauthorized')
  const peer: Peer = {
    write: (bytes) => {
      response.setHeader('content-type', 'application/x-thrift')
      response.setHeader('set-cookie', 'hive.server2.auth=token; HttpOnly')
      response.end(bytes)
    },
    begin: (bytes, of) => {
      if (!response.headersSent) response.setHeader('content-length', of)
      response.write(bytes)
    },
    drop: () => void request.socket.destroy(),
  }
  messages(desk, peer, false)(Buffer.concat(chunks))
}

/** Takes chunks; each whole message is answered in its turn. */
function messages({ options, state, faults }: Desk, peer: Peer, framed: boolean): (chunk: Buffer) => void {
  const transport = framed ? thrift.TFramedTransport : thrift.TBufferedTransport
  let struck: FakeFault | null = null
  const processor = new service.Processor(faulty(handlerOf(state, options.script, options.protocol ?? 10)))

  function faulty(handler: Handler): CallbackHandler {
    const entries = Object.entries(handler).map(([name, answer]) => [
      name,
      (request: never, done: Done): void => {
        state.calls.push(name)
        const fault = nextFault(name)
        if (fault?.kind === 'drop') peer.drop()
        if (fault?.kind === 'drop' || fault?.kind === 'silent') return
        struck = fault
        const later = fault?.kind === 'slow' ? delay(fault.ms ?? 0) : Promise.resolve()
        void later
          .then(() => answer(request))
          .then((result) => done(null, fault?.result?.(result as Readonly<Record<string, unknown>>) ?? result), done)
      },
    ])
    return Object.fromEntries(entries) as CallbackHandler
  }

  function nextFault(name: string): FakeFault | null {
    const fault = faults.find(({ call }) => call === name)
    if (fault === undefined) return null
    if ((fault.after ?? 0) > 0) {
      fault.after = (fault.after ?? 0) - 1
      return null
    }
    faults.splice(faults.indexOf(fault), 1)
    return fault
  }

  const send = (bytes: Buffer): void => {
    if (struck?.kind === 'half') {
      peer.begin(bytes.subarray(0, bytes.length >> 1), bytes.length)
      setImmediate(peer.drop)
    } else if (struck?.kind === 'drip') {
      void drip(peer, bytes, struck.ms ?? 0)
    } else if (struck?.kind === 'bytes') {
      peer.write(struck.bytes?.(bytes) ?? Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    } else {
      peer.write(bytes)
    }
  }

  return transport.receiver((received: Received) => {
    try {
      const output = new thrift.TBinaryProtocol(new transport(undefined, send))
      processor.process(new thrift.TBinaryProtocol(received), output)
      received.commitPosition()
    } catch (error) {
      if (wantsMore(error)) received.rollbackPosition()
      else peer.drop()
    }
  })
}

async function drip(peer: Peer, bytes: Buffer, ms: number): Promise<void> {
  for (let at = 0; at < bytes.length; at++) {
    peer.begin(bytes.subarray(at, at + 1), bytes.length)
    await delay(ms)
  }
}
