/** The client over TLS whose certificate is vouched for by an authority of one's own, as private endpoints and proxies have them. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { selfSignedCertificate } from '../../../orchestration/dev/self-signed.ts'
import { scratch } from '../../support/scratch.ts'
import { startSnowflakeEndpoint } from '../../support/snowflake/endpoint.ts'
import { clientEngine } from './client-engine.ts'
import { connectionOf } from './connection.ts'

const CLIENT = fileURLToPath(new URL('./tls-client.ts', import.meta.url))
const USER = { name: 'ADA', password: 'correct horse' }

test('a trusted certificate without anybody to ask for its revocation: with "ocsp: false", and the error says so', async () => {
  const { certificate, key } = selfSignedCertificate(new Date())
  using files = scratch({ 'ca.pem': certificate })
  const engine = clientEngine({ one: { columns: [['A', 'text']], rows: [['1']] } })
  await using endpoint = await startSnowflakeEndpoint({
    engine,
    account: 'local',
    users: [USER],
    tls: { key, cert: certificate },
  })
  const said = async (more: object) => {
    const block = { ...connectionOf(endpoint), user: 'ADA', password: USER.password, ...more }
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: files.path('ca.pem') }
    return (await promisify(execFile)(process.execPath, [CLIENT, JSON.stringify(block)], { env })).stdout
  }
  expect(await said({ ocsp: false })).toBe('[["1"]]')
  expect(await said({ request_timeout_ms: 500, login_timeout_s: 2 })).toContain('NODE_EXTRA_CA_CERTS and "ocsp: false"')
}, 60_000)
