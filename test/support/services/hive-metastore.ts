/** The metastore with Hive's whole schema, transaction tables included: what a server that makes transactional tables starts from. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { mavenArtifact } from './maven.ts'

const run = promisify(execFile)
const HOME = fileURLToPath(new URL('../../../.portage/hive-metastore', import.meta.url))
const ARTIFACT = 'org.apache.hive:hive-standalone-metastore-server:4.0.1:tar.gz:bin'
const SCRIPT = 'hive-schema-4.0.0.derby.sql'

/** Directory of a Derby database; made at first use under `.portage/`, from the schema that Hive publishes. Never written to afterwards. */
export async function derbyTemplate(jars: string): Promise<string> {
  const target = join(HOME, createHash('sha256').update(ARTIFACT).digest('hex').slice(0, 16))
  if (await stat(target).catch(() => null)) return target
  const aside = await mkdtemp(join(tmpdir(), 'portage-metastore-'))
  try {
    const archive = await mavenArtifact(ARTIFACT, aside)
    await run('tar', ['-xzf', archive, '-C', aside, '--wildcards', `*/derby/${SCRIPT}`])
    const found = (await readdir(aside, { recursive: true })).find((path) => path.endsWith(SCRIPT))
    if (found === undefined) throw new Error(`"${SCRIPT}" is not in the archive of the metastore`)
    const made = join(aside, 'made')
    const script = join(aside, 'make.sql')
    await writeFile(script, `connect 'jdbc:derby:${made};create=true';\nrun '${join(aside, found)}';\nexit;\n`)
    const said = join(aside, 'said.txt')
    await run('java', [`-Dderby.stream.error.file=${said}`, '-classpath', `${jars}/*`, 'org.apache.derby.tools.ij', script], {
      maxBuffer: 64 * 1024 * 1024,
    }).then(({ stdout }) => {
      const wrong = stdout.split('\n').filter((line) => line.startsWith('ERROR'))
      if (wrong.length > 0) throw new Error(`The metastore's schema was refused: ${wrong[0]}`)
    })
    await mkdir(HOME, { recursive: true })
    const building = `${target}.${process.pid}`
    await run('cp', ['-r', made, building])
    await rename(building, target).catch(async (cause) => {
      await rm(building, { recursive: true, force: true })
      if (!(await readFile(join(target, 'service.properties')).catch(() => null))) throw cause
    })
    return target
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}
