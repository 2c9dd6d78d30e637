/**
 * `portage reconcile` of one large table (source, lake and DuckDB) against one full scan of it: binary COPY into nothing, the least
 * that any comparison outside the server must do, and a scan in the server that makes a text of every value. A run is active, as in life; whole seconds of the command's own report.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import type { ReconcileReport } from '../../integrations/reconcile/report.ts'
import { median, PAYMENT, PAYMENT_ROWS, startBenchServer, timeProgram } from './capture-server.ts'

const ROWS = Number(process.env.PORTAGE_BENCH_ROWS ?? 5_000_000)
const ROUNDS = Number(process.env.PORTAGE_BENCH_ROUNDS ?? 3)
const PORTAGE = fileURLToPath(new URL('../../bin/portage.mjs', import.meta.url))

export async function run(): Promise<void> {
  await using server = await startBenchServer()
  const { client } = server
  await client.query(PAYMENT)
  await client.query(PAYMENT_ROWS, [1, ROWS])
  await client.query('vacuum (freeze, analyze) payment')
  const root = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  try {
    writeConfig(root, server.url)
    await portage(root, 'run', '--until-current')
    const following = start(root, 'run')
    try {
      const limit: number[] = []
      const texts: number[] = []
      const ours = new Map<string, { seconds: number; cpuSeconds: number; peakMb: number }[]>([
        ['reconcile', []],
        ['reconcile --deep', []],
      ])
      for (let round = 0; round < ROUNDS; round++) {
        limit.push(await timeProgram(server, 'psql', ['-qc', 'copy payment to stdout (format binary)']))
        texts.push(await timeScan(client))
        for (const [command, measured] of ours) measured.push(await measure(root, command.split(' ')))
      }
      for (const [command, measured] of ours) {
        const [fast, mine] = [median(limit), median(measured.map(({ seconds }) => seconds))]
        const peak = median(measured.map(({ peakMb }) => peakMb))
        console.log(
          `${command}, ${ROWS} rows x 16 columns, source, lake and DuckDB, median of ${ROUNDS}: one binary COPY ${fast.toFixed(1)} s, ` +
            `one scan that reads every value ${median(texts).toFixed(1)} s, ours ${mine.toFixed(1)} s, ` +
            `ratios ${(mine / fast).toFixed(2)} and ${(mine / median(texts)).toFixed(2)}; peak ${peak.toFixed(0)} MB`,
        )
      }
      console.log(
        JSON.stringify({
          bench: 'reconcile',
          rows: ROWS,
          limitSeconds: limit,
          scanSeconds: texts,
          ours: Object.fromEntries(ours),
        }),
      )
    } finally {
      following.kill('SIGKILL')
      await once(following, 'close')
    }
  } finally {
    await rm(root, { recursive: true })
  }
}

/** One full scan in one process of the server, with every value as text. */
async function timeScan(client: pg.Client): Promise<number> {
  const started = performance.now()
  await client.query('set max_parallel_workers_per_gather = 0')
  await client.query('select count(*), sum(length(t::text)) from payment t')
  return (performance.now() - started) / 1000
}

function writeConfig(root: string, url: string): void {
  mkdirSync(join(root, 'config', 'integrations'), { recursive: true })
  writeFileSync(
    join(root, 'config', 'connections.yaml'),
    `core: {connector: postgres, url: '${url}'}\nlake: {connector: filesystem, path: ${join(root, 'lake')}}\nduck: {connector: duckdb}\n`,
  )
  writeFileSync(
    join(root, 'config', 'integrations', 'bench.yaml'),
    `name: bench\nsource: {connection: core, tables: [public.payment], heartbeat: 1s}\nlake: {connection: lake}\nregister: [{connection: duck, every: 1s}]\n`,
  )
}

function start(root: string, ...argv: readonly string[]) {
  const places = ['--config', join(root, 'config'), '--state', join(root, 'state')]
  return spawn(process.execPath, [PORTAGE, ...argv, ...places], { stdio: ['ignore', 'pipe', 'ignore'] })
}

async function portage(root: string, ...argv: readonly string[]): Promise<string> {
  const child = start(root, ...argv)
  const out: Buffer[] = []
  child.stdout.on('data', (data: Buffer) => out.push(data))
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0) throw new Error(`portage ${argv.join(' ')} ended with ${code}`)
  return Buffer.concat(out).toString()
}

/** Runs the command in a process that tells what it used. */
async function measure(root: string, argv: readonly string[]) {
  const child = fileURLToPath(new URL('reconcile-child.ts', import.meta.url))
  const places = ['--config', join(root, 'config'), '--state', join(root, 'state')]
  const process_ = spawn(process.execPath, [child, ...argv, '--json', ...places], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  process_.stdout.on('data', (data: Buffer) => out.push(data))
  process_.stderr.on('data', (data: Buffer) => err.push(data))
  const [code] = (await once(process_, 'close')) as [number]
  const errors = Buffer.concat(err).toString()
  if (code !== 0) throw new Error(`portage ${argv.join(' ')} ended with ${code}: ${errors}`)
  const report = JSON.parse(Buffer.concat(out).toString()) as ReconcileReport
  if (report.tables[0]?.sourceRows !== ROWS) throw new Error(`Expected ${ROWS} rows, compared ${report.tables[0]?.sourceRows}`)
  const used = JSON.parse(errors.trim().split('\n').at(-1) ?? '{}') as { cpuSeconds: number; peakMb: number }
  return { seconds: report.seconds, ...used }
}
