/**
 * `portage reconcile` of one large table (source, lake and DuckDB) against one full scan of it. The limit is a scan in one process of
 * the server that reads every value of every row: `sum(hashtext(t::text))`. Beside it: binary COPY into nothing, and the very
 * checksum that the server computes for us, alone. A run is active, as in life; whole seconds of the command's own report.
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
import { openTestSource } from '../support/postgres-source.ts'
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
      const scans = { scan: [] as number[], copy: [] as number[], checksum: [] as number[] }
      const ours = new Map<string, { seconds: number; cpuSeconds: number; peakMb: number }[]>([
        ['reconcile', []],
        ['reconcile --deep', []],
      ])
      for (let round = 0; round < ROUNDS; round++) {
        scans.scan.push(await timeQuery(client, 'select count(*), sum(hashtext(t::text)) from payment t'))
        for (const [command, measured] of ours) {
          if (round === 0 || command === 'reconcile') measured.push(await measure(root, command.split(' ')))
        }
        scans.copy.push(await timeProgram(server, 'psql', ['-qc', 'copy payment to stdout (format binary)']))
        scans.checksum.push(await timeChecksum(server.url))
      }
      const { scan, copy, checksum } = { scan: median(scans.scan), copy: median(scans.copy), checksum: median(scans.checksum) }
      for (const [command, measured] of ours) {
        const mine = median(measured.map(({ seconds }) => seconds))
        const [cpu, peak] = [median(measured.map(({ cpuSeconds }) => cpuSeconds)), median(measured.map(({ peakMb }) => peakMb))]
        console.log(
          `${command}, ${ROWS} rows x 16 columns, source, lake and DuckDB, median of ${measured.length}: ours ${mine.toFixed(1)} s (${cpu.toFixed(1)} s CPU); ` +
            `one scan that reads every value ${scan.toFixed(1)} s, ratio ${(mine / scan).toFixed(2)}; ` +
            `binary COPY ${copy.toFixed(1)} s, ratio ${(mine / copy).toFixed(2)}; ` +
            `the server's checksum alone ${checksum.toFixed(1)} s, ratio ${(mine / checksum).toFixed(2)}; peak ${peak.toFixed(0)} MB`,
        )
      }
      console.log(
        JSON.stringify({
          bench: 'reconcile',
          rows: ROWS,
          limitSeconds: scans,
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

/** In one process of the server. */
async function timeQuery(client: pg.Client, sql: string): Promise<number> {
  const started = performance.now()
  await client.query('set max_parallel_workers_per_gather = 0')
  await client.query(sql)
  return (performance.now() - started) / 1000
}

/** What the connector asks the server for, one chunk after the other. */
async function timeChecksum(url: string): Promise<number> {
  const signal = AbortSignal.timeout(600_000)
  await using source = openTestSource(url, { scope: { tables: ['public.payment'] } })
  const { tables } = await source.describe(signal)
  await using snapshot = await source.holdSnapshot(signal, () => {})
  const started = performance.now()
  for (const table of tables) {
    const columns = table.columns.map(({ id }) => id)
    for (const chunk of await source.planChunks(table, signal)) {
      await source.checksum({ table, chunk, token: snapshot.token, columns, key: table.key, digits: 0 }, signal)
    }
  }
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
