/** What would keep a DuckDB warehouse from working. I/O. */
import { access, constants, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConnectorError } from '../errors.ts'
import type { Problem } from '../ports.ts'
import { openDatabase } from './instance.ts'
import type { ViewsFile } from './views-file.ts'

export async function check(file: ViewsFile): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  const problem = (subject: string, what: string, cure: string) =>
    problems.push({ severity: 'error', subject, problem: what, cure })
  try {
    await using _ = await openDatabase(null, { access: 'write', threads: 1, memoryLimit: null, temporaryDirectory: null })
  } catch {
    problem('DuckDB', 'its library cannot be loaded on this machine', 'install again with "npm ci"')
    return problems
  }
  const directory = dirname(file.path)
  try {
    await mkdir(directory, { recursive: true })
    await access(directory, constants.W_OK)
  } catch {
    problem(
      `DuckDB views file "${file.path}"`,
      `its directory "${directory}" is not writable`,
      'choose another "path" for the connection',
    )
    return problems
  }
  try {
    const database = await file.read()
    await database?.[Symbol.asyncDispose]()
  } catch (error) {
    const message = error instanceof ConnectorError ? error.message : 'it cannot be opened'
    problem(
      `DuckDB views file "${file.path}"`,
      message,
      'delete it and register again with "portage register <integration> --repair"',
    )
  }
  return problems
}
