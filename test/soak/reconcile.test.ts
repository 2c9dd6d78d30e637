/**
 * `portage reconcile`, over and over, beside a run under load: large values that the log does not repeat, tables that change their
 * shape, are emptied, made anew. Every report must say "equal". `PORTAGE_SOAK_SECONDS` says how long.
 */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import type { ReconcileReport } from '../../integrations/reconcile/report.ts'
import { openJob } from '../integrations/main-job/job.ts'
import { fill, SCHEMA, startLoad } from './write-load.ts'

const SECONDS = Number(process.env.PORTAGE_SOAK_SECONDS ?? 600)

const SHAPES: readonly string[] = [
  `alter table account add column extra text default 'none'`,
  `update account set extra = 'some' where id % 5 = 0`,
  `alter table account rename column extra to more`,
  `alter table account alter column note set storage main`,
  `alter table account drop column more`,
  `truncate mark; insert into mark select i, 'again' from generate_series(1, 300) i`,
  `alter table account alter column note set storage external`,
  `create table if not exists late (id int primary key, v text); insert into late select i, 'v' from generate_series(1, 50) i on conflict do nothing`,
  `alter table ledger add column kind varchar(5) not null default 'a'`,
  `vacuum full ledger`,
  `alter table ledger drop column kind`,
  `delete from late where id % 2 = 0`,
]

test('no false alarm under load, with changes of shape and values out of line', { timeout: (SECONDS + 600) * 1000 }, async () => {
  await using job = await openJob({ source: ', heartbeat: 1s' })
  await job.db.query(SCHEMA)
  await fill(job.db.client, 300)
  await job.catchUp()
  await using run = job.spawn('run')
  await run.shows('follow')
  await using load = startLoad(job.db.url, { writers: 2, rows: 300, random: Math.random })
  const stop = new AbortController()
  const shaping = reshape(job.db.url, stop.signal)
  const until = Date.now() + SECONDS * 1000
  const verdicts = new Map<string, number>()
  try {
    for (let round = 0; Date.now() < until; round++) {
      const options = round % 3 === 2 ? ['--deep'] : []
      const { code, stdout, stderr } = await job.run('reconcile', '--json', ...options)
      if (!stdout.startsWith('{')) throw new Error(`reconcile ended with ${code}: ${stderr}\nrun: ${run.stderr().slice(-3000)}`)
      const report = JSON.parse(stdout) as ReconcileReport
      for (const { table, verdict, reason, sides, files } of report.tables) {
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
        if (verdict !== 'equal') console.log(round, table, verdict, reason, JSON.stringify({ sides, files }).slice(0, 1500))
        expect(['equal', 'moving', 'skipped'], `round ${round}: ${table}`).toContain(verdict)
      }
    }
  } finally {
    stop.abort()
    await shaping
  }
  console.log(`${load.transactions} transactions; tables: ${JSON.stringify(Object.fromEntries(verdicts))}`)
  await load.stop()
  expect(verdicts.get('equal') ?? 0).toBeGreaterThan(5)
})

async function reshape(url: string, signal: AbortSignal): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`set lock_timeout = '2s'`)
  for (let step = 0; !signal.aborted; step++) {
    const shape = SHAPES[step % SHAPES.length] ?? ''
    for (const sql of shape.split('; ')) {
      await client.query(sql).catch((error: unknown) => {
        // Beside writers a lock may not be had in time, and what an earlier step left out is not there.
        if (!(error instanceof pg.DatabaseError) || !['55P03', '40P01', '42701', '42703'].includes(error.code ?? '')) throw error
      })
    }
    await delay(1_500, undefined, { signal }).catch(() => undefined)
  }
  await client.end()
}
