/** The endpoint over TLS; the driver trusts its certificate because it is told to. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { selfSignedCertificate } from '../../orchestration/dev/self-signed.ts'
import { scratch } from '../support/scratch.ts'
import { startSnowflakeEndpoint } from '../support/snowflake/endpoint.ts'
import { ADA } from './driver.ts'
import { scriptedEngine } from './scripted-engine.ts'

const CLIENT = fileURLToPath(new URL('./tls-client.ts', import.meta.url))

test('the driver speaks to the endpoint over TLS, and only when it trusts the certificate', async () => {
  const { certificate, key } = selfSignedCertificate(new Date())
  using files = scratch({ 'ca.pem': certificate })
  const engine = scriptedEngine({ one: { columns: [['A', 'text']], rows: [['1']] } })
  await using endpoint = await startSnowflakeEndpoint({
    engine,
    account: 'local',
    users: [ADA],
    tls: { key, cert: certificate },
  })
  expect(endpoint.url).toMatch(/^https:/)
  const client = (env: NodeJS.ProcessEnv) => promisify(execFile)(process.execPath, [CLIENT, endpoint.url], { env })
  const { NODE_EXTRA_CA_CERTS: _trusted, ...env } = process.env
  expect((await client({ ...env, NODE_EXTRA_CA_CERTS: files.path('ca.pem') })).stdout).toBe('[["1"]]')
  await expect(client(env)).rejects.toThrow(/self-signed|self signed|Network/i)
})
