/** The SQL side of the local endpoint: one account, its sessions, its statements, on DuckDB. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type SessionRequest, type SqlEngine, SqlError, type SqlSession } from '../engine.ts'
import { accessOf, rolesOf } from './catalogue/access.ts'
import { type Account, type AccountOptions, openAccount } from './catalogue/account.ts'
import { namesOf } from './catalogue/names.ts'
import { openDuck } from './duck.ts'
import { syntaxError } from './errors.ts'
import { commitsFirst, execute, writesRows } from './execute.ts'
import { openExternalFiles } from './external/files.ts'
import { keeping } from './kept-results.ts'
import { parseStatement } from './parse/statement.ts'
import type { EngineParts, Run } from './run.ts'
import { checkedParameter, initialParameters, PARAMETERS, type SessionWork, stateOf } from './session-state.ts'
import { openBuckets, type StorageOptions } from './stage/buckets.ts'
import { openCopies } from './stage/copies.ts'
import { endTransaction } from './statements/session.ts'
import type { UnloadFault } from './unload/faults.ts'

export type SqlEngineOptions = {
  /** Default: `PORTAGE`. */
  readonly account?: string
  /** A directory of this engine alone: copies of staged files, temporary files. */
  readonly directory: string
  readonly storage: StorageOptions
  readonly users: readonly { readonly name: string; readonly roles: readonly string[]; readonly defaultRole: string }[]
  /** Besides ACCOUNTADMIN, SECURITYADMIN, USERADMIN, SYSADMIN and PUBLIC. */
  readonly roles?: readonly string[]
  readonly databases?: readonly string[]
  readonly warehouses?: readonly string[]
  /** Storage integrations and the URLs that they allow; `*` allows all. */
  readonly integrations?: AccountOptions['integrations']
  readonly now?: () => Date
}

export type LocalSqlEngine = SqlEngine & {
  readonly account: Account
  /** The next unloads that write so many files fail then, and leave what they wrote. */
  failUnload(afterFiles: number, times?: number): void
}

export async function openSqlEngine(options: SqlEngineOptions): Promise<LocalSqlEngine> {
  const now = options.now ?? (() => new Date())
  const account = openAccount({
    name: options.account ?? 'PORTAGE',
    databases: options.databases ?? [],
    warehouses: options.warehouses ?? [],
    roles: options.roles ?? [],
    users: options.users,
    integrations: options.integrations ?? [],
    now,
  })
  const unloads = join(options.directory, 'unloads')
  const temporary = join(options.directory, 'temporary')
  await mkdir(unloads, { recursive: true })
  await mkdir(temporary, { recursive: true })
  const duck = await openDuck(null, temporary)
  const buckets = openBuckets(options.storage, account)
  const unloadFaults: UnloadFault[] = []
  const engine: EngineParts = {
    account,
    duck,
    buckets,
    files: openExternalFiles(openCopies(join(options.directory, 'copies')), buckets, duck),
    now,
    directory: unloads,
    unloadFaults,
  }
  let sessions = 0
  return {
    account,
    failUnload: (afterFiles, times = 1) => void unloadFaults.push({ afterFiles, times }),
    openSession: async (request) => {
      sessions += 1
      return openSession(engine, begin(account, request, sessions))
    },
    [Symbol.asyncDispose]: async () => {
      await buckets[Symbol.asyncDispose]()
      await duck[Symbol.asyncDispose]()
    },
  }
}

/** As Snowflake has it: a database, schema or warehouse that is not there leaves the session without one; a role is refused. */
function begin(account: Account, request: SessionRequest, id: number): SessionWork {
  const stored = (name: string | null): string | null =>
    name === null ? null : /^".*"$/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name.toUpperCase()
  const user = account.users.get(stored(request.user) ?? '')
  if (user === undefined) throw new SqlError('390100', '08001', 'Incorrect username or password was specified.')
  const role = stored(request.role) ?? user.defaultRole
  if (![...user.roles].some((each) => rolesOf(account, each).has(role)) || !account.roles.has(role)) {
    throw new SqlError(
      '390189',
      '08001',
      `Role '${role}' specified in the connect string does not exist or not authorized. Contact your local system administrator, or attempt to login with another role.`,
    )
  }
  const access = accessOf(account, role)
  const database = account.databases.get(stored(request.database) ?? '')
  const usable = database !== undefined && access.has(database, 'USAGE') ? database : null
  const schema = usable?.schemas.get(stored(request.schema) ?? 'PUBLIC')
  const warehouse = account.warehouses.get(stored(request.warehouse) ?? '')
  const parameters = initialParameters()
  for (const [name, value] of Object.entries(request.parameters)) {
    const key = name.toUpperCase()
    // Drivers send parameters of their own; those of SQL must be right.
    if (Object.hasOwn(PARAMETERS, key)) parameters.set(key, checkedParameter(key, value))
  }
  return {
    id,
    user: user.name,
    database: usable?.name ?? null,
    schema: schema !== undefined && access.has(schema, 'USAGE') ? schema.name : null,
    warehouse: warehouse !== undefined && access.has(warehouse, 'USAGE') ? warehouse.name : null,
    role,
    parameters,
    transaction: null,
    queries: [],
    results: new Map(),
    temporary: new Set(),
  }
}

const KEPT_RESULTS = 50

function openSession(engine: EngineParts, session: SessionWork): SqlSession {
  return {
    get state() {
      return stateOf(session)
    },
    execute: async (sql, { bindings, queryId, signal }) => {
      try {
        const { statement, bindings: wanted } = parseStatement(sql)
        if (wanted > bindings.length) throw syntaxError({ raw: '?', line: 1, position: Math.max(sql.indexOf('?'), 0) })
        if (commitsFirst(statement)) await endTransaction({ session, signal }, 'commit')
        const access = accessOf(engine.account, session.role)
        const { transaction } = session
        if (transaction !== null && writesRows(statement)) transaction.wrote = true
        // A statement that reads beside an open transaction may fail without ending it; Snowflake reads what is committed anyway.
        const own = transaction?.wrote === true ? null : await engine.duck.connect()
        try {
          const connection = own ?? transaction?.connection
          if (connection === undefined) throw new RangeError('no connection')
          const run: Run = {
            engine,
            session,
            access,
            names: namesOf(engine.account, session, access),
            connection,
            bindings,
            queryId,
            now: engine.now(),
            signal,
          }
          const { result, kept } = keeping(await execute(run, statement))
          session.results.set(queryId, kept)
          const [oldest] = session.results.keys()
          if (session.results.size > KEPT_RESULTS && oldest !== undefined) session.results.delete(oldest)
          return result
        } finally {
          own?.[Symbol.dispose]()
        }
      } finally {
        session.queries.push(queryId)
      }
    },
    [Symbol.asyncDispose]: async () => {
      const signal = new AbortController().signal
      await endTransaction({ session, signal }, 'rollback')
      if (session.temporary.size === 0) return
      using connection = await engine.duck.connect()
      for (const object of session.temporary) {
        const { schema, name } = object
        if (object.kind === 'STAGE') {
          if (schema.stages.get(name) === object) schema.stages.delete(name)
        } else if (object.kind === 'FILE FORMAT') {
          if (schema.formats.get(name) === object) schema.formats.delete(name)
        } else {
          if (schema.relations.get(name) === object) schema.relations.delete(name)
          if (object.kind === 'TABLE') await connection.run(`DROP TABLE IF EXISTS ${object.duck}`, signal)
        }
      }
    },
  }
}
