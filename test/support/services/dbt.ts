/** Runs dbt with its adapter for Snowflake, in an environment of its own with pinned packages. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pythonEnvironment } from '../python.ts'

const run = promisify(execFile)

/** dbt-core, dbt-snowflake and snowflake-connector-python. */
export const DBT_REQUIREMENTS = fileURLToPath(new URL('../../services/dbt-requirements.txt', import.meta.url))
/** Not the program `dbt`: it names the directory in which its environment was made. */
const DBT = 'from dbt.cli.main import cli; cli()'
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

export type DbtNode = { readonly id: string; readonly status: string; readonly message: string | null }

export type DbtOptions = {
  /** The project's directory, a copy: dbt writes below it. */
  readonly project: string
  readonly env: Readonly<Record<string, string>>
}

/**
 * `dbt <command>`; every node's result, by its own account.
 *
 * @throws Error with what dbt printed when it did not come to run nodes.
 */
export async function dbt(command: string, options: DbtOptions): Promise<readonly DbtNode[]> {
  await ran([command], options)
  const text = await readFile(join(options.project, 'target', 'run_results.json'), 'utf8')
  const { results } = JSON.parse(text) as {
    readonly results: readonly { unique_id: string; status: string; message: string | null }[]
  }
  return results.map(({ unique_id: id, status, message }) => ({ id, status, message }))
}

export type Catalog = {
  readonly errors: readonly string[] | null
  /** By id of the node; columns by their names. */
  readonly nodes: Readonly<Record<string, CatalogNode>>
  readonly sources: Readonly<Record<string, CatalogNode>>
}

export type CatalogNode = {
  readonly metadata: { readonly type: string; readonly comment: string | null; readonly owner: string | null }
  readonly columns: Readonly<Record<string, { readonly type: string; readonly index: number }>>
}

/** `dbt docs generate`; what it wrote into the catalogue. */
export async function dbtDocs(options: DbtOptions): Promise<Catalog> {
  await ran(['docs', 'generate'], options)
  return JSON.parse(await readFile(join(options.project, 'target', 'catalog.json'), 'utf8')) as Catalog
}

async function ran(command: readonly string[], { project, env }: DbtOptions): Promise<void> {
  const python = await pythonEnvironment(DBT_REQUIREMENTS)
  const quiet = ['--log-level-file', 'none', '--no-use-colors', '--no-version-check', '--no-send-anonymous-usage-stats']
  const outcome = await run(python, ['-c', DBT, ...quiet, ...command, '--project-dir', project, '--profiles-dir', project], {
    cwd: project,
    maxBuffer: MAX_OUTPUT_BYTES,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1', ...env },
  }).catch((error: unknown) => error as Error & { readonly code?: unknown; readonly stdout?: string })
  // 1: a node failed, which the results say better.
  if (outcome instanceof Error && outcome.code !== 1)
    throw new Error(`dbt ${command.join(' ')}: ${outcome.stdout}`, { cause: outcome })
}
