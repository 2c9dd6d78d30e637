/** Java libraries of the service suite, resolved by Maven from a pinned list. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const HOME = fileURLToPath(new URL('../../../.portage/maven', import.meta.url))
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.7.0:copy-dependencies'

/**
 * Directory with the jars that a `pom.xml` names; made at first use under `.portage/`, keyed by the file. Built aside and
 * renamed into place.
 *
 * @throws Error naming what is missing: mvn, or a repository that it can reach.
 */
export async function mavenJars(pom: string): Promise<string> {
  const key = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
    .slice(0, 16)
  const target = join(HOME, key)
  if (await exists(target)) return target
  await mkdir(HOME, { recursive: true })
  const building = `${target}.${process.pid}`
  try {
    await run('mvn', ['--quiet', '--batch-mode', '--file', pom, COPY, `-DoutputDirectory=${building}`])
    await rename(building, target)
  } catch (cause) {
    await rm(building, { recursive: true, force: true })
    if (await exists(target)) return target
    throw new Error('The Java libraries of the service tests could not be fetched. They need Maven ("mvn") and a repository', {
      cause,
    })
  }
  return target
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
