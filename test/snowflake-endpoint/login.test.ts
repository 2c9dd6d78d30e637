/** The four ways to log in that are emulated, by the driver, and everything that must not log in. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { SnowflakeUser } from '../support/snowflake/login.ts'
import { LOGIN, login } from './api-request.ts'
import { ADA, connect, refusal, run } from './driver.ts'
import { useEndpoint } from './endpoint-fixture.ts'

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const others = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()
const privatePem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

const GRACE: SnowflakeUser = {
  name: 'GRACE',
  publicKeys: [pem(others.publicKey), pem(keys.publicKey)],
  oauthTokens: [{ token: 'oauth-1' }, { token: 'oauth-old', expiresAt: new Date(0) }],
  accessTokens: [{ token: 'pat-1' }, { token: 'pat-old', expiresAt: new Date(0) }],
}
const fixture = useEndpoint({ who: { columns: [['U', 'text']], rows: [['x']] } }, { users: [ADA, GRACE] })

describe('the driver logs in', () => {
  test.each([
    ['a password', { username: 'ada' }, 'ADA'],
    ['a key pair', { username: 'grace', authenticator: 'SNOWFLAKE_JWT', privateKey: privatePem(keys.privateKey) }, 'GRACE'],
    ['an OAuth token', { username: 'GRACE', authenticator: 'OAUTH', token: 'oauth-1' }, 'GRACE'],
    ['a programmatic access token', { username: 'GRACE', authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 'pat-1' }, 'GRACE'],
    ['a programmatic access token in place of a password', { username: 'GRACE', password: 'pat-1' }, 'GRACE'],
  ])('by %s', async (_way, options, user) => {
    await using session = await connect(fixture.endpoint(), options)
    await run(session, 'who')
    expect(fixture.engine().executed.at(-1)?.user).toBe(user)
  })

  test('with role, database, schema, warehouse and parameters', async () => {
    await using _session = await connect(fixture.endpoint(), {
      role: 'R',
      database: 'D',
      schema: 'S',
      warehouse: 'W',
      queryTag: 'tag',
    })
    expect(fixture.engine().sessions.at(-1)).toMatchObject({
      role: 'R',
      database: 'D',
      schema: 'S',
      warehouse: 'W',
      parameters: { QUERY_TAG: 'tag' },
    })
  })

  test.each([
    ['a wrong password', { password: 'wrong' }, '390100'],
    ['an unknown user', { username: 'nobody' }, '390100'],
    ['a password where the user has none', { username: 'GRACE', password: 'correct horse' }, '390100'],
    ['an expired access token as password', { username: 'GRACE', password: 'pat-old' }, '390100'],
    [
      'another private key',
      { username: 'ADA', authenticator: 'SNOWFLAKE_JWT', privateKey: privatePem(keys.privateKey) },
      '390144',
    ],
    ['an unknown OAuth token', { authenticator: 'OAUTH', token: 'oauth-2' }, '390303'],
    ['an expired OAuth token', { username: 'GRACE', authenticator: 'OAUTH', token: 'oauth-old' }, '390318'],
    ["another user's OAuth token", { username: 'ADA', authenticator: 'OAUTH', token: 'oauth-1' }, '390309'],
    [
      'an OAuth token as access token',
      { username: 'GRACE', authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 'oauth-1' },
      '390394',
    ],
    ['an expired access token', { username: 'GRACE', authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 'pat-old' }, '390395'],
    ['a role that is not granted', { role: 'NOBODY' }, '390189'],
  ])('not by %s', async (_way, options, code) => {
    expect((await refusal(connect(fixture.endpoint(), options)))[0]).toBe(code)
  })
})

describe('a JWT', () => {
  const fingerprint = (key: KeyObject): string =>
    `SHA256:${createHash('sha256')
      .update(createPublicKey(pem(key)).export({ type: 'spki', format: 'der' }))
      .digest('base64')}`
  const seconds = (): number => Math.floor(Date.now() / 1000)
  const good = () => ({
    iss: `LOCAL.GRACE.${fingerprint(keys.publicKey)}`,
    sub: 'LOCAL.GRACE',
    iat: seconds(),
    exp: seconds() + 60,
  })
  const token = (claims: object, { alg = 'RS256', key = keys.privateKey } = {}): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${part({ alg, typ: 'JWT' })}.${part(claims)}`
    return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
  }
  const attempt = async (jwt: string) =>
    (await login(fixture.endpoint(), { ACCOUNT_NAME: 'local', LOGIN_NAME: 'grace', AUTHENTICATOR: 'SNOWFLAKE_JWT', TOKEN: jwt }))
      .body

  test('logs in with times in seconds, and in milliseconds as the Node driver has them', async () => {
    expect(await attempt(token(good()))).toMatchObject({ success: true })
    expect(await attempt(token({ ...good(), iat: Date.now(), exp: Date.now() + 60_000 }))).toMatchObject({ success: true })
  })

  test.each([
    ['in lower case', () => token({ ...good(), sub: 'local.grace' }), 'its subject'],
    ['for another user', () => token({ ...good(), sub: 'LOCAL.ADA' }), 'its subject'],
    ['of another account', () => token({ ...good(), sub: 'OTHER.GRACE' }), 'its subject'],
    ['with the fingerprint of another key', () => token({ ...good(), iss: 'LOCAL.GRACE.SHA256:x' }), 'its issuer'],
    ['signed by another key', () => token(good(), { key: others.privateKey }), 'its signature'],
    ['that has expired', () => token({ ...good(), exp: seconds() - 1 }), 'it has expired'],
    ['older than an hour', () => token({ ...good(), iat: seconds() - 3_700 }), 'it has expired'],
    ['of the future', () => token({ ...good(), iat: seconds() + 300, exp: seconds() + 400 }), 'it was issued in the future'],
    ['without times', () => token({ iss: good().iss, sub: good().sub }), 'iat or exp is missing'],
    ['by another algorithm', () => token(good(), { alg: 'none' }), 'its algorithm'],
    ['in two parts', () => token(good()).split('.').slice(0, 2).join('.'), 'it is no JWT'],
    ['that is nothing', () => 'a.b.c', 'its header or payload'],
  ])('%s is refused', async (_kind, make, why) => {
    expect(await attempt(make())).toMatchObject({ success: false, code: '390144', message: expect.stringContaining(why) })
  })
})

describe('a log-in is refused', () => {
  test.each([
    ['to another account', { ...LOGIN, ACCOUNT_NAME: 'other' }, 403, '390422'],
    ['without an account', { LOGIN_NAME: 'ada', PASSWORD: 'correct horse' }, 403, '390422'],
    ['by another authenticator', { ...LOGIN, AUTHENTICATOR: 'EXTERNALBROWSER' }, 400, '390400'],
    ['with a passcode', { ...LOGIN, PASSCODE: '123456' }, 400, '390400'],
    ['with a parameter that is an object', { ...LOGIN, SESSION_PARAMETERS: { A: {} } }, 400, '390400'],
    ['without a password', { ACCOUNT_NAME: 'local', LOGIN_NAME: 'ada' }, 200, '390100'],
  ])('%s', async (_kind, data, status, code) => {
    const answer = await login(fixture.endpoint(), data)
    expect(answer).toMatchObject({ status, body: { success: false, code } })
  })
})
