/**
 * Random schemas, DML and DDL on a real server under random policies, with compaction and vacuum between: tables that are not held are
 * equal to the source, held ones show the same rows whatever happens, and after apply everything is equal.
 * `PORTAGE_FUZZ_SEED` repeats a case, `PORTAGE_FUZZ_CASES` says how many.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { heldTables } from '../../integrations/register/held-tables.ts'
import { stateRelationNames } from '../../integrations/register/registration.ts'
import { type Job, openJob } from '../integrations/main-job/job.ts'
import { type Random, seeded } from '../integrations/main-job/random-values.ts'
import { createTables, openWorker } from '../integrations/main-job/random-work.ts'

const CASES = Number(process.env.PORTAGE_FUZZ_CASES ?? 10)
const SEED = process.env.PORTAGE_FUZZ_SEED === undefined ? null : Number(process.env.PORTAGE_FUZZ_SEED)
const KINDS = ['add_table', 'add_column', 'drop_column', 'rename_column', 'widen_column', 'narrow_column', 'change_key'] as const

for (let i = 0; i < (SEED === null ? CASES : 1); i++) {
  const seed = SEED ?? Math.floor(Math.random() * 1e9)
  test(`seed ${seed}: held tables stand still, all others follow`, { timeout: 300_000 }, async () => {
    const random = seeded(seed)
    const policies = KINDS.map((kind) => `${kind}: ${random.chance(0.5) ? 'hold' : 'apply'}`)
    await using job = await openJob({ schemaChanges: `{${policies.join(', ')}, drop_table: hold, recreate_table: hold}` })
    await createTables(job.db.url, random)
    await using worker = await openWorker(job.db.url, { random })
    await settle(job)
    try {
      let still: ReadonlyMap<string, string> = new Map()
      for (let round = 0; round < 4; round++) {
        await work(job, random, () => worker.step())
        await settle(job)
        if (random.chance(0.4)) await well(job, 'compact', '--min-files', '2', '--renew', 'always')
        if (random.chance(0.4)) await well(job, 'vacuum', '--grace', '0s')
        await well(job, 'register')
        still = await standStill(job, still, `seed ${seed}, round ${round}`)
        expect(await othersDiffer(job), `seed ${seed}, round ${round}`).toEqual([])
        if (random.chance(0.3)) {
          await well(job, 'apply', 'job')
          await settle(job)
        }
      }
      await well(job, 'apply', 'job')
      await settle(job)
      await well(job, 'apply', 'job')
      await settle(job)
      expect(await job.differences(), `seed ${seed}, at the end`).toEqual([])
    } catch (error) {
      console.log(
        `seed ${seed} ${policies.join(', ')}\n${worker.told.map((sql) => sql.replace(/(values .{200}).*?( on conflict|$)/g, '$1…$2')).join(';\n')}`,
      )
      throw error
    }
  })
}

async function work(job: Job, random: Random, step: () => Promise<void>): Promise<void> {
  const steps = 5 + random.below(15)
  await using child = random.chance(0.5) ? job.spawn('run') : null
  if (child !== null) await Promise.race([delay(random.below(2000)), child.ended])
  for (let i = 0; i < steps; i++) await step()
  child?.process.kill(random.chance(0.5) ? 'SIGKILL' : 'SIGTERM')
  await child?.ended
}

/** Every held relation shows what it showed before, while the same version is shown. */
async function standStill(job: Job, before: ReadonlyMap<string, string>, when: string): Promise<ReadonlyMap<string, string>> {
  const state = await job.state()
  const names = stateRelationNames(state)
  const now = new Map<string, string>()
  for (const { table, shown } of heldTables(state)) {
    if (shown === 0 || state.tables[table]?.shown?.base === null) continue
    const relation = (names.get(table) ?? '').replaceAll('"', '""')
    const rows: string[] = []
    for (const name of [relation, `${relation}_changes`]) {
      const { code, stdout, stderr } = await job.run('query', `select * from job."${name}"`, '--format', 'json')
      if (code !== 0) throw new Error(`${when}: ${table} is held and cannot be queried: ${stderr}`)
      rows.push(...stdout.split('\n').toSorted())
    }
    const until = state.tables[table]?.shown?.until
    now.set(`${table} at version ${shown} until ${until}`, rows.join('\n'))
  }
  for (const [key, rows] of now) {
    const earlier = before.get(key)
    if (earlier !== undefined && earlier !== rows) throw new Error(`${when}: ${key} changed while it is held`)
  }
  return now
}

async function othersDiffer(job: Job): Promise<readonly string[]> {
  const held = heldTables(await job.state()).map(({ table }) => table)
  const differences = await job.differences()
  return differences.filter((line) => !held.some((table) => line.startsWith(`${table} `) || line.startsWith(`${table}:`)))
}

async function well(job: Job, ...argv: readonly string[]): Promise<void> {
  const { code, stderr } = await job.run(...argv)
  if (code !== 0 && code !== 3) throw new Error(`portage ${argv.join(' ')} ended with ${code}: ${stderr}`)
}

/** Until current; what cannot be told apart is refused with a cure, which is taken. */
async function settle(job: Job): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const { code, stderr } = await job.run('run', '--until-current', '--verbose')
    if (code === 0 || code === 3) return
    if (attempt >= 3) throw new Error(stderr)
    const identities = [...stderr.matchAll(/alter table \S+ replica identity \w+/g)]
    for (const [sql] of identities) await job.db.query(sql)
    if (identities.length > 0) continue
    if (!/portage resync (\S+) --all/.test(stderr) && !/Run "portage resync" for the table/.test(stderr)) throw new Error(stderr)
    await well(job, 'resync', 'job', '--all')
  }
}
