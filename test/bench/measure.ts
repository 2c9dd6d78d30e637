/** Runs a program and says what it took. */
import { type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ROOT } from '../support/sources.ts'

const HOOK = fileURLToPath(new URL('./usage-hook.mjs', import.meta.url))
/** Enough of a program's last words to see why it failed. */
const MAX_ERROR_CHARACTERS = 4_000

export type Measured = { readonly seconds: number; readonly stdout: string }
export type MeasuredPortage = Measured & { readonly cpuSeconds: number; readonly peakBytes: number }

/** Wall seconds of a program from its start to its end. Throws with its standard error when it fails. */
export async function measure(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Measured> {
  const started = performance.now()
  const child = spawn(command, [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (text: Buffer) => {
    stdout += text.toString()
  })
  child.stderr?.on('data', (text: Buffer) => {
    stderr = (stderr + text.toString()).slice(-MAX_ERROR_CHARACTERS)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  const seconds = (performance.now() - started) / 1000
  if (code !== 0) throw new Error(`${command} ${args[0] ?? ''} ended with ${code}:\n${stderr}`)
  return { seconds, stdout }
}

/** The same for a `portage` command, with its CPU seconds and peak resident memory. */
export async function measurePortage(args: readonly string[]): Promise<MeasuredPortage> {
  const dir = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  try {
    const usage = join(dir, 'usage.json')
    const measured = await measure(process.execPath, ['--import', HOOK, join(ROOT, 'bin', 'portage.mjs'), ...args], {
      env: { ...process.env, PORTAGE_BENCH_USAGE: usage },
    })
    const { cpuMs, peakBytes } = JSON.parse(await readFile(usage, 'utf8')) as { cpuMs: number; peakBytes: number }
    return { ...measured, cpuSeconds: cpuMs / 1000, peakBytes }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
