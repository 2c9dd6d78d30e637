/** Java libraries of the service suite, resolved by Maven from a pinned list. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const HOME = fileURLToPath(new URL('../../../.portage/maven', import.meta.url))
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.7.0'

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
    await run('mvn', ['--quiet', '--batch-mode', '--file', pom, `${PLUGIN}:copy-dependencies`, `-DoutputDirectory=${building}`])
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

/**
 * Path of one file of the repository, `group:name:version:type:classifier`, copied into `directory`, which holds nothing else.
 *
 * @throws Error naming what is missing, as `mavenJars`.
 */
export async function mavenArtifact(coordinates: string, directory: string): Promise<string> {
  try {
    await run('mvn', ['--quiet', '--batch-mode', `${PLUGIN}:copy`, `-Dartifact=${coordinates}`, `-DoutputDirectory=${directory}`])
  } catch (cause) {
    throw new Error(`"${coordinates}" could not be fetched for the service tests. It needs Maven ("mvn") and a repository`, {
      cause,
    })
  }
  const [name] = await readdir(directory)
  if (name === undefined) throw new Error(`Maven copied nothing for "${coordinates}"`)
  return join(directory, name)
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
