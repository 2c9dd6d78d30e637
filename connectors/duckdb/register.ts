/** Registration: a new views file that shows exactly the request's files, swapped in whole. I/O. */
import type { Environment, RegisterOutcome, RegisterRequest } from '../ports.ts'
import { type Database, interruptible } from './instance.ts'
import {
  EMPTY_LEDGER,
  forgetCommit,
  forgetRelation,
  LEDGER_DDL,
  type Ledger,
  type Owner,
  readLedger,
  recordCommit,
} from './ledger.ts'
import type { LocalCopies } from './local-copies.ts'
import { proveRows } from './proof.ts'
import { dropRelation, planRegistration } from './registration-plan.ts'
import { refuseForeignFormats } from './scan.ts'
import type { ViewsFile } from './views-file.ts'

const NOTHING: RegisterOutcome = { statements: [], filesAdded: 0, filesRemoved: 0 }

/**
 * An older commit than the recorded one changes nothing; the same commit makes every view anew and proves every file
 * again (a repair).
 */
export async function register(
  file: ViewsFile,
  copies: LocalCopies,
  given: RegisterRequest,
  environment: Environment,
  signal: AbortSignal,
): Promise<RegisterOutcome> {
  refuseForeignFormats(given)
  if (given.dryRun) {
    const request = await copies.localize(given, signal)
    await using database = await file.read()
    const before = database === null ? EMPTY_LEDGER : await readLedger(database, request)
    if (isPast(request, before)) return NOTHING
    return planRegistration(request, before, isAnew(request, before))
  }
  const request = await copies.localize(given, signal, () => isRepair(file, given))
  let outcome = NOTHING
  await file.replace(signal, (next) =>
    interruptible(next, signal, `registration of ${request.integration} at commit ${request.commit}`, async () => {
      for (const statement of LEDGER_DDL) await next.run(statement)
      const before = await readLedger(next, request)
      if (isPast(request, before)) return false
      const plan = planRegistration(request, before, isAnew(request, before))
      // First, because a view over a missing file cannot even be made, and its error would name no commit.
      for (const { table, files } of plan.newFiles) await proveRows(next, table, files)
      await inTransaction(next, [
        ...plan.statements,
        ...plan.ledger,
        recordCommit(request, request.commit, request.position, environment.now()),
      ])
      outcome = { statements: plan.statements, filesAdded: plan.filesAdded, filesRemoved: plan.filesRemoved }
      return true
    }),
  )
  return outcome
}

/** What removal drops: views and their records, never a file of the lake. */
export async function unregister(
  file: ViewsFile,
  request: Owner & { readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const statementsFor = (ledger: Ledger) =>
    [...ledger.relations.keys()].flatMap((relation) => dropRelation(request.schema, relation))
  {
    await using database = await file.read()
    if (database === null) return []
    const statements = statementsFor(await readLedger(database, request))
    if (request.dryRun) return statements
  }
  let done: readonly string[] = []
  await file.replace(signal, (next) =>
    interruptible(next, signal, `removal of ${request.integration}`, async () => {
      const ledger = await readLedger(next, request)
      done = statementsFor(ledger)
      const forgotten = [...ledger.relations.keys()].flatMap((relation) => forgetRelation(request, relation))
      await inTransaction(next, [...done, ...forgotten, forgetCommit(request)])
      return true
    }),
  )
  return done
}

/** The commit that is shown already, asked for again: what is there is not trusted. */
async function isRepair(file: ViewsFile, request: RegisterRequest): Promise<boolean> {
  await using database = await file.read().catch(() => null)
  return database !== null && isAnew(request, await readLedger(database, request))
}

const isAnew = (request: RegisterRequest, before: Ledger): boolean => request.repair === true || before.commit === request.commit

const isPast = (request: RegisterRequest, before: Ledger): boolean => before.commit !== null && before.commit > request.commit

async function inTransaction(database: Database, statements: readonly string[]): Promise<void> {
  await database.run('begin')
  for (const statement of statements) await database.run(statement)
  await database.run('commit')
}
