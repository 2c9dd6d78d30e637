/** Runs Python scripts of the service suite in an environment of their own, made from a pinned list of packages. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const REQUIREMENTS = join(ROOT, 'test', 'services', 'requirements.txt')
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024

export type PythonOutput = { readonly stdout: string; readonly stderr: string }

export type PythonOptions = {
  readonly signal?: AbortSignal
  readonly cwd?: string
  /** Another list of pinned packages. */
  readonly requirements?: string
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs a script with the pinned packages (pyarrow) and returns what it printed.
 *
 * @throws Error with the script's own message when it ends with another code than 0.
 */
export async function python(
  scriptPath: string,
  args: readonly string[] = [],
  { requirements, env, ...options }: PythonOptions = {},
): Promise<PythonOutput> {
  return run(await pythonEnvironment(requirements), [scriptPath, ...args], {
    maxBuffer: MAX_OUTPUT_BYTES,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', ...env },
    ...options,
  })
}

/**
 * Path of the environment's interpreter; made at first use under `.portage/`, keyed by the list of packages. Built aside
 * and renamed into place, so that an interrupted or a second installation leaves no half of one.
 *
 * @throws Error naming what is missing: python3, its venv module or the package index.
 */
export async function pythonEnvironment(requirements: string = REQUIREMENTS): Promise<string> {
  const key = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 16)
  const home = join(ROOT, '.portage', 'python')
  const target = join(home, key)
  const interpreter = join(target, 'bin', 'python')
  if (await exists(interpreter)) return interpreter
  await mkdir(home, { recursive: true })
  const building = join(home, `${key}.${process.pid}`)
  try {
    await run(process.env.PORTAGE_TEST_PYTHON ?? 'python3', ['-m', 'venv', building])
    await run(
      join(building, 'bin', 'python'),
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '-r', requirements],
      { maxBuffer: MAX_OUTPUT_BYTES },
    )
    await rename(building, target)
  } catch (cause) {
    await rm(building, { recursive: true, force: true })
    if (await exists(interpreter)) return interpreter
    throw new Error(
      'The Python environment of the service tests could not be made. It needs python3, python3-venv and a package index',
      {
        cause,
      },
    )
  }
  return interpreter
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
