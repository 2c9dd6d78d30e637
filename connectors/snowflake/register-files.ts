/** The middle of a registration: files come, are proven, and old ones go. I/O. */
import { ConnectorError } from '../errors.ts'
import type { RegisterRequest } from '../ports.ts'
import { isAboutTable } from '../refused-table.ts'
import type { SnowflakeClient } from './client.ts'
import { type FileAction, fileStatements } from './external-table.ts'
import { proofError, proofStatement, proveFiles, unsettled, type Wrong } from './proof.ts'
import type { PartPlan, TablePlan } from './registration-plan.ts'
import type { StagePlace } from './stage.ts'

export type FilePhase = {
  readonly plans: readonly TablePlan[]
  readonly integration: string
  readonly stage: StagePlace
  /** External tables that relations read already. */
  readonly existing: ReadonlySet<string>
}

type Request = Pick<RegisterRequest, 'readObject'>

/**
 * Part by part. Where shown files go as well as come, in one transaction, so that no reader sees them twice; Snowflake documents it
 * for one table at a time. Right without it too, for whoever reads current rows.
 */
async function run(client: SnowflakeClient, phase: FilePhase, request: Request, signal: AbortSignal): Promise<void> {
  for (const { table, parts } of phase.plans) {
    for (const part of parts) {
      const work = async () => await changePart(client, phase, { table: table.table, part }, request, signal)
      if (isExchange(part, phase)) await inTransaction(client, phase, part, work, signal)
      else await takingBack(client, phase, part, work)
    }
  }
}

const isShown = (part: PartPlan, { existing }: FilePhase): boolean => existing.has(part.table)
const isExchange = (part: PartPlan, phase: FilePhase): boolean => isShown(part, phase) && part.removed.length > 0

async function inTransaction(
  client: SnowflakeClient,
  phase: FilePhase,
  part: PartPlan,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const once = { signal, repeatable: false }
  await client.run('BEGIN', once)
  try {
    await work()
    await client.run('COMMIT', once)
  } catch (error) {
    await client.run('ROLLBACK', own()).catch(() => null)
    // For accounts whose lists of files do not take part in transactions.
    if (isFinal(error)) await takeBack(client, phase, part)
    throw error
  }
}

async function takingBack(client: SnowflakeClient, phase: FilePhase, part: PartPlan, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (isFinal(error) && isShown(part, phase)) await takeBack(client, phase, part)
    throw error
  }
}

/** Nobody goes on with these files: they differ, or the table stays as it is. */
const isFinal = (error: unknown): boolean => (error instanceof ConnectorError && error.code === 'PROOF') || isAboutTable(error)
const own = () => ({ signal: AbortSignal.timeout(60_000), repeatable: false })

/** New before old: newest-per-key keeps the relations right in between. Throws `PROOF` before anything old is removed. */
async function changePart(
  client: SnowflakeClient,
  phase: FilePhase,
  { table, part }: { readonly table: string; readonly part: PartPlan },
  request: Request,
  signal: AbortSignal,
): Promise<void> {
  const wrong = [
    ...(await apply(client, phase, part, 'ADD', request, signal)),
    ...(part.proven.size === 0 ? [] : await proveFiles(client, part, { signal, repeatable: !isExchange(part, phase) })),
  ]
  if (wrong.length > 0) throw proofError(table, phase.integration, named(wrong))
  const left = await apply(client, phase, part, 'REMOVE', request, signal)
  if (left.length > 0) throw proofError(table, phase.integration, named(left))
}

/** One line per file: the first thing that is wrong with it. */
const named = (wrong: readonly Wrong[]): readonly Wrong[] =>
  [...new Map(wrong.toReversed().map((each) => [each.key, each])).values()].toReversed()

async function apply(
  client: SnowflakeClient,
  { stage }: FilePhase,
  part: PartPlan,
  action: FileAction,
  request: Request,
  signal: AbortSignal,
): Promise<readonly Wrong[]> {
  const wrong: Wrong[] = []
  const paths = action === 'ADD' ? part.added : part.removed
  for (const { sql, paths: some } of fileStatements(part.table, action, paths, stage, part.location)) {
    const keyOf = (file: string) => part.proven.get(some.find((path) => path.endsWith(file)) ?? '')?.key ?? file
    try {
      wrong.push(...unsettled(action, await client.run(sql, { signal, repeatable: false }), keyOf))
    } catch (error) {
      const missing = action === 'ADD' && isRefusal(error) ? await missingFiles(part, some, request, signal) : []
      if (missing.length === 0) throw error
      wrong.push(...missing)
    }
  }
  return wrong
}

const isRefusal = (error: unknown): boolean =>
  error instanceof ConnectorError && ['STATEMENT', 'NOT_FOUND', 'INTERNAL'].includes(error.code)

async function missingFiles(
  part: PartPlan,
  paths: readonly string[],
  { readObject }: Request,
  signal: AbortSignal,
): Promise<readonly Wrong[]> {
  const missing: Wrong[] = []
  for (const path of paths) {
    const key = part.proven.get(path)?.key
    if (key === undefined || (await readObject(key, { start: 0, end: 1 }, signal)) !== null) continue
    missing.push({ key, problem: 'is not in the lake' })
  }
  return missing
}

/** Takes what was proven wrong out again. Never throws: the next registration compares with what is registered. */
async function takeBack(client: SnowflakeClient, { stage }: FilePhase, part: PartPlan): Promise<void> {
  for (const { sql } of fileStatements(part.table, 'REMOVE', part.added, stage, part.location)) {
    await client.run(sql, own()).catch(() => null)
  }
}

/** The same statements, without running them. */
function statements(phase: FilePhase): readonly string[] {
  const of = (part: PartPlan) => {
    const files = (action: FileAction, paths: readonly string[]) =>
      fileStatements(part.table, action, paths, phase.stage, part.location).map(({ sql }) => sql)
    const proof = part.proven.size === 0 ? [] : [proofStatement(part, [...part.proven.keys()].slice(0, 1_000))]
    return [...files('ADD', part.added), ...proof, ...files('REMOVE', part.removed)]
  }
  return phase.plans.flatMap(({ parts }) =>
    parts.flatMap((part) => (isExchange(part, phase) ? ['BEGIN', ...of(part), 'COMMIT'] : of(part))),
  )
}

export const changeFiles = { run, statements }
