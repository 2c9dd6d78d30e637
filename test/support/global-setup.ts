/**
 * One PostgreSQL server per vitest run, started only when a test asks for it: tests fetch its address from a small
 * endpoint of this process, which outlives every worker and so can stop the server for certain.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import type { PostgresServer } from '../../orchestration/dev/embedded-postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    sharedPostgres: string
  }
}

/** Called by vitest before the first test file; the returned function after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let server: Promise<PostgresServer> | null = null
  const endpoint = createServer((_request, response) => {
    server ??= import('./test-server.ts').then(({ startTestServer }) => startTestServer())
    server.then(
      ({ url, host, port, user, password }) => response.end(JSON.stringify({ url, host, port, user, password })),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  endpoint.listen(0, '127.0.0.1')
  await once(endpoint, 'listening')
  project.provide('sharedPostgres', `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`)
  return async () => {
    endpoint.close()
    const running = await server?.catch(() => null)
    await running?.stop('immediate')
  }
}
