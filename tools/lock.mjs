/** A lock directory: of several commands started at once in a fresh clone one installs, the others wait for it. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 200
/** A lock without an owner's name belongs to a process that died between two system calls, or is just being taken. */
const NAMELESS_MS = 5_000

/**
 * Runs `work` while holding the lock `dir`; a lock whose owner is no longer alive is taken over.
 * @template T
 * @param {string} dir
 * @param {() => Promise<T>} work
 * @param {(owner: number) => void} [onWait] told once whom it waits for
 * @returns {Promise<T>}
 */
export async function withLock(dir, work, onWait = () => {}) {
  await mkdir(dirname(dir), { recursive: true })
  let nameless = 0
  for (let waited = false; !(await take(dir)); ) {
    const owner = await ownerOf(dir)
    nameless = owner === null ? nameless + POLL_MS : 0
    if (owner === null ? nameless > NAMELESS_MS : !isAlive(owner)) {
      await discard(dir, owner)
      nameless = 0
      continue
    }
    if (!waited && owner !== null) onWait(owner)
    waited ||= owner !== null
    await delay(POLL_MS)
  }
  try {
    return await work()
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** @param {string} dir */
async function take(dir) {
  try {
    await mkdir(dir)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
  await writeFile(join(dir, 'pid'), `${process.pid}`)
  return true
}

/**
 * @param {string} dir
 * @returns {Promise<number | null>}
 */
async function ownerOf(dir) {
  const pid = Number(await readFile(join(dir, 'pid'), 'utf8').catch(() => ''))
  return pid > 0 ? pid : null
}

/**
 * Moves a dead owner's lock away by rename, which only one of several waiting processes achieves; a lock that changed
 * hands in between is put back.
 * @param {string} dir
 * @param {number | null} owner
 */
async function discard(dir, owner) {
  const aside = `${dir}.${process.pid}`
  try {
    await rename(dir, aside)
    if ((await ownerOf(aside)) !== owner) await rename(aside, dir)
    else await rm(aside, { recursive: true, force: true })
  } catch {
    // Another process was faster.
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
