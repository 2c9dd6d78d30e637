/** snowflake-connector-python, unpatched, against the local Snowflake endpoint and its SQL. */
import { generateKeyPairSync } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { python } from '../support/python.ts'
import { scratch } from '../support/scratch.ts'
import { DBT_REQUIREMENTS } from '../support/services/dbt.ts'
import { EXPIRED, LOST_ANSWER, UNAVAILABLE } from '../support/snowflake/faults.ts'
import { startLocalSnowflake } from '../support/snowflake/local.ts'

const SCRIPT = fileURLToPath(new URL('./snowflake/connector_client.py', import.meta.url))

test('the Python connector works: log-ins, values, bindings, chunks, asynchronous statements, transactions, renewal, faults', async () => {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  using files = scratch({ 'key.p8': keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() })
  await using snowflake = await startLocalSnowflake({
    directory: files.path('snowflake'),
    user: {
      name: 'ADA',
      password: 'correct horse',
      publicKeys: [keys.publicKey.export({ type: 'spki', format: 'pem' }).toString()],
      oauthTokens: [{ token: 'oauth-1' }],
      accessTokens: [{ token: 'pat-1' }],
    },
    limits: { inlineBytes: 2_000, chunkBytes: 10_000 },
  })
  const { endpoint } = snowflake
  endpoint.arm({ sql: "select 'expired'", effect: EXPIRED })
  endpoint.arm({ sql: "select 'unavailable'", effect: UNAVAILABLE })
  endpoint.arm({ sql: "select 'lost'", effect: LOST_ANSWER })
  const { stdout } = await python(SCRIPT, [String(endpoint.port), files.path('key.p8')], {
    requirements: DBT_REQUIREMENTS,
    env: { ENDPOINT_PASSWORD: 'correct horse', ENDPOINT_OAUTH: 'oauth-1', ENDPOINT_PAT: 'pat-1' },
  })
  const checks = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { check: string; ok: boolean; why?: string })
  expect(checks.filter(({ ok }) => !ok)).toEqual([])
  expect(checks).toHaveLength(10)
  for (const text of ['expired', 'unavailable', 'lost']) {
    expect(endpoint.statements.filter(({ sql }) => sql === `select '${text}'`)).toHaveLength(1)
  }
  expect(endpoint.requests.filter(({ kind }) => kind === 'chunk').length).toBeGreaterThan(2)
})
