/** Starts and stops servers that run on a JVM: own directory, own process, log kept when it does not start. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../../orchestration/dev/free-port.ts'

const START_TIMEOUT_MS = 240_000
const STOP_TIMEOUT_MS = 15_000
const POLL_MS = 100
const LOG_LINES = 25

/** Where a server finds objects, and with which keys. */
export type ServerS3 = { readonly url: string; readonly accessKeyId: string; readonly secretAccessKey: string }

export interface JavaServer extends AsyncDisposable {
  readonly host: '127.0.0.1'
  readonly port: number
  readonly pid: number
  /** From the start of the process to the first connection that it took. */
  readonly startMs: number
  /** Its directory; deleted by `stop`. */
  readonly dir: string
  readonly log: string
  /** Memory that is its own now, in bytes. */
  rss(): Promise<number>
  stop(): Promise<void>
  /** Ends it as a crash does. */
  kill(): Promise<void>
}

export type JavaServerStart = {
  readonly name: string
  /** Program, arguments and environment, given the server's own directory and port. */
  readonly command: (place: { readonly dir: string; readonly port: number }) => Promise<{
    readonly program: string
    readonly args: readonly string[]
    readonly env: Readonly<Record<string, string>>
  }>
  /** Default: a free one. */
  readonly port?: number
}

/** Returns when the server takes connections. Throws with the end of its log otherwise; its directory is kept then. */
export async function startJavaServer({ name, command, port: wanted }: JavaServerStart): Promise<JavaServer> {
  const dir = await mkdtemp(join(tmpdir(), 'portage-server-'))
  const port = wanted ?? (await freePort())
  const { program, args, env } = await command({ dir, port })
  const log = join(dir, 'server.log')
  const out = openSync(log, 'a')
  const begun = performance.now()
  const child = spawn(program, args, { cwd: dir, stdio: ['ignore', out, out], env: { ...process.env, ...env } })
  closeSync(out)
  const exited = once(child, 'exit').catch(() => [null])
  const killAtExit = (): void => {
    child.kill('SIGKILL')
  }
  process.once('exit', killAtExit)
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    process.off('exit', killAtExit)
    await endProcess(child, exited, signal)
  }
  if (!(await listens(child, port))) {
    await end('SIGKILL')
    const lines = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n').slice(-LOG_LINES).join('\n')
    throw new Error(`${name} did not start; its directory is "${dir}". The end of its log:\n${lines}`)
  }
  const startMs = Math.round(performance.now() - begun)
  const finish = async (signal: NodeJS.Signals): Promise<void> => {
    await end(signal)
    await rm(dir, { recursive: true, force: true })
  }
  return {
    host: '127.0.0.1',
    port,
    pid: child.pid ?? 0,
    startMs,
    dir,
    log,
    rss: () => residentBytes(child.pid ?? 0),
    stop: () => finish('SIGTERM'),
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: () => finish('SIGTERM'),
  }
}

async function endProcess(child: ChildProcess, exited: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill(signal)
  const patience = new AbortController()
  const late = delay(STOP_TIMEOUT_MS, 'late', { signal: patience.signal }).catch(() => null)
  if ((await Promise.race([exited, late])) === 'late') {
    child.kill('SIGKILL')
    await exited
  }
  patience.abort()
}

async function listens(child: ChildProcess, port: number): Promise<boolean> {
  let failed = false
  child.once('error', () => {
    failed = true
  })
  const until = performance.now() + START_TIMEOUT_MS
  while (performance.now() < until) {
    if (failed || child.exitCode !== null || child.signalCode !== null) return false
    if (await takesConnections(port)) return true
    await delay(POLL_MS)
  }
  return false
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** `VmRSS` of Linux; NaN elsewhere. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
