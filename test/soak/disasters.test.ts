/** What happens to servers and disks while `portage run` works: it recovers by itself, or ends with a cure and nothing lost. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { openJob } from '../integrations/main-job/job.ts'
import { startTestPostgres } from '../support/postgres.ts'

const LOANS = `create table t (id int primary key, v text); insert into t select n, 'v' || n from generate_series(1, 5000) n`

test('the server is restarted under a run, fast and by a crash: the run goes on by itself', async () => {
  await using server = await startTestPostgres()
  await using db = await server.createDatabase()
  await using job = await openJob({ db })
  await db.query(LOANS)
  await using child = job.spawn('run')
  await child.shows('registered')
  for (const mode of ['fast', 'immediate'] as const) {
    await server.restart(mode)
    const client = await db.connect()
    await client.query(`insert into t select (select max(id) from t) + n, '${mode}' from generate_series(1, 100) n`)
    await client.query(`update t set v = v || '!' where id % 7 = 0`)
    // The change that came after the restart is shown: the run has found the server again.
    await child.shows(mode === 'fast' ? /(registered[\s\S]*){2}/ : /(registered[\s\S]*){3}/)
    expect(child.process.exitCode).toBeNull()
    await client.end()
  }
  child.process.kill('SIGTERM')
  expect((await child.ended).code).toBe(0)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
}, 120_000)

test('the server comes back from an older copy: refused with the cure, and exact after it', async () => {
  const dir = join(tmpdir(), `portage-old-${process.pid}`)
  let server = await startTestPostgres({ dir })
  const { port } = server
  const db = await server.createDatabase()
  const query = async (sql: string): Promise<void> => {
    const session = new pg.Client({ connectionString: db.url })
    await session.connect()
    await session.query(sql)
    await session.end()
  }
  try {
    await using job = await openJob({ db })
    await query(LOANS)
    await job.catchUp()
    await server.stop('fast')
    execFileSync('cp', ['-a', server.dir, `${dir}-copy`])
    server = await startTestPostgres({ dir, port })
    await query(`update t set v = repeat('later', 50)`)
    await job.catchUp()
    await server.stop('fast')
    execFileSync('rm', ['-rf', server.dir])
    execFileSync('mv', [`${dir}-copy`, server.dir])
    server = await startTestPostgres({ dir, port })
    await query(`insert into t values (-5, 'only here')`)
    const refused = await job.run('run', '--until-current')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/restored from an older copy/) })
    expect((await job.run('resync', 'job', '--all')).code).toBe(0)
    await job.catchUp()
    expect(await job.differences()).toEqual([])
  } finally {
    await server.stop('immediate')
    rmSync(server.dir, { recursive: true, force: true })
  }
}, 120_000)

// Mounts a small file system, for which it must run as root.
test('a full disk ends the run with a clear error; with room again nothing is missing', async () => {
  await using job = await openJob()
  const lake = job.root.path('lake')
  mkdirSync(lake, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', lake])
  try {
    await job.db.query(`create table t (id int primary key, v text);
      insert into t select n, md5(n::text) || md5((n * 7)::text) from generate_series(1, 5000) n`)
    await job.catchUp()
    await job.db.query(`insert into t select n, md5(n::text) || md5((n * 7)::text) from generate_series(10000, 60000) n`)
    const full = await job.run('run', '--until-current')
    expect(full).toMatchObject({ code: 1, stderr: expect.stringMatching(/full|space/i) })
    execFileSync('mount', ['-o', 'remount,size=64m', lake])
    await job.catchUp()
    expect(await job.differences()).toEqual([])
  } finally {
    execFileSync('umount', [lake])
  }
}, 60_000)

test('a slot that outgrew max_slot_wal_keep_size is refused as lost, and cured', async () => {
  await using server = await startTestPostgres({
    settings: { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '48MB' },
  })
  await using db = await server.createDatabase()
  await using job = await openJob({ db })
  await db.query(LOANS)
  await job.catchUp()
  for (let i = 0; i < 6; i++) {
    await db.query(
      `create table filler as select repeat(md5(n::text), 20) as v from generate_series(1, 20000) n; drop table filler`,
    )
    await db.query('select pg_switch_wal()')
    await db.query('checkpoint')
  }
  await db.query(`update t set v = 'changed' where id < 100`)
  const lost = await job.run('run', '--until-current')
  expect(lost).toMatchObject({ code: 1, stderr: expect.stringMatching(/was invalidated|wal_status=lost/) })
  expect((await job.run('status')).stdout).toMatch(/wal_status=lost/)
  expect((await job.run('resync', 'job', '--all')).code).toBe(0)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
}, 60_000)

test('a transaction that is open while the slot is created is named, and waited for', async () => {
  await using job = await openJob()
  await job.db.query(LOANS)
  const other = await job.db.connect()
  await other.query(`begin; insert into t values (-1, 'open')`)
  const [{ pid }] = (await other.query('select pg_backend_pid() as pid')).rows as [{ pid: number }]
  await using child = job.spawn('run', '--until-current')
  await child.shows(new RegExp(`waits for transactions .*pid ${pid}`))
  expect(child.process.exitCode).toBeNull()
  await other.query('commit')
  expect((await child.ended).code).toBe(0)
  expect(await job.differences()).toEqual([])
}, 60_000)

test('tables rewritten between chunks start over and end equal', async () => {
  await using job = await openJob()
  await job.db.query(
    `create table t (id int primary key, v text); insert into t select n, repeat(md5(n::text), 8) from generate_series(1, 400000) n`,
  )
  await job.db.query(
    `create table bag (v text); alter table bag replica identity full; insert into bag select md5(n::text) from generate_series(1, 300000) n`,
  )
  await using child = job.spawn('run', '--until-current')
  await child.shows('snapshot:')
  await job.db.query(`vacuum full t`)
  await job.db.query(`alter table bag alter v type text using v || '!'`)
  await job.db.query(`update t set v = 'x' where id % 1000 = 0`)
  expect(await child.ended).toMatchObject({ code: 0 })
  await job.catchUp()
  expect(await job.differences()).toEqual([])
}, 120_000)

test('a transaction of a million rows passes in bounded memory', async () => {
  await using job = await openJob()
  await job.db.query(LOANS)
  await job.catchUp()
  await job.db.query(`insert into t select n, md5(n::text) from generate_series(10000, 1009999) n`)
  await using child = job.spawn('run', '--until-current')
  let peak = 0
  const sampling = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.process.pid}/status`, 'utf8')
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
    } catch {
      // It has ended.
    }
  }, 100)
  const ended = await child.ended
  clearInterval(sampling)
  expect(ended).toMatchObject({ code: 0 })
  console.log(`peak memory ${peak.toFixed(0)} MiB`)
  expect(await job.differences()).toEqual([])
  expect(peak).toBeLessThan(768)
}, 120_000)
