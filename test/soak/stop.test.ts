/** `portage run`, asked to stop at any moment: it ends within seconds, in good order. `PORTAGE_SOAK_STOPS` says how often. */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openJob } from '../integrations/main-job/job.ts'

const STOPS = Number(process.env.PORTAGE_SOAK_STOPS ?? 40)

test('a run that is asked to stop does so within seconds', { timeout: 600_000 }, async () => {
  for (let stop = 0; stop < STOPS; stop++) {
    await using job = await openJob()
    await job.db.query(
      Array.from(
        { length: 4 },
        (_, i) =>
          `create table t${i} (id int primary key, v text); insert into t${i} select n, 'v' from generate_series(1, 20) n`,
      ).join(';'),
    )
    await using child = job.spawn('run')
    await child.shows(stop % 3 === 0 ? 'claim' : stop % 3 === 1 ? 'follow' : 'snapshot')
    await delay(Math.random() * 150)
    child.process.kill('SIGTERM')
    const ended = await Promise.race([child.ended, delay(12_000, null)])
    if (ended === null) {
      const rows = await job.db.query(
        `select pid, application_name, state, wait_event_type, wait_event, backend_type, left(query, 150) as query from pg_stat_activity where datname = current_database()`,
      )
      console.log(JSON.stringify(rows, null, 1))
      child.process.kill('SIGUSR2')
      await delay(1000)
    }
    expect(ended, `stop ${stop}: ${child.stderr()}`).toMatchObject({ code: 0 })
  }
})
