/**
 * Random schemas, DML and DDL on a real server while runs come, go and are killed: afterwards every table is equal, every change
 * stands once and every file is named. `PORTAGE_FUZZ_SEED` repeats a case, `PORTAGE_FUZZ_CASES` says how many.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Job, openJob } from '../integrations/main-job/job.ts'
import { type Random, seeded } from '../integrations/main-job/random-values.ts'
import { createTables, openWorker } from '../integrations/main-job/random-work.ts'

const CASES = Number(process.env.PORTAGE_FUZZ_CASES ?? 20)
const SEED = process.env.PORTAGE_FUZZ_SEED === undefined ? null : Number(process.env.PORTAGE_FUZZ_SEED)
const MODES = ['backlog', 'stopped', 'killed'] as const

for (let i = 0; i < (SEED === null ? CASES : 1); i++) {
  const seed = SEED ?? Math.floor(Math.random() * 1e9)
  const mode = MODES[seed % MODES.length] ?? 'backlog'
  test(`seed ${seed}: source = lake, ${mode}`, { timeout: 300_000 }, async () => {
    const random = seeded(seed)
    await using job = await openJob()
    await createTables(job.db.url, random)
    await using worker = await openWorker(job.db.url, { random })
    try {
      for (let round = 0; round < 3; round++) {
        await work(job, mode, random, () => worker.step())
        await settle(job)
        expect(await job.differences(), `seed ${seed}, round ${round}`).toEqual([])
      }
    } catch (error) {
      console.log(
        `seed ${seed}\n${worker.told.map((sql) => sql.replace(/(values .{200}).*?( on conflict|$)/g, '$1…$2')).join(';\n')}`,
      )
      throw error
    }
  })
}

async function work(job: Job, mode: (typeof MODES)[number], random: Random, step: () => Promise<void>): Promise<void> {
  const steps = 5 + random.below(25)
  if (mode === 'backlog') {
    for (let i = 0; i < steps; i++) await step()
    return
  }
  await using child = job.spawn('run')
  await Promise.race([delay(random.below(2500)), child.ended])
  for (let i = 0; i < steps; i++) {
    await step()
    if (random.chance(0.2)) await delay(random.below(300))
  }
  child.process.kill(mode === 'killed' ? 'SIGKILL' : 'SIGTERM')
  const { code, stderr } = await Promise.race([child.ended, delay(20_000, null)]).then((ended) => {
    if (ended === null) throw new Error(`run does not stop: ${child.stderr()}`)
    return ended
  })
  if (code !== null && code !== 0 && !refused(stderr)) throw new Error(`run ended with ${code}: ${stderr}`)
}

const refused = (stderr: string): boolean => /portage resync/.test(stderr) || /Cure:/.test(stderr)

/** Until current; what cannot be told apart is refused with a cure, which is taken. */
async function settle(job: Job): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const { code, stderr } = await job.run('run', '--until-current', '--verbose')
    if (code === 0) return
    if (attempt >= 3) throw new Error(stderr)
    const [, identity] = /(alter table \S+ replica identity \w+)/.exec(stderr) ?? []
    if (identity !== undefined) {
      for (const [sql] of stderr.matchAll(/alter table \S+ replica identity \w+/g)) await job.db.query(sql)
      continue
    }
    const cure = /portage resync (\S+) --all/.test(stderr) || /Run "portage resync" for the table/.test(stderr)
    if (!cure) throw new Error(stderr)
    console.log(`resync after: ${stderr.split('\n').find((line) => line.includes('resync'))}`)
    const resync = await job.run('resync', 'job', '--all')
    if (resync.code !== 0) throw new Error(resync.stderr)
  }
}
