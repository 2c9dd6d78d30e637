/** Compaction over a real PostgreSQL: whatever the tables went through, rows and history are the same before and after. */
import { expect, test } from 'vitest'
import { type Job, openJob } from '../main-job/job.ts'
import { seeded } from '../main-job/random-values.ts'
import { createTables, openWorker } from '../main-job/random-work.ts'

/** Every `_changes` relation, rows in one order. */
async function history(job: Job): Promise<Readonly<Record<string, readonly string[]>>> {
  const shown = await job.run(
    'query',
    "select table_name from information_schema.tables where table_schema = 'job' and table_name like '%\\_changes' escape '\\' order by 1",
    '--format',
    'json',
  )
  const lines = shown.stdout.trimEnd().split('\n')
  const names = lines.map((line) => (JSON.parse(line) as { table_name: string }).table_name)
  const found: Record<string, readonly string[]> = {}
  for (const name of names) {
    const { stdout, stderr } = await job.run('query', `select * from job."${name.replaceAll('"', '""')}"`, '--format', 'csv')
    expect(stderr).toBe('')
    found[name] = stdout.split('\n').toSorted()
  }
  return found
}

test.each([11, 12, 13])(
  'random work with changes of shape, compacted again and again (seed %i)',
  { timeout: 120_000 },
  async (seed) => {
    await using job = await openJob()
    const random = seeded(seed)
    await createTables(job.db.url, random)
    await using worker = await openWorker(job.db.url, { random })
    for (let round = 0; round < 4; round++) {
      // Several runs, so that there are several files of a day.
      for (let step = 0; step < 12; step++) {
        await worker.step()
        if (step % 4 === 3) await job.catchUp()
      }
      const before = await history(job)
      expect(Object.keys(before).length).toBeGreaterThan(0)
      const compacted = await job.run('compact', '--renew', 'always', '--min-files', '2', '--json')
      expect(compacted.stderr).toBe('')
      expect(compacted.code).toBe(0)
      expect((await job.run('register')).code).toBe(0)
      expect(await history(job)).toEqual(before)
      expect(await job.differences(), worker.told.join('\n')).toEqual([])
    }
  },
)
