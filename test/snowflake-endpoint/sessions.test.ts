/** Sessions, statements that are sent again, asynchronous and cancelled ones; by the driver and by hand. */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { startSnowflakeEndpoint } from '../support/snowflake/endpoint.ts'
import { call, LOGIN, query, tokens } from './api-request.ts'
import { ADA, connect, refusal, rowsOf, run, type Statement } from './driver.ts'
import { eventually, useEndpoint } from './endpoint-fixture.ts'
import { scriptedEngine } from './scripted-engine.ts'

const ONE = { columns: [['A', 'text']] as const, rows: [['1']] }
const fixture = useEndpoint({ one: ONE, two: { columns: [['A', 'text']], rows: [['2']] } }, { detachAfterMs: 50 })
const ran = (sql: string): number => fixture.endpoint().statements.filter((each) => each.sql === sql).length

describe('a session', () => {
  test('whose token expired is renewed by the driver, and the statement runs once', async () => {
    await using session = await connect(fixture.endpoint())
    const before = ran('one')
    fixture.endpoint().expireSessions()
    expect((await run(session, 'one')).rows).toEqual([['1']])
    expect(ran('one')).toBe(before + 1)
    expect(
      fixture
        .endpoint()
        .requests.slice(-3)
        .map(({ kind, code }) => [kind, code]),
    ).toEqual([
      ['query', '390112'],
      ['renewal', null],
      ['query', null],
    ])
  })

  test('answers heartbeats', async () => {
    await using session = await connect(fixture.endpoint())
    expect(await session.connection.isValidAsync()).toBe(true)
  })

  test('that was closed is gone, with its tokens', async () => {
    const { token } = await tokens(fixture.endpoint())
    const { sessions } = fixture.engine()
    expect(await call(fixture.endpoint(), '/session?delete=true', { token })).toMatchObject({ body: { success: true } })
    expect(sessions.at(-1)?.closed()).toBe(true)
    expect((await query(fixture.endpoint(), token, { sqlText: 'one' })).body).toMatchObject({ success: false, code: '390111' })
  })

  test('is closed with the endpoint, and what it runs is cancelled', async () => {
    const engine = scriptedEngine()
    await using endpoint = await startSnowflakeEndpoint({ engine, account: 'local', users: [ADA] })
    const { token } = await tokens(endpoint)
    await query(endpoint, token, { sqlText: 'hang', asyncExec: true })
    await endpoint.close()
    expect(engine.sessions.map(({ closed }) => closed())).toEqual([true])
    expect(endpoint.statements).toMatchObject([{ sql: 'hang', code: '000604' }])
  })

  test.each([
    ['no token', undefined, '390101'],
    ['a token that nobody was given', 'x', '390104'],
  ])('is refused to %s', async (_kind, token, code) => {
    const answer = await call(fixture.endpoint(), '/session/heartbeat', token === undefined ? {} : { token })
    expect(answer.body).toMatchObject({ success: false, code })
  })

  test('takes its master token for renewal only, and its session token for everything else', async () => {
    const { token, masterToken } = await tokens(fixture.endpoint())
    expect((await query(fixture.endpoint(), masterToken, { sqlText: 'one' })).body).toMatchObject({ code: '390104' })
    const renew = (by: string) =>
      call(fixture.endpoint(), '/session/token-request', { token: by, body: { requestType: 'RENEW' } })
    expect((await renew(token)).body).toMatchObject({ code: '390104' })
    const renewed = await renew(masterToken)
    expect(renewed.body).toMatchObject({ success: true })
    expect((await query(fixture.endpoint(), token, { sqlText: 'one' })).body).toMatchObject({ code: '390112' })
    const fresh = String(renewed.body.data?.sessionToken)
    expect((await query(fixture.endpoint(), fresh, { sqlText: 'one' })).body).toMatchObject({ success: true })
  })

  test('ends with its master token', async () => {
    let now = Date.now()
    await using endpoint = await startSnowflakeEndpoint({
      engine: scriptedEngine(),
      account: 'local',
      users: [ADA],
      now: () => new Date(now),
    })
    const { token, masterToken } = await tokens(endpoint)
    now += 3_600_000
    expect((await call(endpoint, '/session/heartbeat', { token })).body).toMatchObject({ code: '390112' })
    now += 10_800_000
    const renewal = { token: masterToken, body: { requestType: 'RENEW' } }
    expect((await call(endpoint, '/session/token-request', renewal)).body).toMatchObject({ code: '390114' })
  })
})

describe('a statement', () => {
  test('that is sent again runs once and has the same answer, whatever its text', async () => {
    await using session = await connect(fixture.endpoint())
    const requestId = crypto.randomUUID()
    const first = await run(session, 'two', { requestId })
    const again = await run(session, 'one', { requestId })
    expect(again.rows).toEqual([['2']])
    expect(again.statement.getQueryId()).toBe(first.statement.getQueryId())
    expect(ran('two')).toBe(1)
    expect(fixture.endpoint().requests.at(-1)).toMatchObject({ resent: true, sql: 'two' })
  })

  test('that is sent twice at once runs once', async () => {
    const { token } = await tokens(fixture.endpoint())
    const requestId = crypto.randomUUID()
    const before = ran('two')
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => query(fixture.endpoint(), token, { requestId, sqlText: 'two' })),
    )
    expect(new Set(answers.map(({ body }) => body.data?.queryId)).size).toBe(1)
    expect(ran('two')).toBe(before + 1)
  })

  test('that takes long is answered with where to ask, and asked for until it ends', async () => {
    await using session = await connect(fixture.endpoint())
    const answer = refusal(run(session, 'hang'))
    await eventually(() => fixture.endpoint().requests.filter(({ kind }) => kind === 'result').length).toBeGreaterThan(1)
    const { queryId } = fixture.endpoint().statements.at(-1) ?? { queryId: '' }
    const { token } = await tokens(fixture.endpoint())
    expect(await call(fixture.endpoint(), `/queries/${queryId}/abort-request`, { token })).toMatchObject({
      body: { success: true },
    })
    expect(await answer).toEqual(['000604', '57014'])
  })

  test('goes on while its session expires and is renewed between two questions for its result', async () => {
    await using session = await connect(fixture.endpoint())
    const answer = refusal(run(session, 'hang'))
    await eventually(() => fixture.endpoint().requests.at(-1)?.kind).toBe('result')
    const before = fixture.endpoint().requests.length
    fixture.endpoint().expireSessions()
    const later = () => fixture.endpoint().requests.slice(before)
    await eventually(() => later().findLast(({ kind }) => kind === 'renewal')?.code).toBe(null)
    await eventually(() => later().at(-1)).toMatchObject({ kind: 'result', code: null })
    const { queryId } = fixture.endpoint().statements.at(-1) ?? { queryId: '' }
    const { token } = await tokens(fixture.endpoint())
    await call(fixture.endpoint(), `/queries/${queryId}/abort-request`, { token })
    expect(await answer).toEqual(['000604', '57014'])
    expect(later().filter(({ kind, code }) => kind === 'result' && code === '390112')).toHaveLength(1)
  })

  test('is cancelled by the driver before its query id is known, and does not hold the next one up', async () => {
    await using endpoint = await startSnowflakeEndpoint({ engine: scriptedEngine({ one: ONE }), users: [ADA] })
    await using session = await connect(endpoint)
    let statement: Statement | null = null
    const answer = refusal(
      run(session, 'hang', {
        sent: (each) => {
          statement = each
        },
      }),
    )
    await eventually(() => endpoint.statements.length).toBe(1)
    await new Promise<void>((resolve, reject) => {
      statement?.cancel((error) => (error ? reject(error) : resolve()))
    })
    expect(await answer).toEqual(['000604', '57014'])
    expect((await run(session, 'one')).rows).toEqual([['1']])
  })

  test('waits for the one before it, and one that is cancelled while it waits never runs', async () => {
    const { token } = await tokens(fixture.endpoint())
    const [first, second] = [crypto.randomUUID(), crypto.randomUUID()]
    await query(fixture.endpoint(), token, { requestId: first, sqlText: 'hang' })
    const before = fixture.engine().executed.length
    await query(fixture.endpoint(), token, { requestId: second, sqlText: 'waiting' })
    const abort = (requestId: string) => call(fixture.endpoint(), '/queries/v1/abort-request', { token, body: { requestId } })
    expect((await abort(second)).body).toMatchObject({ success: true })
    expect((await abort(first)).body).toMatchObject({ success: true })
    expect((await query(fixture.endpoint(), token, { sqlText: 'one' })).body).toMatchObject({ success: true })
    expect(
      fixture
        .engine()
        .executed.slice(before)
        .map(({ sql }) => sql),
    ).toEqual(['one'])
    expect((await abort(first)).body).toMatchObject({ success: false, code: '000605' })
  })

  test('that is asynchronous goes on while others run; its state and its rows can be asked for', async () => {
    await using session = await connect(fixture.endpoint())
    const hanging = await run(session, 'hang', { asyncExec: true })
    const hangingId = hanging.statement.getQueryId()
    expect(await session.connection.getQueryStatus(hangingId)).toBe('RUNNING')
    const { statement } = await run(session, 'two', { asyncExec: true })
    const found = await session.connection.getResultsFromQueryId({ queryId: statement.getQueryId() })
    expect(await rowsOf(found)).toEqual([['2']])
    expect(await session.connection.getQueryStatus(statement.getQueryId())).toBe('SUCCESS')
    hanging.statement.cancel()
    await eventually(() => session.connection.getQueryStatus(hangingId)).toBe('FAILED_WITH_ERROR')
    await expect(session.connection.getQueryStatusThrowIfError(hangingId)).rejects.toThrow('SQL execution canceled')
  })

  test('can be read again by RESULT_SCAN', async () => {
    await using session = await connect(fixture.endpoint())
    const { statement } = await run(session, 'two')
    const before = ran('two')
    const again = await run(session, `SELECT * FROM TABLE(RESULT_SCAN('${statement.getQueryId()}'))`)
    expect(again.rows).toEqual([['2']])
    expect(again.statement.getQueryId()).not.toBe(statement.getQueryId())
    expect(ran('two')).toBe(before)
    const nobody = `select * from table(result_scan('${crypto.randomUUID()}'))`
    expect(await refusal(run(session, nobody))).toEqual(['000709', '02000'])
  })

  test('that nobody sent has no state and no result', async () => {
    await using session = await connect(fixture.endpoint())
    const nobody = crypto.randomUUID()
    expect(await session.connection.getQueryStatus(nobody)).toBe('NO_QUERY_DATA')
    const { token } = await tokens(fixture.endpoint())
    const answer = await call(fixture.endpoint(), `/queries/${nobody}/result`, { method: 'GET', token })
    expect(answer.body).toMatchObject({ success: false, code: '000709' })
  })

  test('ends when its time is over', async () => {
    const { token } = await tokens(fixture.endpoint())
    const requestId = crypto.randomUUID()
    const body = { requestId, sqlText: 'hang', parameters: { STATEMENT_TIMEOUT_IN_SECONDS: 0.02 } }
    const answers = [await query(fixture.endpoint(), token, body), await query(fixture.endpoint(), token, body)]
    expect(answers.at(-1)?.body).toMatchObject({ code: '000630', data: { sqlState: '57014' } })
  })

  test('of another user cannot be seen', async () => {
    await using endpoint = await startSnowflakeEndpoint({
      engine: scriptedEngine({ one: ONE }),
      account: 'local',
      users: [ADA, { name: 'EVE', password: 'x' }],
    })
    const mine = await tokens(endpoint)
    const { body } = await query(endpoint, mine.token, { sqlText: 'one' })
    const eve = await call(endpoint, '/session/v1/login-request', {
      body: { data: { ...LOGIN, LOGIN_NAME: 'eve', PASSWORD: 'x' } },
    })
    const token = String(eve.body.data?.token)
    const path = `/queries/${String(body.data?.queryId)}`
    expect((await call(endpoint, `${path}/result`, { method: 'GET', token })).body).toMatchObject({ code: '000709' })
    expect((await call(endpoint, `${path}/abort-request`, { token })).body).toMatchObject({ code: '000709' })
    expect((await call(endpoint, `/monitoring${path}`, { method: 'GET', token })).body.data).toEqual({ queries: [] })
  })
})

describe('a request is refused', () => {
  const refused = { status: 400, body: { success: false, code: '390400' } }

  test.each([
    ['with a field that is not known', { newField: 1 }],
    ['for a description only', { describeOnly: true }],
    ['with bindings on a stage', { bindStage: '@s/x' }],
    ['with bindings of arrays', { bindings: { 1: { type: 'TEXT', value: ['a', 'b'] } } }],
    ['with a gap between bindings', { bindings: { 2: { type: 'TEXT', value: 'a' } } }],
    ['with a parameter of its own that is not known', { parameters: { TIMEZONE: 'UTC' } }],
    ['with several statements', { parameters: { MULTI_STATEMENT_COUNT: 2 } }],
  ])('%s', async (_kind, extra) => {
    const { token } = await tokens(fixture.endpoint())
    const before = fixture.engine().executed.length
    expect(await query(fixture.endpoint(), token, { sqlText: 'one', ...extra })).toMatchObject(refused)
    expect(fixture.engine().executed).toHaveLength(before)
  })

  test('without a statement, without a request id, with a parameter that is not known', async () => {
    const { token } = await tokens(fixture.endpoint())
    expect(await query(fixture.endpoint(), token, {})).toMatchObject(refused)
    const to = (path: string) => call(fixture.endpoint(), path, { token, body: { sqlText: 'one' } })
    expect(await to('/queries/v1/query-request')).toMatchObject(refused)
    expect(await to(`/queries/v1/query-request?requestId=${crypto.randomUUID()}&fast=true`)).toMatchObject(refused)
  })

  test('in another form than JSON, plain or gzip', async () => {
    const { token } = await tokens(fixture.endpoint())
    const path = `/queries/v1/query-request?requestId=${crypto.randomUUID()}`
    const gzip = { 'content-encoding': 'gzip' }
    const to = (raw: string | Uint8Array<ArrayBuffer>, headers = {}) => call(fixture.endpoint(), path, { token, raw, headers })
    expect(await to('{')).toMatchObject(refused)
    expect(await to('[]')).toMatchObject(refused)
    expect(await to('{}', gzip)).toMatchObject(refused)
    expect(await to('{}', { 'content-encoding': 'br' })).toMatchObject(refused)
    expect(await to(new Uint8Array(gzipSync('{"sqlText":"one"}')), gzip)).toMatchObject({ status: 200, body: { success: true } })
  })

  test.each([
    ['GET', '/'],
    ['GET', '/session/v1/login-request'],
    ['POST', '/session/authenticator-request'],
    ['POST', '/api/v2/statements'],
    ['POST', '/oauth/token-request'],
  ])('%s %s: there is no such path', async (method, path) => {
    expect(await call(fixture.endpoint(), path, { method })).toMatchObject({ status: 404, body: { success: false } })
  })

  test('of a session: another end than its deletion, another token request than a renewal', async () => {
    const { token, masterToken } = await tokens(fixture.endpoint())
    expect(await call(fixture.endpoint(), '/session', { token })).toMatchObject(refused)
    const body = { requestType: 'CLONE' }
    expect(await call(fixture.endpoint(), '/session/token-request', { token: masterToken, body })).toMatchObject(refused)
  })
})

test('a user without a way to log in is a mistake', async () => {
  const engine = scriptedEngine()
  await expect(startSnowflakeEndpoint({ engine, users: [{ name: 'X' }] })).rejects.toThrow('User "X"')
})
