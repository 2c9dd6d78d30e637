/** Snapshot → Parquet against what PostgreSQL can send: binary COPY into nothing, with one reader and with two. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Measured } from './capture-child.ts'
import { measureCapture, median, PAYMENT, PAYMENT_ROWS, startBenchServer, timeProgram } from './capture-server.ts'

const ROWS = Number(process.env.PORTAGE_BENCH_ROWS ?? 2_000_000)
const ROUNDS = Number(process.env.PORTAGE_BENCH_ROUNDS ?? 5)

export async function run(): Promise<void> {
  await using server = await startBenchServer()
  const { client } = server
  await client.query(PAYMENT)
  await client.query(PAYMENT_ROWS, [1, ROWS])
  await client.query('vacuum (freeze, analyze) payment')
  const { rows } = await client.query<{ half: number }>(`select relpages / 2 as half from pg_class where relname = 'payment'`)
  const half = rows[0]?.half ?? 0
  const copy = (where: string): readonly string[] => ['-qc', `copy (select * from payment ${where}) to stdout (format binary)`]
  const limits = {
    1: () => timeProgram(server, 'psql', ['-qc', 'copy payment to stdout (format binary)']),
    2: async () =>
      Math.max(
        ...(await Promise.all([
          timeProgram(server, 'psql', copy(`where ctid < '(${half},0)'::tid`)),
          timeProgram(server, 'psql', copy(`where ctid >= '(${half},0)'::tid`)),
        ])),
      ),
  } as const
  for (const readers of [1, 2] as const) {
    const limit: number[] = []
    const ours: Measured[] = []
    for (let round = 0; round < ROUNDS; round++) {
      limit.push(await limits[readers]())
      const lake = await mkdtemp(join(tmpdir(), 'portage-bench-'))
      const integration = `s${readers}_${round}`
      const measured = await measureCapture({
        url: server.url,
        integration,
        tables: ['public.payment'],
        lake,
        readers,
        part: 'snapshot',
      })
      if (measured.rows !== ROWS) throw new Error(`Expected ${ROWS} rows, landed ${measured.rows}`)
      ours.push(measured)
      await client.query('select pg_drop_replication_slot($1)', [`portage_${integration}`])
      await client.query(`drop publication portage_${integration}`)
      await rm(lake, { recursive: true })
    }
    const [fast, mine] = [ROWS / median(limit), ROWS / median(ours.map(({ seconds }) => seconds))]
    const cpu = ROWS / median(ours.map(({ cpuSeconds }) => cpuSeconds))
    const peak = median(ours.map(({ peakMb }) => peakMb))
    console.log(
      `snapshot, ${readers} reader${readers > 1 ? 's' : ''}, ${ROWS} rows x 16 columns, median of ${ROUNDS}: ` +
        `binary COPY ${kilo(fast)}, ours ${kilo(mine)} rows/s, ratio ${(mine / fast).toFixed(2)}; ` +
        `${kilo(cpu)} rows per CPU-second, peak ${peak.toFixed(0)} MB`,
    )
    console.log(JSON.stringify({ bench: 'snapshot', readers, rows: ROWS, limitSeconds: limit, ours }))
  }
}

const kilo = (perSecond: number): string => `${Math.round(perSecond / 1000)} k`
