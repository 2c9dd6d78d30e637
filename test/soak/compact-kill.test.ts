/**
 * `portage compact` killed again and again beside a run under load, each a process of its own: no row, no history and no file that
 * anybody needs is lost. `PORTAGE_COMPACT_KILLS` says how often.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { originOf } from '../../integrations/land/log/keys.ts'
import { type Job, openJob } from '../integrations/main-job/job.ts'
import { seeded } from '../integrations/main-job/random-values.ts'

const KILLS = Number(process.env.PORTAGE_COMPACT_KILLS ?? 12)
const SEED = Number(process.env.PORTAGE_FUZZ_SEED ?? Math.floor(Math.random() * 1e9))

async function work(job: Job, round: number): Promise<void> {
  for (let i = 0; i < 4; i++) {
    const step = round * 4 + i
    await job.db.query(`update t set v = v || '.', n = n + 1 where id % 40 = ${step % 40}`)
    await job.db.query(`delete from t where id between ${step * 50} and ${step * 50 + 25}`)
    await job.db.query(
      `insert into bag select i % 11 from generate_series(1, 200) i; delete from bag where ctid = (select min(ctid) from bag)`,
    )
  }
}

test(`seed ${SEED}: compaction killed ${KILLS} times`, { timeout: 600_000 }, async () => {
  const random = seeded(SEED)
  await using job = await openJob()
  await job.db.query(
    `create table t (id int primary key, v text, n bigint); insert into t select i, repeat('v', i % 100), i from generate_series(1, 150000) i`,
  )
  await job.db.query(
    `create table bag (x int); alter table bag replica identity full; insert into bag select i % 7 from generate_series(1, 20000) i`,
  )
  await using child = job.spawn('run')
  await child.shows('registered')
  let killed = 0
  for (let round = 0; round < KILLS; round++) {
    await work(job, round)
    await using compaction = job.spawn('compact', '--renew', 'always', '--min-files', '2')
    const ended = await Promise.race([compaction.ended, delay(600 + random.below(3_000), null)])
    if (ended === null) killed++
    else expect(ended.code, ended.stderr).toBe(0)
    compaction.process.kill('SIGKILL')
    await compaction.ended
  }
  expect(killed).toBeGreaterThan(0)
  child.process.kill('SIGTERM')
  const { code, stderr } = await child.ended
  expect(code, stderr).toBe(0)
  await job.catchUp()
  expect(await job.differences()).toEqual([])
  const last = await job.run('compact', '--renew', 'always', '--min-files', '2', '--json')
  expect(last.code, last.stderr).toBe(0)
  expect(last.stdout).toContain('"renewed": {')
  expect((await job.run('register')).code).toBe(0)
  const { code: vacuumed, stdout } = await job.run('vacuum', '--grace', '0s', '--json')
  expect(vacuumed).toBe(0)
  const { deleted, kept } = JSON.parse(stdout) as Record<'deleted' | 'kept', { key: string }[]>
  expect(deleted.length).toBeGreaterThan(0)
  // What is left belongs to compactions that were killed: their intents are young.
  for (const { key } of kept) expect(originOf(job.lake, key)?.writer).toMatch(/^m/)
  expect(await job.differences()).toEqual([])
})
