import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../../connectors/errors.ts'
import { postgresOptions } from '../../../connectors/postgres/options.ts'
import { sharedPostgres, startTestPostgres } from '../../support/postgres.ts'
import { openTestSource } from '../../support/postgres-source.ts'

const live = () => new AbortController().signal

async function failure(promise: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  try {
    await promise
  } catch (error) {
    if (error instanceof ConnectorError) return { code: error.code, message: error.message }
    throw error
  }
  return { code: 'no error', message: '' }
}

async function identify(url: string, options: Parameters<typeof openTestSource>[1] = {}): Promise<unknown> {
  await using source = openTestSource(url, options)
  return source.identity(live())
}

describe('connecting to PostgreSQL', () => {
  test('SCRAM with the right password; the wrong one is an authentication error that shows neither', async () => {
    const server = await sharedPostgres()
    expect(await identify(server.url)).toMatchObject({ database: 'postgres', version: expect.stringMatching(/^PostgreSQL \d+/) })
    const { code, message } = await failure(identify(server.url, { options: { password: 'not the secret' } }))
    expect(code).toBe('AUTHENTICATION')
    expect(message).toContain('config/connections.yaml')
    expect(message).not.toContain('not the secret')
    expect(message).not.toContain(server.password)
  })

  test('a missing password is an authentication error too', async () => {
    const server = await sharedPostgres()
    const { host, port, user } = server
    expect((await failure(identify(`postgres://${user}@${host}:${port}/postgres`))).code).toBe('AUTHENTICATION')
  })

  test('nobody listening and an unknown database are told apart', async () => {
    const server = await sharedPostgres()
    expect((await failure(identify(server.url, { options: { port: 1 } }))).code).toBe('CONNECTION')
    expect((await failure(identify(server.url, { options: { database: 'absent' } }))).code).toBe('NOT_FOUND')
  })

  test('an aborted signal ends the attempt', async () => {
    const server = await sharedPostgres()
    await using source = openTestSource(server.url)
    expect((await failure(source.identity(AbortSignal.abort()))).code).toBe('ABORTED')
  })

  test('TLS is verified against the given authority, and refused without it', async () => {
    await using server = await startTestPostgres({ tls: true })
    const ca = server.certificate ?? ''
    expect((await failure(identify(server.url, { options: { sslmode: 'verify-full' } }))).code).toBe('TLS')
    for (const sslmode of ['verify-full', 'verify-ca', 'require'] as const) {
      await using source = openTestSource(server.url, {
        options: { sslmode, host: 'localhost', ...(sslmode === 'require' ? {} : { ca }) },
      })
      expect(await source.identity(live())).toMatchObject({ database: 'postgres' })
    }
    await using session = openTestSource(server.url, { options: { sslmode: 'verify-full', host: 'localhost', ca } })
    expect((await session.check(live())).filter((problem) => problem.severity === 'error')).toMatchObject([
      { subject: 'Pattern "public.*"' },
    ])
  })

  test('a server without TLS is a TLS error when TLS is asked for', async () => {
    const server = await sharedPostgres()
    expect((await failure(identify(server.url, { options: { sslmode: 'require' } }))).code).toBe('TLS')
  })

  test('a pooler in between is recognised', async () => {
    const pooler = createServer((socket) => {
      socket.once('data', () => {
        const fields = Buffer.from('SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0')
        const head = Buffer.alloc(5)
        head.write('E')
        head.writeInt32BE(fields.length + 4, 1)
        socket.end(Buffer.concat([head, fields]))
      })
    })
    pooler.listen(0, '127.0.0.1')
    await once(pooler, 'listening')
    const { port } = pooler.address() as AddressInfo
    const { code, message } = await failure(identify(`postgres://u:p@127.0.0.1:${port}/d`))
    expect(code).toBe('SOURCE_SETUP')
    expect(message).toContain('pooler')
    pooler.close()
  })

  test('options: a url or its parts, sslmode by distance, problems by field', () => {
    expect(postgresOptions.safeParse({}).error?.issues[0]?.path).toEqual(['host'])
    expect(postgresOptions.safeParse({ url: 'mysql://x/y' }).error?.issues[0]?.path).toEqual(['url'])
    expect(postgresOptions.safeParse({ host: 'db', unknown: 1 }).success).toBe(false)
    expect(postgresOptions.safeParse({ host: 'db', port: '5433' }).data?.port).toBe(5433)
  })
})
