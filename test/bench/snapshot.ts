/** Snapshot to Parquet against a binary COPY of the same table to nowhere, with as many readers. */
import { rm } from 'node:fs/promises'
import type { BenchRound, Scenario } from './main.ts'
import { measure, measurePortage } from './measure.ts'
import { benchConfig, PAYMENT_DDL, paymentRows, startBenchServer } from './setting.ts'

export const snapshot: Scenario = async ({ rows, rounds, readers, say }) => {
  await using bench = await startBenchServer()
  const { client, server, program } = bench
  await client.query(PAYMENT_DDL)
  await client.query(paymentRows(1, rows))
  await client.query('vacuum freeze analyze payment')
  const { rows: sizes } = await client.query<{ pages: number }>(
    "select relpages as pages from pg_class where relname = 'payment'",
  )
  const pages = sizes[0]?.pages ?? 0
  const copies = Array.from({ length: readers }, (_, i) => {
    const [from, to] = [Math.floor((pages * i) / readers), Math.floor((pages * (i + 1)) / readers)]
    return `copy (select * from payment where ctid >= '(${from},0)' and ctid < '(${to},0)') to stdout (format binary)`
  })
  const done: BenchRound[] = []
  for (let round = 1; round <= rounds; round += 1) {
    const limits = await Promise.all(
      copies.map((sql) =>
        measure('sh', ['-c', 'exec "$0" "$1" --no-psqlrc --quiet --command "$2" > /dev/null', program('psql'), server.url, sql]),
      ),
    )
    const limit = Math.max(...limits.map(({ seconds }) => seconds))
    const config = await benchConfig(`snapshot_${round}`, server.url, readers)
    const ours = await measurePortage([...config.args, 'run', config.name, '--once', '--json'])
    const { seconds } = JSON.parse(ours.stdout) as { seconds: number }
    await measurePortage([...config.args, 'remove', config.name, '--yes'])
    await rm(config.dir, { recursive: true, force: true })
    done.push({ limit: rows / limit, ours: rows / seconds, perCpuSecond: rows / ours.cpuSeconds, peakBytes: ours.peakBytes })
    await say(done)
  }
  return done
}
