/** Between a client and an S3 endpoint: passes every request on, and tells of those that write before they are passed on and when they were answered. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Moments } from './moments.ts'
import type { Relay } from './statement-relay.ts'

export async function startObjectRelay(target: { readonly port: number }, moments: Moments): Promise<Relay> {
  const server = createServer((request, response) => {
    const { method = 'GET', url = '/', headers } = request
    const what = /^(?:GET|HEAD)$/.test(method)
      ? null
      : `${method.toLowerCase()} ${decodeURIComponent(new URL(url, 'http://x').pathname)}`
    if (what !== null && moments.reached(what, 'before')) {
      request.socket.destroy()
      return
    }
    // The signature covers the host that the client named.
    const upstream = send({ host: '127.0.0.1', port: target.port, method, path: url, headers })
    upstream.on('error', () => request.socket.destroy())
    upstream.on('response', (answer: IncomingMessage) => {
      if (what !== null && moments.reached(what, 'after')) {
        answer.resume()
        request.socket.destroy()
        return
      }
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(response)
    })
    request.on('error', () => upstream.destroy())
    request.pipe(upstream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
