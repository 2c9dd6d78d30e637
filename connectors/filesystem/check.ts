/** Can the lake directory be used? Probes what publication needs: create, link, delete; and looks at the free space. */
import { randomBytes } from 'node:crypto'
import { access, constants, link, mkdir, stat, statfs, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Problem } from '../ports.ts'
import { systemCode } from './failure.ts'
import { TEMPORARY_DIRECTORY } from './temporary.ts'

/** Less than this and `check` warns. */
const LITTLE_SPACE_BYTES = 1024 ** 3

export async function checkDirectory(root: string): Promise<readonly Problem[]> {
  const subject = `Lake directory "${root}"`
  const info = await stat(root).catch(() => null)
  if (info !== null && !info.isDirectory()) {
    return [{ severity: 'error', subject, problem: 'is a file', cure: 'name a directory in config/connections.yaml' }]
  }
  if (info === null) return checkParent(root, subject)
  return [...(await probe(root, subject)), ...(await checkSpace(root, subject))]
}

async function checkParent(root: string, subject: string): Promise<readonly Problem[]> {
  let parent = dirname(root)
  while ((await stat(parent).catch(() => null)) === null && dirname(parent) !== parent) parent = dirname(parent)
  try {
    await access(parent, constants.W_OK)
    return checkSpace(parent, subject)
  } catch {
    const cure = 'create it, owned by the user that runs portage'
    return [{ severity: 'error', subject, problem: 'does not exist and cannot be created', cure }]
  }
}

async function probe(root: string, subject: string): Promise<readonly Problem[]> {
  const directory = join(root, TEMPORARY_DIRECTORY)
  const name = join(directory, `probe-${process.pid}-${randomBytes(8).toString('hex')}`)
  try {
    await mkdir(directory, { recursive: true })
    await writeFile(name, '')
    await link(name, `${name}-link`)
    return []
  } catch (error) {
    const problem = `cannot be written with hard links (${systemCode(error) ?? 'error'})`
    return [{ severity: 'error', subject, problem, cure: 'give this user write access, on a file system with hard links' }]
  } finally {
    await unlink(`${name}-link`).catch(() => undefined)
    await unlink(name).catch(() => undefined)
  }
}

async function checkSpace(path: string, subject: string): Promise<readonly Problem[]> {
  const space = await statfs(path).catch(() => null)
  if (space === null) return []
  const free = space.bavail * space.bsize
  if (free >= LITTLE_SPACE_BYTES) return []
  const problem = `has ${Math.floor(free / 1024 ** 2)} MiB of free space`
  return [{ severity: 'warning', subject, problem, cure: 'free space before a large snapshot' }]
}
