/** The GSSAPI login as the driver makes it, with a Kerberos library and a server that only play their parts: no KDC here. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { hiveClientOptions } from '../../../connectors/hive/client/options.ts'
import { type KerberosLibrary, loginKerberos } from '../../../connectors/hive/client/sasl.ts'

type Callback = (error: Error | null, value: unknown) => void

/** What each side sends, in order, as text. */
const TOKENS = { first: 'client token', second: 'server token', third: 'client answer', wrapped: 'layers', last: 'client layers' }
const base64 = (text: string): string => Buffer.from(text).toString('base64')

function library(asked: string[]): KerberosLibrary {
  const answers = [base64(TOKENS.first), base64(TOKENS.third)]
  const client = {
    step: (_challenge: string, done: Callback) => done(null, answers.shift() ?? ''),
    unwrap: (_challenge: string, done: Callback) => done(null, Buffer.from([1, 0, 0, 0]).toString('base64')),
    wrap: (_data: string, _options: object, done: Callback) => done(null, base64(TOKENS.last)),
  }
  return {
    GSS_C_NO_OID: 1,
    GSS_MECH_OID_SPNEGO: 2,
    initializeClient: (principal: string, _options: object, done: Callback) => {
      asked.push(principal)
      done(null, client)
    },
  } as unknown as KerberosLibrary
}

function packet(status: number, text: string): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt8(status)
  header.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([header, Buffer.from(text)])
}

/** Answers each payload by the next of `replies`. */
async function gssServer(replies: readonly Buffer[], heard: string[]) {
  const left = [...replies]
  const server = createServer((socket: Socket) => {
    let bytes = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
        const size = bytes.readUInt32BE(1)
        const text = bytes.subarray(5, 5 + size).toString()
        bytes = bytes.subarray(5 + size)
        heard.push(text)
        if (text === 'GSSAPI') continue
        const reply = left.shift()
        if (reply !== undefined) socket.write(reply)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return {
    socket,
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const options = hiveClientOptions.parse({ host: 'db.example', auth: 'kerberos', user: 'ada', kerberos_service: 'hs2' })

test('tokens go to and fro until the server is content; nothing of the login listens afterwards', async () => {
  const heard: string[] = []
  const asked: string[] = []
  await using peer = await gssServer([packet(2, TOKENS.second), packet(2, TOKENS.wrapped), packet(5, '')], heard)
  await loginKerberos(peer.socket, { options, library: library(asked) }, new AbortController().signal)
  expect(asked).toEqual([process.platform === 'win32' ? 'hs2/db.example' : 'hs2@db.example'])
  expect(heard).toEqual(['GSSAPI', TOKENS.first, TOKENS.third, TOKENS.last])
  expect(peer.socket.listenerCount('data')).toBe(0)
})

test('a refusal is one of the login; an abort ends the wait', async () => {
  await using refusing = await gssServer([packet(4, 'Server not found in Kerberos database')], [])
  await expect(
    loginKerberos(refusing.socket, { options, library: library([]) }, new AbortController().signal),
  ).rejects.toMatchObject({ name: 'LoginRefused', message: /not found in Kerberos database/ })
  await using silent = await gssServer([], [])
  await expect(loginKerberos(silent.socket, { options, library: library([]) }, AbortSignal.timeout(50))).rejects.toMatchObject({
    name: 'TimeoutError',
  })
})
