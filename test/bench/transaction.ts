/**
 * One large transaction: peak resident memory of capture as it grows, and the time from its commit in the source to the
 * commit in the lake while a run follows.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CaptureJob, Measured } from './capture-child.ts'
import { type BenchServer, measureCapture, PAYMENT, PAYMENT_ROWS, startBenchServer } from './capture-server.ts'

const MILLION = 1_000_000
const SIZES = (process.env.PORTAGE_BENCH_TRANSACTION_ROWS ?? '500000,2000000').split(',').map(Number)
const TABLES = 200

type Case = {
  readonly name: string
  readonly tables: readonly string[]
  readonly prepare: (server: BenchServer, rows: number) => Promise<void>
  readonly work: (server: BenchServer, rows: number) => Promise<void>
}

const CASES: readonly Case[] = [
  {
    name: 'inserts',
    tables: ['public.payment'],
    prepare: async ({ client }) => void (await client.query(PAYMENT)),
    work: async ({ client }, rows) => void (await client.query(PAYMENT_ROWS, [1, rows])),
  },
  {
    name: 'updates',
    tables: ['public.payment'],
    prepare: async ({ client }, rows) => {
      await client.query(PAYMENT)
      await client.query(PAYMENT_ROWS, [1, rows])
    },
    work: async ({ client }) => void (await client.query('update payment set attempts = attempts + 1')),
  },
  {
    name: `inserts into ${TABLES} tables`,
    tables: ['public.*'],
    prepare: async ({ client }) => {
      for (let n = 0; n < TABLES; n++) await client.query(PAYMENT.replace('payment', `payment_${n}`))
    },
    work: async ({ client }, rows) => {
      await client.query('begin')
      // In turns, so that every table has rows open all the time.
      const piece = 100
      for (let from = 1; from <= rows; from += piece * TABLES) {
        await client.query(
          `do $$ begin for n in 0..${TABLES - 1} loop execute format('${PAYMENT_ROWS.replace('payment', 'payment_%s')
            .replaceAll("'", "''")
            .replace('$1', String(from))
            .replace('$2', String(from + piece - 1))
            .replaceAll(' % ', ' %% ')}', n); end loop; end $$`,
        )
      }
      await client.query('commit')
    },
  },
]

export async function run(): Promise<void> {
  const only = process.env.PORTAGE_BENCH_CASE
  for (const each of CASES) {
    if (only !== undefined && !each.name.startsWith(only)) continue
    for (const rows of SIZES) await measure(each, rows)
  }
}

async function measure(each: Case, rows: number): Promise<void> {
  await using server = await startBenchServer()
  const lakes: string[] = []
  const job = async (integration: string, untilRows?: number): Promise<CaptureJob> => {
    const lake = await mkdtemp(join(tmpdir(), 'portage-bench-'))
    lakes.push(lake)
    const { tables } = each
    const part = 'follow'
    return { url: server.url, integration, tables, lake, readers: 1, part, ...(untilRows === undefined ? {} : { untilRows }) }
  }
  await each.prepare(server, rows)
  // Two integrations: one follows while the transaction is made, the other finds it in its backlog.
  const backlog = await job('backlog')
  await measureCapture(backlog)
  const live = await job('live')
  await measureCapture(live)
  const times = { began: 0, committed: 0 }
  const following = measureCapture({ ...live, untilRows: rows }, () => {
    times.began = Date.now()
    void each.work(server, rows).then(() => {
      times.committed = Date.now()
    })
  })
  const followed: Measured = await following
  const caught = await measureCapture(backlog)
  for (const lake of lakes) await rm(lake, { recursive: true })
  const size = `${(rows / MILLION).toFixed(1)} M ${each.name}`
  const took = ((times.committed - times.began) / 1000).toFixed(1)
  const latency = (followed.at - times.committed) / 1000
  console.log(
    `transaction of ${size} (took the source ${took} s): landed ${latency.toFixed(1)} s after its commit, peak ${followed.peakMb.toFixed(0)} MB, ` +
      `${followed.cpuSeconds.toFixed(1)} s CPU; from a backlog ${caught.seconds.toFixed(1)} s, peak ${caught.peakMb.toFixed(0)} MB`,
  )
  if (followed.rows !== rows || caught.rows !== rows)
    throw new Error(`Expected ${rows} rows, landed ${followed.rows} and ${caught.rows}`)
  console.log(JSON.stringify({ bench: 'transaction', case: each.name, rows, ...times, followed, caught }))
}
