/** Following a backlog → Parquet against `pg_recvlogical` into nothing, for transactions of 1, 10 and 1000 rows. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CaptureJob, Measured } from './capture-child.ts'
import { measureCapture, median, PAYMENT, PAYMENT_ROWS, startBenchServer, timeProgram } from './capture-server.ts'

const CHANGES = Number(process.env.PORTAGE_BENCH_CHANGES ?? 300_000)
const ROUNDS = Number(process.env.PORTAGE_BENCH_ROUNDS ?? 5)

export async function run(): Promise<void> {
  for (const perTransaction of [1, 10, 1000]) await measure(perTransaction)
}

async function measure(perTransaction: number): Promise<void> {
  await using server = await startBenchServer()
  const { client } = server
  await client.query(PAYMENT)
  await client.query('create publication limit_pub for table payment')
  const lakes: string[] = []
  const job = (round: number): CaptureJob => ({
    url: server.url,
    integration: `f${round}`,
    tables: ['public.payment'],
    lake: lakes[round] ?? '',
    readers: 1,
    part: 'follow',
  })
  for (let round = 0; round < ROUNDS; round++) {
    lakes.push(await mkdtemp(join(tmpdir(), 'portage-bench-')))
    // The first run of each integration copies the empty table and leaves a slot behind that keeps the backlog.
    await measureCapture(job(round))
    await client.query('select pg_create_logical_replication_slot($1, $2)', [`limit_${round}`, 'pgoutput'])
  }
  await client.query('set synchronous_commit = off')
  await client.query(
    `do $$ begin for n in 0..${CHANGES / perTransaction - 1} loop
       ${PAYMENT_ROWS.replace('$1::bigint', `n::bigint * ${perTransaction} + 1`).replace('$2::bigint', `(n::bigint + 1) * ${perTransaction}`)};
       commit; end loop; end $$`,
  )
  const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn')
  const end = rows[0]?.lsn ?? ''
  await client.query(`select pg_switch_wal()`)
  const limit: number[] = []
  const ours: Measured[] = []
  for (let round = 0; round < ROUNDS; round++) {
    limit.push(
      await timeProgram(server, 'pg_recvlogical', [
        ...['-d', server.database, '--slot', `limit_${round}`, '--start', '--no-loop', '-f', '/dev/null', '--endpos', end],
        ...['-o', 'proto_version=2', '-o', 'publication_names=limit_pub', '-o', 'binary=true'],
      ]),
    )
    const measured = await measureCapture(job(round))
    if (measured.rows !== CHANGES) throw new Error(`Expected ${CHANGES} changes, landed ${measured.rows}`)
    ours.push(measured)
  }
  for (const lake of lakes) await rm(lake, { recursive: true })
  const [fast, mine] = [CHANGES / median(limit), CHANGES / median(ours.map(({ seconds }) => seconds))]
  const cpu = CHANGES / median(ours.map(({ cpuSeconds }) => cpuSeconds))
  const peak = median(ours.map(({ peakMb }) => peakMb))
  console.log(
    `follow, transactions of ${perTransaction}, ${CHANGES} changes, median of ${ROUNDS}: ` +
      `pg_recvlogical ${kilo(fast)}, ours ${kilo(mine)} changes/s, ratio ${(mine / fast).toFixed(2)}; ` +
      `${kilo(cpu)} changes per CPU-second, peak ${peak.toFixed(0)} MB`,
  )
  console.log(JSON.stringify({ bench: 'follow', perTransaction, changes: CHANGES, limitSeconds: limit, ours }))
}

const kilo = (perSecond: number): string => `${Math.round(perSecond / 1000)} k`
