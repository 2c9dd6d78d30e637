/** Compaction and vacuum over a real PostgreSQL: whatever the tables went through, rows and history stay what they were. */
import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { type Job, openJob } from '../main-job/job.ts'
import { seeded } from '../main-job/random-values.ts'
import { createTables, openWorker } from '../main-job/random-work.ts'

vi.setConfig({ testTimeout: 300_000 })

/** Every `_changes` relation, lines in one order. */
async function history(job: Job): Promise<Readonly<Record<string, readonly string[]>>> {
  const names = (await job.state()).tables
  const found: Record<string, readonly string[]> = {}
  for (const table of Object.keys(names)) {
    const relation = `${table.slice('public.'.length)}_changes`.replaceAll('"', '""')
    const { stdout, stderr } = await job.run('query', `select * from job."${relation}"`, '--format', 'csv')
    expect(stderr).toBe('')
    found[table] = stdout.split('\n').toSorted()
  }
  return found
}

async function succeeds(job: Job, ...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await job.run(...argv)
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return stdout
}

test('random work with changes of shape, compacted and vacuumed again and again', async () => {
  await using job = await openJob()
  const random = seeded(11)
  await createTables(job.db.url, random)
  await using worker = await openWorker(job.db.url, { random })
  const done = { merged: 0, renewed: 0, deleted: 0 }
  for (let round = 0; round < 3; round++) {
    // Several runs, so that there are several files of a day.
    for (let step = 0; step < 9; step++) {
      await worker.step()
      if (step % 3 === 2) await job.catchUp()
    }
    const before = await history(job)
    const compacted = await succeeds(job, 'compact', '--renew', 'always', '--min-files', '2', '--json')
    for (const { merged, renewed } of JSON.parse(compacted) as { merged: { files: number }; renewed: unknown }[]) {
      done.merged += merged.files
      if (renewed !== null) done.renewed++
    }
    await succeeds(job, 'register')
    expect(await history(job)).toEqual(before)
    expect(await job.differences(), worker.told.join('\n')).toEqual([])
    done.deleted += (
      JSON.parse(await succeeds(job, 'vacuum', '--grace', '0s', '--json')) as { deleted: unknown[] }
    ).deleted.length
    expect(await history(job)).toEqual(before)
    expect(await job.differences(), worker.told.join('\n')).toEqual([])
  }
  for (const count of Object.values(done)) expect(count).toBeGreaterThan(0)
})

test('compaction and vacuum beside a run under load in another process', async () => {
  await using job = await openJob()
  await job.db.query(
    `create table t (id int primary key, v text, n bigint); insert into t select i, 'v' || i, i from generate_series(1, 2000) i`,
  )
  await job.db.query(
    `create table bag (x int); alter table bag replica identity full; insert into bag select i % 7 from generate_series(1, 100) i`,
  )
  await using child = job.spawn('run')
  await child.shows('registered')
  let compactions = 0
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 5; i++) {
      await job.db.query(`update t set v = v || '.', n = n + 1 where id % 50 = ${(round * 5 + i) % 50}`)
      await job.db.query(`insert into bag values (${i}), (8); delete from bag where ctid = (select min(ctid) from bag)`)
      await job.db.query(
        `delete from t where id = ${round * 5 + i + 1}; insert into t values (${10_000 + round * 5 + i}, 'new', null)`,
      )
    }
    const { code, stdout, stderr } = await job.run('compact', '--renew', 'always', '--min-files', '2', '--json')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    compactions += (JSON.parse(stdout) as { renewed: unknown }[]).filter(({ renewed }) => renewed !== null).length
    const vacuumed = await job.run('vacuum', '--grace', '0s')
    expect(vacuumed.code, vacuumed.stdout + vacuumed.stderr).toBe(0)
  }
  expect(compactions).toBeGreaterThan(3)
  child.process.kill('SIGTERM')
  const { code, stderr } = await child.ended
  expect(code, stderr).toBe(0)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
  const state = await job.state()
  for (const { base, changes } of Object.values(state.tables)) {
    for (const { key } of [...(base?.files ?? []), ...(base?.renewed?.files ?? []), ...changes]) {
      expect(existsSync(job.root.path(`lake/${key}`)), key).toBe(true)
    }
  }
})

test('a commit that vacuum took files of is refused by name; later ones are read', async () => {
  await using job = await openJob()
  await job.db.query(`create table t (id int primary key, v int); insert into t select i, 0 from generate_series(1, 100) i`)
  await job.catchUp()
  const early = (await job.state()).number
  await job.db.query('update t set v = 1')
  await job.catchUp()
  await job.db.query('update t set v = 2 where id < 50')
  await job.catchUp()
  const before = await succeeds(job, 'query', 'select count(*) from job.t where v = 0', '--at', String(early), '--format', 'csv')
  expect(before).toContain('100')
  await succeeds(job, 'compact', '--renew', 'always', '--min-files', '2')
  // Whoever reads an earlier commit goes on: its files stay until vacuum.
  expect(await succeeds(job, 'query', 'select count(*) from job.t where v = 0', '--at', String(early), '--format', 'csv')).toBe(
    before,
  )
  const behind = await succeeds(job, 'vacuum', '--grace', '0s')
  expect(behind).toMatch(/kept.*warehouse "duck", schema "job", shows commit/)
  await succeeds(job, 'register')
  expect(await succeeds(job, 'vacuum')).toMatch(/kept.*within the grace period/)
  const listed = await succeeds(job, 'vacuum', '--grace', '0s', '--dry-run')
  expect(listed).toMatch(/changes\/date=.*parquet {2}.*replaced by commit/)
  expect(await succeeds(job, 'vacuum', '--grace', '0s')).toContain('deleted')
  expect(await succeeds(job, 'vacuum', '--grace', '0s')).toContain('Nothing to delete')
  // The snapshot's own commit lost nothing but is older than one that did: it cannot be relied on.
  const gone = await job.run('query', 'select 1', '--at', String(early))
  expect(gone.code).toBe(1)
  expect(gone.stderr).toMatch(new RegExp(`Commit ${early} of integration "job" cannot be read any more.*--at \\d+ or later`))
  expect(await job.differences()).toEqual([])
  expect((await job.run('audit')).stdout).toMatch(/compact[\s\S]*vacuum/)
})

test('history begins later when told to, and only then', async () => {
  await using job = await openJob()
  await job.db.query(`create table t (id int primary key, v int); insert into t select i, 0 from generate_series(1, 100) i`)
  await job.catchUp()
  await job.db.query('update t set v = 1')
  await job.catchUp()
  await job.db.query('update t set v = 2 where id < 11')
  await job.db.query('delete from t where id = 1')
  await job.catchUp()
  const refused = await job.run('vacuum', '--drop-history-before', '0s')
  expect(refused.code).toBe(2)
  expect(refused.stderr).toMatch(/still read: warehouse "duck", schema "job", shows it \(1 table\).*--despite-readers/)
  const dropped = await succeeds(job, 'vacuum', '--drop-history-before', '0s', '--despite-readers', '--grace', '0s')
  expect(dropped).toMatch(/public.t: history begins at .*; 111 changes in 2 files left it/)
  await succeeds(job, 'register')
  expect(await job.differences()).toEqual([])
  const counted = await succeeds(job, 'query', 'select count(*) from job.t_changes', '--format', 'csv')
  expect(counted.trim().split('\n').at(-1)).toBe('99')
  await job.db.query('update t set v = 3 where id = 50')
  await job.catchUp()
  expect(await job.differences()).toEqual([])
  await succeeds(job, 'vacuum', '--grace', '0s')
  expect(await job.differences()).toEqual([])
  expect((await job.run('audit')).stdout).toContain('history.drop')
})

test('the YAML may say how long changes stay, and whether readers lose them', async () => {
  for (const told of [true, false]) {
    await using job = await openJob({ more: `retention: {changes: 0s, despite_readers: ${told}}` })
    await job.db.query(`create table t (id int primary key); insert into t values (1), (2)`)
    await job.catchUp()
    await job.db.query('delete from t where id = 1')
    await job.catchUp()
    const { code, stdout, stderr } = await job.run('vacuum')
    if (told) expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/public.t: history begins at/) })
    else expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(/still read/) })
    await succeeds(job, 'register')
    expect(await job.differences()).toEqual([])
  }
})

test('a table that is kept back at an older schema keeps its files and its dropped column', async () => {
  await using job = await openJob({ schemaChanges: '{drop_column: hold}' })
  await job.db.query(
    `create table t (id int primary key, a int, b text); insert into t select i, i, 'b' || i from generate_series(1, 50) i`,
  )
  await job.catchUp()
  await job.db.query(`update t set a = a + 1 where id < 20`)
  await job.catchUp()
  await job.db.query(`update t set b = b || '!' where id < 5`)
  await job.catchUp()
  await job.db.query('alter table t drop b')
  await job.db.query('update t set a = 0 where id = 50')
  await job.run('run', '--until-current')
  const shown = () => succeeds(job, 'query', 'select * from job.t order by id', '--format', 'csv')
  const before = await shown()
  expect(before).toContain('b1!')
  for (let round = 0; round < 2; round++) {
    await succeeds(job, 'compact', '--renew', 'always', '--min-files', '2')
    await job.run('register')
    expect(await shown()).toBe(before)
    const kept = await succeeds(job, 'vacuum', '--grace', '0s')
    expect(kept).toMatch(/needed by a warehouse that keeps a table at its accepted schema/)
    expect(await shown()).toBe(before)
    await job.run('register', '--repair')
    expect(await shown()).toBe(before)
  }
  await succeeds(job, 'apply', 'job')
  await job.run('register')
  const accepted = await shown()
  expect(accepted.split('\n')[0]).toBe('id,a')
  expect(await job.differences()).toEqual([])
  await succeeds(job, 'vacuum', '--grace', '0s')
  expect(await shown()).toBe(accepted)
})
