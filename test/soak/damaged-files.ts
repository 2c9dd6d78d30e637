/**
 * `node test/soak/damaged-files.ts orc|parquet [seconds] [seed]`: reads mutated files until the time is over. A finding is anything but a
 * sound reading or an error of ours: another exception, more than two seconds of CPU, more than a gigabyte, a loop.
 */
import { setImmediate } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Random, type Reading, randomOf } from '../support/damage.ts'

const MAX_CPU_MS = 2_000
const MAX_BYTES = 1024 * 1024 * 1024
/** A case that takes longer than this on the wall is a loop. */
const STUCK_MS = 60_000

export type DamagedFormat = 'orc' | 'parquet'

type Task = { readonly format: DamagedFormat; readonly seconds: number; readonly seed: number }

type Report = {
  readonly seed: number
  readonly cases: number
  readonly read: number
  readonly slowestMs: number
  readonly finding: string | null
}

if (!isMainThread) await work(workerData as Task)
else if (process.argv[1]?.endsWith('damaged-files.ts')) {
  const [, , format, seconds, seed] = process.argv
  const task = { seconds: Number(seconds ?? 600), seed: Number(seed ?? Date.now() % 1_000_000) }
  const report = await fuzz({ format: format === 'parquet' ? 'parquet' : 'orc', ...task })
  process.stdout.write(`${JSON.stringify(report)}\n`)
  if (report.finding !== null) process.exitCode = 1
}

/** Runs the cases in a thread of their own, so that a loop is seen and ended. */
export async function fuzz(task: Task): Promise<Report> {
  const worker = new Worker(new URL(import.meta.url), { workerData: task })
  let last: Report = { seed: task.seed, cases: 0, read: 0, slowestMs: 0, finding: null }
  let seenAt = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<Report>()
  worker.on('message', (report: Report) => {
    last = report
    seenAt = performance.now()
  })
  worker.on('error', reject)
  worker.on('exit', () => resolve(last))
  const watch = setInterval(() => {
    if (performance.now() - seenAt < STUCK_MS) return
    last = { ...last, finding: `case after ${last.cases} does not end` }
    void worker.terminate()
  }, 1_000)
  try {
    return await promise
  } finally {
    clearInterval(watch)
  }
}

type Case = { readonly make: (random: Random) => Uint8Array; readonly read: (bytes: Uint8Array) => Promise<Reading> }

async function caseOf(format: DamagedFormat): Promise<Case> {
  if (format === 'orc') {
    const { mutate, readHostile, soundFiles } = await import('../support/hostile-orc.ts')
    const files = await soundFiles()
    return { make: (random) => mutate(files, random), read: readHostile }
  }
  const { mutateParquet, readHostileParquet, soundParquet } = await import('../support/hostile-parquet.ts')
  const files = await soundParquet()
  return { make: (random) => mutateParquet(files, random), read: readHostileParquet }
}

async function work({ format, seconds, seed }: Task): Promise<void> {
  const each = await caseOf(format)
  const until = performance.now() + seconds * 1000
  let read = 0
  let slowestMs = 0
  let finding: string | null = null
  let cases = 0
  for (; performance.now() < until && finding === null; cases++) {
    if (cases % 50 === 0) {
      parentPort?.postMessage({ seed, cases, read, slowestMs, finding })
      // Native memory of finished cases is given back between turns of the event loop, never within one.
      await setImmediate()
    }
    try {
      const { outcome, cpuMs, heldBytes } = await each.read(each.make(randomOf(seed * 1_000_003 + cases)))
      if (outcome === 'read') read++
      slowestMs = Math.max(slowestMs, cpuMs)
      if (cpuMs > MAX_CPU_MS) finding = `case ${cases}: ${Math.round(cpuMs)} ms`
      if (heldBytes > MAX_BYTES) finding = `case ${cases}: ${heldBytes} bytes`
    } catch (error) {
      finding = `case ${cases}: ${error instanceof Error ? error.stack : String(error)}`
    }
  }
  parentPort?.postMessage({ seed, cases, read, slowestMs: Math.round(slowestMs), finding })
}
