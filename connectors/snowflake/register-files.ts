/** The middle of a registration: files come, are proven, and old ones go. I/O. */
import { ConnectorError } from '../errors.ts'
import type { RegisterRequest } from '../ports.ts'
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

/** One transaction when shown tables change, so that no reader sees half of it where the account keeps to it; right without it too. */
async function run(client: SnowflakeClient, phase: FilePhase, request: Request, signal: AbortSignal): Promise<void> {
  const parts = phase.plans.flatMap(({ table, parts }) => parts.map((part) => ({ table: table.table, part })))
  const inPlace = parts.filter(({ part }) => isInPlace(part, phase))
  const once = { signal, repeatable: false }
  if (inPlace.length === 0) {
    for (const { table, part } of parts) await changePart(client, phase, { table, part }, request, signal)
    return
  }
  // What nobody reads yet comes first: only what is shown needs the transaction.
  for (const { table, part } of parts.filter((each) => !inPlace.includes(each))) {
    await changePart(client, phase, { table, part }, request, signal)
  }
  const begun: typeof inPlace = []
  await client.run('BEGIN', once)
  try {
    for (const each of inPlace) {
      begun.push(each)
      await changePart(client, phase, each, request, signal)
    }
    await client.run('COMMIT', once)
  } catch (error) {
    const shown = error instanceof ConnectorError && error.code === 'PROOF' ? begun.map(({ part }) => part) : []
    await takeBack(client, phase, shown)
    throw error
  }
}

const isInPlace = (part: PartPlan, { existing }: FilePhase): boolean =>
  existing.has(part.table) && part.added.length + part.removed.length > 0

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
    ...(part.proven.size === 0 ? [] : await proveFiles(client, part, signal)),
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

/**
 * Undoes what was shown: by the transaction, and for accounts whose file lists do not take part in transactions by removing what
 * was proven wrong. Never throws: the next registration compares with what is registered.
 */
async function takeBack(client: SnowflakeClient, { stage }: FilePhase, parts: readonly PartPlan[]): Promise<void> {
  const own = { signal: AbortSignal.timeout(60_000), repeatable: false }
  const quietly = async (sql: string) => void (await client.run(sql, own).catch(() => null))
  await quietly('ROLLBACK')
  for (const part of parts) {
    for (const { sql } of fileStatements(part.table, 'REMOVE', part.added, stage, part.location)) await quietly(sql)
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
  const parts = phase.plans.flatMap((plan) => plan.parts)
  const inPlace = parts.filter((part) => isInPlace(part, phase))
  const others = parts.filter((part) => !inPlace.includes(part)).flatMap(of)
  return inPlace.length === 0 ? others : [...others, 'BEGIN', ...inPlace.flatMap(of), 'COMMIT']
}

export const changeFiles = { run, statements }
