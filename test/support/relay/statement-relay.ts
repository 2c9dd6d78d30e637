/**
 * Between a client and a HiveServer2 or Spark Thrift server over SASL PLAIN: passes every byte on, and tells of statements that
 * change something before they are passed on, when they were, and when the client has seen their end.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Moments } from './moments.ts'

export type Relay = AsyncDisposable & { readonly port: number }

/** Of a SASL packet; of a message afterwards. */
const [LOGIN_HEADER, FRAME_HEADER] = [5, 4]
/** Mechanism; user and password. */
const LOGIN_PACKETS = 2

/** What only asks. */
const QUESTION = /^\s*(?:SELECT|SHOW|DESCRIBE|SET)\b/i

export async function startStatementRelay(target: { readonly port: number }, moments: Moments): Promise<Relay> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target.port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    upstream.pipe(client)
    let running: string | null = null
    const packets = packetReader((bytes, isMessage) => {
      const call = isMessage ? callOf(bytes) : ''
      if (call === 'ExecuteStatement') {
        const sql = statementOf(bytes)
        running = QUESTION.test(sql) ? null : sql
        if (running !== null && moments.reached(running, 'before')) return
        upstream.write(bytes)
        if (running !== null) moments.reached(running, 'sent')
        return
      }
      if (call === 'CloseOperation' && running !== null) {
        const done = running
        running = null
        if (moments.reached(done, 'after')) return
      }
      upstream.write(bytes)
    })
    client.on('data', packets)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Cuts a stream into login packets and messages. */
function packetReader(take: (bytes: Buffer, isMessage: boolean) => void): (chunk: Buffer) => void {
  let bytes: Buffer = Buffer.alloc(0)
  let logins = 0
  return (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    for (;;) {
      const isMessage = logins >= LOGIN_PACKETS
      const header = isMessage ? FRAME_HEADER : LOGIN_HEADER
      if (bytes.length < header) return
      const end = header + bytes.readUInt32BE(header - 4)
      if (bytes.length < end) return
      if (!isMessage) logins += 1
      take(bytes.subarray(0, end), isMessage)
      bytes = bytes.subarray(end)
    }
  }
}

/** TBinaryProtocol, strict: version and type, length of the name, the name. */
function callOf(frame: Buffer): string {
  const length = frame.readUInt32BE(FRAME_HEADER + 4)
  return frame.toString('latin1', FRAME_HEADER + 8, FRAME_HEADER + 8 + length)
}

/** Field 2 of the request, a string; so is the secret of the session, in front of it. */
function statementOf(frame: Buffer): string {
  const field = Buffer.from([11, 0, 2])
  let found = ''
  for (let at = frame.indexOf(field); at >= 0; at = frame.indexOf(field, at + 1)) {
    const start = at + field.length + 4
    if (start > frame.length) break
    const end = start + frame.readUInt32BE(start - 4)
    if (end <= frame.length) found = frame.toString('utf8', start, end)
  }
  return found
}
