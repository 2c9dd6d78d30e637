import { expect, test } from 'vitest'
import type { Position, TableName } from '../../connectors/change.ts'
import { createRunMetrics } from '../../orchestration/metrics.ts'
import { parseAddress, serveMetrics } from '../../orchestration/metrics-server.ts'

const now = () => new Date('2026-03-01T12:00:10Z')

function filled() {
  let at = new Date('2026-03-01T12:00:00Z')
  const metrics = createRunMetrics('loans', () => at)
  const commit = { kind: 'commit', number: 7, position: 'p' as Position, through: '2026-03-01T11:59:55Z', rejects: 0 } as const
  metrics.take({ ...commit, commit: 'claim', tables: [] })
  metrics.take({
    ...commit,
    number: 8,
    commit: 'changes',
    tables: [{ table: 'public."x' as TableName, rows: 5, files: 1, bytes: 100 }],
  })
  metrics.take({ kind: 'follow', transactions: 2, changes: 5, through: null, lagBytes: 64, current: false })
  metrics.take({
    kind: 'health',
    health: { retainedBytes: 1024, lagBytes: 32, walStatus: 'reserved', active: true, acknowledged: null },
  })
  at = now()
  return metrics
}

test('metrics are in the Prometheus text format, with ages as of now', () => {
  expect(filled().text()).toMatchInlineSnapshot(`
    "# HELP portage_bytes_total Bytes of data files landed by this process.
    # TYPE portage_bytes_total counter
    portage_bytes_total{integration="loans",table="public.\\"x"} 100
    # HELP portage_changes Changes handed over by this attempt.
    # TYPE portage_changes gauge
    portage_changes{integration="loans"} 5
    # HELP portage_commits_total Commits of this process, by kind.
    # TYPE portage_commits_total counter
    portage_commits_total{integration="loans",kind="claim"} 1
    portage_commits_total{integration="loans",kind="changes"} 1
    # HELP portage_current 1 when the source had nothing more to send.
    # TYPE portage_current gauge
    portage_current{integration="loans"} 0
    # HELP portage_lag_bytes Bytes of the source's log not yet handed over.
    # TYPE portage_lag_bytes gauge
    portage_lag_bytes{integration="loans"} 32
    # HELP portage_last_commit_age_seconds Seconds since the newest commit of this process.
    # TYPE portage_last_commit_age_seconds gauge
    portage_last_commit_age_seconds{integration="loans"} 10
    # HELP portage_newest_commit Number of the newest commit.
    # TYPE portage_newest_commit gauge
    portage_newest_commit{integration="loans"} 8
    # HELP portage_rows_total Rows landed by this process.
    # TYPE portage_rows_total counter
    portage_rows_total{integration="loans",table="public.\\"x"} 5
    # HELP portage_slot_active 1 when the slot is in use.
    # TYPE portage_slot_active gauge
    portage_slot_active{integration="loans"} 1
    # HELP portage_slot_retained_bytes Bytes of the source's log kept for this integration.
    # TYPE portage_slot_retained_bytes gauge
    portage_slot_retained_bytes{integration="loans"} 1024
    # HELP portage_through_age_seconds Seconds since the newest landed source transaction was committed.
    # TYPE portage_through_age_seconds gauge
    portage_through_age_seconds{integration="loans"} 15
    # HELP portage_transactions Source transactions handed over by this attempt.
    # TYPE portage_transactions gauge
    portage_transactions{integration="loans"} 2
    "
  `)
})

test('health answers at once; ready is who holds the log and gets on', async () => {
  let at = now()
  const fresh = createRunMetrics('loans', () => at, { silentMs: 60_000 })
  await using server = await serveMetrics({ address: '127.0.0.1:0', env: {}, metrics: fresh })
  const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`)
  expect((await get('/health')).status).toBe(200)
  expect((await get('/ready')).status).toBe(503)
  fresh.take({ kind: 'commit', number: 1, commit: 'claim', position: null, through: null, tables: [], rejects: 0 })
  expect((await get('/ready')).status).toBe(200)
  const commit = { kind: 'commit', number: 2, position: null, through: null, tables: [], rejects: 0 } as const
  fresh.take({ kind: 'attempt', attempt: 1, error: 'gone', pauseMs: 500 })
  fresh.take({ ...commit, commit: 'claim' })
  expect(await (await get('/ready')).text()).toContain('the last attempt failed')
  fresh.take({ ...commit, commit: 'heartbeat' })
  expect((await get('/ready')).status).toBe(200)
  at = new Date(at.getTime() + 61_000)
  const stuck = await get('/ready')
  expect([stuck.status, await stuck.text()]).toEqual([503, 'nothing has been committed or read for 1 m 01 s\n'])
  expect((await get('/metrics')).headers.get('content-type')).toContain('version=0.0.4')
  expect((await get('/other')).status).toBe(404)
  expect((await fetch(`http://127.0.0.1:${server.port}/metrics`, { method: 'POST' })).status).toBe(405)
})

test('an address that other machines reach needs a token, and then every request does', async () => {
  const metrics = createRunMetrics('loans', now)
  await expect(serveMetrics({ address: '0.0.0.0:0', env: {}, metrics })).rejects.toThrow('PORTAGE_METRICS_TOKEN')
  await using server = await serveMetrics({ address: '0.0.0.0:0', env: { PORTAGE_METRICS_TOKEN: 't0ken' }, metrics })
  const get = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${server.port}/health`, { headers })
  expect((await get({})).status).toBe(401)
  expect((await get({ authorization: 'Bearer wrong' })).status).toBe(401)
  expect((await get({ authorization: 'Bearer t0ken' })).status).toBe(200)
})

test('a port that is taken is an error that says so', async () => {
  const metrics = createRunMetrics('loans', now)
  await using server = await serveMetrics({ address: '0', env: {}, metrics })
  await expect(serveMetrics({ address: `:${server.port}`, env: {}, metrics })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('addresses are host and port; the host is this machine unless named', () => {
  expect(parseAddress('9464')).toEqual({ host: '127.0.0.1', port: 9464 })
  expect(parseAddress(':9464')).toEqual({ host: '127.0.0.1', port: 9464 })
  expect(parseAddress('[::1]:9464')).toEqual({ host: '::1', port: 9464 })
  expect(parseAddress('metrics.internal:80')).toEqual({ host: 'metrics.internal', port: 80 })
  for (const wrong of ['host', 'a:b:1', 'x:70000', '']) expect(() => parseAddress(wrong)).toThrow('expected host:port')
})

test('a table is counted as held until a registration shows it as it is', () => {
  const metrics = createRunMetrics('loans', now)
  const table = 'public.loan' as TableName
  metrics.take({ kind: 'held', table, shown: 1, newest: 2, since: 'p' as Position, changes: ['column "note" dropped'] })
  expect(metrics.text()).toContain('portage_held{integration="loans",table="public.loan"} 1')
  const registered = {
    kind: 'registered',
    connection: 'duck',
    schema: 'loans',
    commit: 9,
    filesAdded: 1,
    filesRemoved: 0,
  } as const
  metrics.take({ ...registered, held: [table] })
  expect(metrics.text()).toContain('portage_held{integration="loans",table="public.loan"} 1')
  metrics.take({ ...registered, held: [] })
  expect(metrics.text()).not.toContain('portage_held{')
})
