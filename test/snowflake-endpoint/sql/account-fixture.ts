/** An account on the SQL side alone, without HTTP, over a directory as its bucket. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { scratch } from '../../support/scratch.ts'
import type { Binding, ResultColumn, SqlSession, WireValue } from '../../support/snowflake/engine.ts'
import { SqlError } from '../../support/snowflake/engine.ts'
import { type LocalSqlEngine, openSqlEngine } from '../../support/snowflake/sql/sql-engine.ts'

export type Answer = {
  readonly columns: readonly ResultColumn[]
  readonly rows: readonly (readonly WireValue[])[]
  readonly statementType: number
}

export type TestSession = {
  readonly session: SqlSession
  readonly answer: (sql: string, bindings?: readonly Binding[], queryId?: string) => Promise<Answer>
  readonly rows: (sql: string, bindings?: readonly Binding[]) => Promise<readonly (readonly WireValue[])[]>
  /** The statements in turn. */
  readonly run: (...statements: readonly string[]) => Promise<void>
  /** `code state message` of a statement that must be refused. */
  readonly refusal: (sql: string) => Promise<string>
}

export type SqlAccount = AsyncDisposable &
  TestSession & {
    readonly engine: LocalSqlEngine
    readonly path: (...parts: readonly string[]) => string
    /** An object of the bucket `lake`. */
    readonly put: (key: string, bytes: Uint8Array) => string
    readonly open: (role?: string | null) => Promise<TestSession>
  }

const USER = 'ADA'

/** One database `DB`, a warehouse `WH`, roles READER and WRITER, stage `DB.PUBLIC.LAKE` over the bucket; the session is ACCOUNTADMIN's. */
export async function openSqlAccount(): Promise<SqlAccount> {
  const place = scratch()
  const engine = await openSqlEngine({
    directory: place.path('engine'),
    storage: { s3: null, directories: new Map([['lake', place.path('lake')]]) },
    users: [{ name: USER, roles: ['READER', 'WRITER'], defaultRole: 'ACCOUNTADMIN' }],
    roles: ['READER', 'WRITER'],
    databases: ['DB'],
    warehouses: ['WH'],
    integrations: [{ name: 'LAKE_ACCESS', allowed: ['s3://lake/'] }],
  })
  const sessions: SqlSession[] = []
  const open = async (role: string | null = null): Promise<TestSession> => {
    const session = await engine.openSession({
      user: USER,
      role,
      database: 'DB',
      schema: 'PUBLIC',
      warehouse: 'WH',
      parameters: {},
    })
    sessions.push(session)
    return testSession(session)
  }
  const own = await open()
  await own.run(
    "CREATE STAGE LAKE URL = 's3://lake/' STORAGE_INTEGRATION = LAKE_ACCESS",
    'CREATE FILE FORMAT PARQUET TYPE = PARQUET BINARY_AS_TEXT = FALSE',
  )
  return {
    ...own,
    engine,
    open,
    path: place.path,
    put: (key, bytes) => {
      const path = place.path('lake', key)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, bytes)
      return path
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) await session[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      place[Symbol.dispose]()
    },
  }
}

function testSession(session: SqlSession): TestSession {
  const answer: TestSession['answer'] = async (sql, bindings = [], queryId = randomUUID()) => {
    const { columns, rows, statementType } = await session.execute(sql, {
      bindings,
      queryId,
      signal: AbortSignal.timeout(60_000),
    })
    const all: (readonly WireValue[])[] = []
    for await (const batch of rows) all.push(...batch)
    return { columns, rows: all, statementType }
  }
  return {
    session,
    answer,
    rows: async (sql, bindings) => (await answer(sql, bindings)).rows,
    run: async (...statements) => {
      for (const sql of statements) await answer(sql)
    },
    refusal: async (sql) => {
      try {
        await answer(sql)
      } catch (error) {
        if (error instanceof SqlError) return `${error.code} ${error.sqlState} ${error.message}`
        throw error
      }
      throw new Error(`"${sql}" was not refused`)
    },
  }
}
