/** Every failpoint of an operation struck by every fault, and what the next attempt makes of it. */
import { FAULTS, type FaultKind, type FaultPlan, faultPlan, type Strike } from './failpoints.ts'

/** One operation over a world of its own. */
export type Operation = {
  readonly name: string
  /** Faults that make sense; default: all. */
  readonly faults?: readonly FaultKind[]
  /** Failpoints that it must have, so that a matrix cannot shrink unseen. */
  readonly expects: readonly string[]
  /** A fresh world, everything before the operation done. */
  readonly prepare: () => Promise<World>
}

export type World = AsyncDisposable & {
  /** Runs the operation once through ports with faults. May reject. */
  readonly attempt: (plan: FaultPlan) => Promise<void>
  /** What is wrong after the operation has succeeded; empty when nothing is. */
  readonly problems: () => Promise<readonly string[]>
}

export type CaseResult = {
  readonly operation: string
  readonly strike: Strike
  /** `at once`: the struck attempt itself succeeded. `next attempt`: it failed, and the next one made it right. */
  readonly survived: 'at once' | 'next attempt' | null
  readonly problems: readonly string[]
}

/** Each fault at each failpoint: at its first call, or (`thorough`) at its first, second and last. */
export async function runMatrix(
  operation: Operation,
  { thorough }: { readonly thorough: boolean },
): Promise<readonly CaseResult[]> {
  const seen = await dryRun(operation)
  const missing = operation.expects.filter((failpoint) => !seen.has(failpoint))
  if (missing.length > 0) throw new Error(`${operation.name} never came through: ${missing.join(', ')}`)
  const strikes = [...seen].flatMap(([failpoint, calls]) =>
    [...(thorough ? new Set([1, Math.min(2, calls), calls]) : [1])].flatMap((nth) =>
      (operation.faults ?? FAULTS).map((kind): Strike => ({ failpoint, nth, kind })),
    ),
  )
  const results = new Map<Strike, CaseResult>()
  const queue = strikes[Symbol.iterator]()
  // Worlds have nothing in common, and most of a case is waiting.
  const worker = async (): Promise<void> => {
    for (const strike of queue) results.set(strike, await runCase(operation, strike))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return strikes.flatMap((strike) => results.get(strike) ?? [])
}

const AT_ONCE = 6

async function dryRun(operation: Operation): Promise<ReadonlyMap<string, number>> {
  await using world = await operation.prepare()
  const plan = faultPlan(null)
  await world.attempt(plan)
  const problems = await world.problems()
  if (problems.length > 0) throw new Error(`${operation.name} is wrong without any fault: ${problems.join('; ')}`)
  return plan.seen
}

async function runCase(operation: Operation, strike: Strike): Promise<CaseResult> {
  await using world = await operation.prepare()
  const plan = faultPlan(strike)
  const failed = await world.attempt(plan).then(
    () => false,
    () => true,
  )
  const problems: string[] = []
  if (failed) {
    await world.attempt(faultPlan(null)).catch((error: unknown) => {
      problems.push(`the next attempt failed: ${error instanceof Error ? error.message : String(error)}`)
    })
  }
  if (problems.length === 0) problems.push(...(await world.problems()))
  const survived = problems.length > 0 ? null : failed ? 'next attempt' : 'at once'
  return { operation: operation.name, strike, survived, problems }
}

/** One row per operation: the calls that were struck, and how many cases were survived. */
export function matrixTable(results: readonly CaseResult[]): string {
  const lines = [...Map.groupBy(results, ({ operation }) => operation)].map(([operation, cases]) => {
    const failpoints = [...new Set(cases.map(({ strike }) => strike.failpoint))].join(', ')
    const survived = cases.filter((each) => each.survived !== null).length
    return `| ${operation} | ${failpoints} | ${survived} of ${cases.length} |`
  })
  return ['| Operation | Calls that were struck | Cases survived |', '|---|---|---|', ...lines].join('\n')
}
