/** Registration: a new views file that shows exactly the request's files, swapped in whole. I/O. */
import type { Environment, RegisterOutcome, RegisterRequest } from '../ports.ts'
import { attemptTable, type RefusedTables } from '../refused-table.ts'
import { type Database, interruptible, statementError } from './instance.ts'
import {
  addressesBeside,
  EMPTY_LEDGER,
  forgetCommit,
  forgetRelation,
  LEDGER_DDL,
  type Ledger,
  type Owner,
  readLedger,
  recordBehind,
  recordCommit,
} from './ledger.ts'
import type { LocalCopies } from './local-copies.ts'
import { proveRows } from './proof.ts'
import { type Change, dropRelation, planPlace, planTable } from './registration-plan.ts'
import type { ViewsFile } from './views-file.ts'

const NOTHING: RegisterOutcome = { statements: [], filesAdded: 0, filesRemoved: 0 }

/**
 * An older commit than the recorded one changes nothing; the same commit makes every view anew and proves every file
 * again (a repair). A table that is refused keeps its views, and the ledger says which commit they show.
 */
export async function register(
  file: ViewsFile,
  copies: LocalCopies,
  given: RegisterRequest,
  environment: Environment,
  signal: AbortSignal,
): Promise<RegisterOutcome> {
  if (given.dryRun) {
    const request = await copies.localize(given, signal)
    await using database = await file.read()
    const before = database === null ? EMPTY_LEDGER : await readLedger(database, request)
    if (isPast(request, before)) return NOTHING
    return await changeAll(request, before, async () => {}, signal)
  }
  const request = await copies.localize(given, signal, {
    again: () => recorded(file, false, async (database) => isAnew(given, await readLedger(database, given))),
    beside: () => recorded(file, new Set<string>(), (database) => addressesBeside(database, given)),
  })
  let outcome = NOTHING
  await file.replace(signal, (next) =>
    interruptible(next, signal, `registration of ${request.integration} at commit ${request.commit}`, async () => {
      for (const statement of LEDGER_DDL) await next.run(statement)
      const before = await readLedger(next, request)
      if (isPast(request, before)) return false
      // The file is swapped in as a whole: what one table's transaction takes back is all that a reader misses.
      outcome = await changeAll(request, before, (statements) => inTransaction(next, statements), signal, next)
      await inTransaction(next, [
        ...recordBehind(request, behindNow(request, before, outcome)),
        recordCommit(request, request.commit, request.position, environment.now()),
      ])
      return true
    }),
  )
  return outcome
}

/** With a database new files are proven before anything of their table changes. */
async function changeAll(
  request: RegisterRequest,
  before: Ledger,
  run: (statements: readonly string[]) => Promise<void>,
  signal: AbortSignal,
  database: Database | null = null,
): Promise<RegisterOutcome> {
  const refused: RefusedTables = new Map()
  const place = planPlace(request, before)
  await run([...place.statements, ...place.ledger])
  const changes: Change[] = [place]
  for (const table of request.tables) {
    const change = await attemptTable(refused, table.table, async () => {
      const planned = planTable(request, table, before, isAnew(request, before))
      // First, because a view over a missing file cannot even be made, and its error would name no commit.
      if (database !== null && planned.newFiles.length > 0) await proveRows(database, table, planned.newFiles)
      const statements = [...planned.statements, ...planned.ledger]
      try {
        if (statements.length > 0) await run(statements)
      } catch (error) {
        signal.throwIfAborted()
        throw statementError(`the views of ${table.table}${catalogWords(error)}`, error)
      }
      return planned
    })
    if (change !== null) changes.push(change)
  }
  return {
    statements: changes.flatMap(({ statements }) => statements),
    filesAdded: changes.reduce((sum, { filesAdded }) => sum + filesAdded, 0),
    filesRemoved: changes.reduce((sum, { filesRemoved }) => sum + filesRemoved, 0),
    ...(refused.size === 0 ? {} : { refused }),
  }
}

/** What the catalogue says names objects, never values; other errors stay in the cause. */
function catalogWords(error: unknown): string {
  const said = /^Catalog Error: ([^\n]+)/.exec(error instanceof Error ? error.message : '')?.[1]
  return said === undefined ? '' : ` (${said}; drop it, or register in another schema)`
}

/** Relations that stay as they are, and the commit that they show. */
function behindNow(
  { tables, kept = [] }: RegisterRequest,
  { commit, behind, relations }: Ledger,
  { refused }: RegisterOutcome,
): ReadonlyMap<string, number> {
  const stay = [...kept, ...tables.filter(({ table }) => refused?.has(table)).map(({ relation }) => relation)]
  const shown = stay.filter((relation) => relations.has(relation))
  return new Map(commit === null ? [] : shown.map((relation) => [relation, behind.get(relation) ?? commit]))
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
      for (const statement of LEDGER_DDL) await next.run(statement)
      const ledger = await readLedger(next, request)
      done = statementsFor(ledger)
      const forgotten = [...ledger.relations.keys()].flatMap((relation) => forgetRelation(request, relation))
      await inTransaction(next, [...done, ...forgotten, ...recordBehind(request, new Map()), forgetCommit(request)])
      return true
    }),
  )
  return done
}

/** What is recorded, or `none` where nothing can be read yet. */
async function recorded<Result>(file: ViewsFile, none: Result, ask: (database: Database) => Promise<Result>): Promise<Result> {
  await using database = await file.read().catch(() => null)
  return database === null ? none : await ask(database)
}

/** What is there is not trusted: a repair, or the commit that is shown already, asked for again. */
const isAnew = ({ repair, commit }: RegisterRequest, before: Ledger): boolean => repair ?? before.commit === commit

const isPast = (request: RegisterRequest, before: Ledger): boolean => before.commit !== null && before.commit > request.commit

async function inTransaction(database: Database, statements: readonly string[]): Promise<void> {
  await database.run('begin')
  try {
    for (const statement of statements) await database.run(statement)
    await database.run('commit')
  } catch (error) {
    await database.run('rollback').catch(() => undefined)
    throw error
  }
}
