/** The faults that a test may ask for: what the driver makes of them, and how often the statement then ran. */
import { describe, expect, test } from 'vitest'
import type { FaultEffect } from '../support/snowflake/faults.ts'
import { CHUNK_GONE, EXPIRED, LOST_ANSWER, PROXY_PAGE, UNAVAILABLE } from '../support/snowflake/faults.ts'
import { call, query, tokens } from './api-request.ts'
import { connect, refusal, run, type Statement } from './driver.ts'
import { eventually, useEndpoint } from './endpoint-fixture.ts'

const ROWS = 2_000
const rows = Array.from({ length: ROWS }, (_, id) => [String(id), 'x'.repeat(50)])
const MANY = { columns: [['ID', 'fixed'] as const, ['T', 'text'] as const], rows }
const fixture = useEndpoint(
  { one: { columns: [['A', 'text']], rows: [['1']] }, many: MANY },
  { limits: { inlineBytes: 1, chunkBytes: 20_000 } },
)
const ran = (): number => fixture.engine().executed.length
const last = () => fixture.endpoint().requests.at(-1)

/** Rows of `one`, and how many times it ran. */
async function once(): Promise<readonly [rows: unknown, runs: number]> {
  await using session = await connect(fixture.endpoint())
  const before = ran()
  const { rows: found } = await run(session, 'one')
  return [found, ran() - before]
}

describe('the driver repeats, and the statement runs once', () => {
  test.each<readonly [string, FaultEffect]>([
    ['a 503', UNAVAILABLE],
    ['a 503 after it ran', { kind: 'status', when: 'after', status: 503, retryAfterSeconds: 1 }],
    ['a reset', { kind: 'reset', when: 'before' }],
    ['a lost answer', LOST_ANSWER],
    ['an expired session', EXPIRED],
    ['an expired session after it ran', { kind: 'session-expired', when: 'after' }],
  ])('after %s', async (_what, effect) => {
    const armed = fixture.endpoint().arm({ request: 'query', effect })
    expect(await once()).toEqual([[['1']], 1])
    expect(armed.hits).toBe(1)
  })

  test('after several at log-in, at renewal and at the end', async () => {
    fixture.endpoint().arm({ request: 'login', effect: UNAVAILABLE })
    fixture.endpoint().arm({ request: 'query', effect: EXPIRED })
    fixture.endpoint().arm({ request: 'logout', effect: { kind: 'stall', when: 'after', ms: 20 } })
    expect(await once()).toEqual([[['1']], 1])
  })
})

describe('the driver does not notice', () => {
  test('a slow answer, nor a late one', async () => {
    fixture.endpoint().arm({ sql: 'one', effect: { kind: 'slow', bytesPerSecond: 400_000 } })
    fixture.endpoint().arm({ sql: 'one', nth: 2, effect: { kind: 'stall', when: 'before', ms: 20 } })
    expect(await once()).toEqual([[['1']], 1])
    expect(await once()).toEqual([[['1']], 1])
  })
})

describe('the driver fails', () => {
  test('with the error that was asked for, before or after the statement ran', async () => {
    await using session = await connect(fixture.endpoint())
    const effect = { kind: 'failure', code: '003001', sqlState: '42501', message: 'Insufficient privileges' } as const
    const before = ran()
    fixture.endpoint().arm({ effect: { ...effect, when: 'before' } })
    expect(await refusal(run(session, 'one'))).toEqual(['003001', '42501'])
    expect(ran() - before).toBe(0)
    fixture.endpoint().arm({ effect: { ...effect, when: 'after' } })
    expect(await refusal(run(session, 'one'))).toEqual(['003001', '42501'])
    expect(ran() - before).toBe(1)
  })

  test('when its session is gone', async () => {
    await using session = await connect(fixture.endpoint())
    fixture.endpoint().arm({ request: 'query', effect: { kind: 'session-gone', when: 'before' } })
    expect(await refusal(run(session, 'one'))).toEqual(['407002', '08003'])
    expect(session.connection.isUp()).toBe(false)
  })

  test('on an answer that ends early: it does not ask again', async () => {
    await using session = await connect(fixture.endpoint())
    fixture.endpoint().arm({ request: 'query', effect: { kind: 'truncate', bytes: 20 } })
    await expect(run(session, 'one')).rejects.toThrow('stream has been aborted')
  })

  test('on a page of a proxy instead of the answer', async () => {
    await using session = await connect(fixture.endpoint())
    fixture.endpoint().arm({ request: 'query', effect: PROXY_PAGE })
    expect((await refusal(run(session, 'one')))[0]).not.toBe('no error')
  })
})

describe('silence', () => {
  test.each(['before', 'after'] as const)('%s the statement ran, until the client leaves', async (when) => {
    const { token } = await tokens(fixture.endpoint())
    const before = ran()
    const armed = fixture.endpoint().arm({ request: 'query', effect: { kind: 'stall', when } })
    const path = `/queries/v1/query-request?requestId=${crypto.randomUUID()}`
    const left = new AbortController()
    const asked = fetch(`${fixture.endpoint().url}${path}`, {
      method: 'POST',
      headers: { authorization: `Snowflake Token="${token}"` },
      body: '{"sqlText":"one"}',
      signal: left.signal,
    })
    await eventually(() => [armed.hits, ran() - before]).toEqual([1, when === 'after' ? 1 : 0])
    left.abort()
    await expect(asked).rejects.toThrow('aborted')
    await eventually(last).toMatchObject({ fault: 'stall', status: 0 })
  })

  test('does not hold up the end of the endpoint, nor a cancel', async () => {
    await using session = await connect(fixture.endpoint())
    fixture.endpoint().arm({ request: 'query', effect: { kind: 'stall', when: 'before' } })
    let statement: Statement | null = null
    void refusal(
      run(session, 'one', {
        sent: (each) => {
          statement = each
        },
      }),
    )
    await eventually(() => statement !== null).toBe(true)
    // Nothing runs on the server: the cancel says so.
    const cancelled = await new Promise<unknown>((resolve) => {
      statement?.cancel((error) => resolve(error?.code))
    })
    expect(String(cancelled)).toBe('000605')
  })
})

describe('a chunk', () => {
  test('that fails for a moment is fetched again', async () => {
    for (const effect of [UNAVAILABLE, { kind: 'reset', when: 'before' }] as const) {
      fixture.endpoint().arm({ request: 'chunk', nth: 2, effect })
      await using session = await connect(fixture.endpoint())
      expect((await run(session, 'many')).rows).toHaveLength(ROWS)
    }
  })

  test('that ends early, or says that it is XML, is fetched again', async () => {
    for (const effect of [
      { kind: 'truncate', bytes: 10 },
      { kind: 'content-type', contentType: 'application/xml', body: '<Error/>' },
    ] as const) {
      fixture.endpoint().arm({ request: 'chunk', effect })
      await using session = await connect(fixture.endpoint())
      // XML under status 200 is no error that the driver repeats.
      const found = run(session, 'many')
      if (effect.kind === 'truncate') expect((await found).rows).toHaveLength(ROWS)
      else await expect(found).rejects.toMatchObject({ code: 402002 })
    }
  })

  test('is not served without its key, with a session token, with another signature or after its time', async () => {
    const { token } = await tokens(fixture.endpoint())
    const { body } = await query(fixture.endpoint(), token, { sqlText: 'many' })
    const { chunks, chunkHeaders } = body.data as unknown as {
      chunks: readonly { readonly url: string }[]
      chunkHeaders: Record<string, string>
    }
    const [{ url } = { url: '' }] = chunks
    const status = async (address: string, headers: Record<string, string>): Promise<number> =>
      (await fetch(address, { headers })).status
    expect(await status(url, chunkHeaders)).toBe(200)
    expect(await status(url, {})).toBe(400)
    expect(await status(url, { ...chunkHeaders, authorization: `Snowflake Token="${token}"` })).toBe(400)
    expect(await status(url.replace(/\/0\?/, '/1?'), chunkHeaders)).toBe(403)
    expect(await status(url.replace(/Expires=\d+/, 'Expires=1'), chunkHeaders)).toBe(403)
  })

  test('that is gone has a new address when the result is asked for again', async () => {
    const { token } = await tokens(fixture.endpoint())
    const { body } = await query(fixture.endpoint(), token, { sqlText: 'many' })
    fixture.endpoint().arm({ request: 'chunk', times: 1, effect: CHUNK_GONE })
    const fetchChunk = async (data: unknown): Promise<number> => {
      const { chunks, chunkHeaders } = data as { chunks: { url: string }[]; chunkHeaders: Record<string, string> }
      return (await fetch(chunks[0]?.url ?? '', { headers: chunkHeaders })).status
    }
    expect(await fetchChunk(body.data)).toBe(403)
    const path = `/queries/${String(body.data?.queryId)}/result`
    const again = await call(fixture.endpoint(), path, { method: 'GET', token })
    expect(await fetchChunk(again.body.data)).toBe(200)
  })
})

test('a fault hits the requests that were meant, and counts those that it saw', async () => {
  const { token } = await tokens(fixture.endpoint())
  const armed = fixture.endpoint().arm({ request: ['query', 'abort'], sql: /^one$/, nth: 2, times: 2, effect: UNAVAILABLE })
  const statuses: number[] = []
  for (const sqlText of ['one', 'many', 'one', 'one', 'one']) {
    statuses.push((await query(fixture.endpoint(), token, { sqlText })).status)
  }
  expect(statuses).toEqual([200, 200, 503, 503, 200])
  expect([armed.seen, armed.hits]).toEqual([4, 2])
  armed.disarm()
  expect((await query(fixture.endpoint(), token, { sqlText: 'one' })).status).toBe(200)
  expect(armed.seen).toBe(4)
})

test('an answer can lack fields, and a bit of it can be wrong', async () => {
  const { token } = await tokens(fixture.endpoint())
  fixture.endpoint().arm({ request: 'query', effect: { kind: 'without', fields: ['returned', 'rowtype'] } })
  const { body } = await query(fixture.endpoint(), token, { sqlText: 'one' })
  expect(Object.keys(body.data ?? {})).not.toContain('rowtype')
  expect(Object.keys(body.data ?? {})).toContain('rowset')
  fixture.endpoint().arm({ request: 'query', effect: { kind: 'corrupt' } })
  const whole = JSON.stringify((await query(fixture.endpoint(), token, { sqlText: 'one' }).catch(() => ({ body: null }))).body)
  expect(whole).not.toBe(JSON.stringify((await query(fixture.endpoint(), token, { sqlText: 'one' })).body))
})
