/** An SQL side for the tests of the protocol: answers what a script says, and notes what it was asked. */
import { once } from 'node:events'
import {
  type Binding,
  type ResultColumn,
  type SessionRequest,
  type SessionState,
  type SqlEngine,
  SqlError,
  type StatementResult,
  type WireType,
  type WireValue,
} from '../support/snowflake/engine.ts'

export type Executed = { readonly sql: string; readonly bindings: readonly Binding[]; readonly user: string }

export type Answer = {
  readonly columns: readonly (readonly [name: string, type: WireType, scale?: number])[]
  readonly rows: Iterable<readonly WireValue[]>
}

export type ScriptedEngine = SqlEngine & {
  readonly executed: readonly Executed[]
  readonly sessions: readonly (SessionRequest & { readonly closed: () => boolean })[]
}

/** `hang` runs until it is cancelled; what the script does not know is 001003. */
export function scriptedEngine(script: Readonly<Record<string, Answer>> = {}): ScriptedEngine {
  const executed: Executed[] = []
  const sessions: (SessionRequest & { readonly closed: () => boolean })[] = []
  return {
    executed,
    sessions,
    openSession: async (request) => {
      if (request.role === 'NOBODY') throw new SqlError('390189', '08004', `Role 'NOBODY' specified is not granted to this user.`)
      let closed = false
      sessions.push({ ...request, closed: () => closed })
      const parameters = new Map(Object.entries(request.parameters))
      const state: SessionState = {
        database: request.database,
        schema: request.schema,
        warehouse: request.warehouse,
        role: request.role ?? 'PUBLIC',
        parameters,
      }
      return {
        state,
        execute: async (sql, { bindings, signal }) => {
          executed.push({ sql, bindings, user: request.user })
          const [, name, value] = /^alter session set (\w+) = '(.*)'$/.exec(sql) ?? []
          if (name !== undefined && value !== undefined) parameters.set(name.toUpperCase(), value)
          if (sql === 'hang') {
            if (!signal.aborted) await once(signal, 'abort')
            throw new Error('stopped')
          }
          const answer = name === undefined ? script[sql] : { columns: [['status', 'text'] as const], rows: [['done']] }
          if (answer === undefined) throw new SqlError('001003', '42000', `SQL compilation error: unexpected '${sql}'.`)
          return resultOf(answer)
        },
        [Symbol.asyncDispose]: async () => {
          closed = true
        },
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function resultOf({ columns, rows }: Answer): StatementResult {
  return {
    columns: columns.map(([name, type, scale]) => columnOf(name, type, scale ?? null)),
    rows: batches(rows),
    statementType: 0x1000,
  }
}

function columnOf(name: string, type: WireType, scale: number | null): ResultColumn {
  return {
    name,
    type,
    nullable: true,
    precision: type === 'fixed' ? 38 : null,
    scale: type === 'fixed' ? (scale ?? 0) : type.startsWith('time') ? (scale ?? 9) : null,
    length: type === 'text' ? 16_777_216 : null,
    byteLength: type === 'text' ? 16_777_216 : null,
  }
}

async function* batches(rows: Iterable<readonly WireValue[]>): AsyncGenerator<readonly (readonly WireValue[])[]> {
  let batch: (readonly WireValue[])[] = []
  for (const row of rows) {
    batch.push(row)
    if (batch.length === 1000) {
      yield batch
      batch = []
    }
  }
  yield batch
}
