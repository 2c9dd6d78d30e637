/** An SQL side for tests of the client: sessions with parameters, and answers that a test scripts. */
import { once } from 'node:events'
import {
  type ResultColumn,
  type SessionState,
  type SqlEngine,
  SqlError,
  type StatementResult,
  type WireType,
  type WireValue,
} from '../../support/snowflake/engine.ts'

export type ScriptedAnswer = {
  readonly columns: readonly (readonly [name: string, type: WireType, precision?: number, scale?: number])[]
  readonly rows: readonly (readonly WireValue[])[]
}

export type ClientEngine = SqlEngine & {
  readonly executed: readonly string[]
  readonly bound: readonly string[]
  /** Parameters that keep their value whatever a session sets. */
  readonly stubborn: Map<string, string>
}

/** `hang` runs until it is cancelled, `refused` is 001003, `forbidden` 003001. */
export function clientEngine(script: Readonly<Record<string, ScriptedAnswer>>): ClientEngine {
  const executed: string[] = []
  const bound: string[] = []
  const stubborn = new Map<string, string>()
  return {
    executed,
    bound,
    stubborn,
    openSession: async (request) => {
      const parameters = new Map<string, string | number | boolean>(Object.entries(request.parameters))
      const { database, schema, warehouse } = request
      const state: SessionState = { database, schema, warehouse, role: request.role ?? 'PUBLIC', parameters }
      return {
        state,
        execute: async (sql, { bindings, signal }) => {
          executed.push(sql)
          bound.push(...bindings.map(({ type, value }) => `${type}:${value}`))
          if (sql.startsWith('ALTER SESSION SET ')) return setParameters(sql, parameters)
          if (sql === 'SHOW PARAMETERS IN SESSION') {
            const shown = new Map([...parameters, ...stubborn])
            return resultOf({
              columns: [
                ['key', 'text'],
                ['value', 'text'],
              ],
              rows: [...shown].map(([name, value]) => [name, String(value)]),
            })
          }
          if (sql === 'hang') {
            if (!signal.aborted) await once(signal, 'abort')
            throw new Error('stopped')
          }
          if (sql === 'forbidden') throw new SqlError('003001', '42501', `Insufficient privileges on 'SECRET'`)
          const answer = script[sql]
          if (answer === undefined) throw new SqlError('001003', '42000', `SQL compilation error: unexpected 'SECRET'.`)
          return resultOf(answer)
        },
        [Symbol.asyncDispose]: async () => undefined,
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function setParameters(sql: string, parameters: Map<string, string | number | boolean>): StatementResult {
  for (const [, name = '', text, word = ''] of sql.matchAll(/(\w+) = (?:'((?:[^'\\]|''|\\.)*)'|(\w+))/g)) {
    parameters.set(name, text === undefined ? word : text.replaceAll("''", "'"))
  }
  return resultOf({ columns: [['status', 'text']], rows: [['Statement executed successfully.']] })
}

function resultOf({ columns, rows }: ScriptedAnswer): StatementResult {
  return { columns: columns.map((column) => columnOf(...column)), rows: one(rows), statementType: 0x1000 }
}

async function* one(rows: ScriptedAnswer['rows']): AsyncGenerator<ScriptedAnswer['rows']> {
  yield rows
}

function columnOf(name: string, type: WireType, precision?: number, scale?: number): ResultColumn {
  const length = type === 'text' ? 16_777_216 : null
  const fixed = type === 'fixed'
  return {
    name,
    type,
    nullable: true,
    precision: fixed ? (precision ?? 38) : null,
    scale: fixed ? (scale ?? 0) : type.startsWith('time') ? (scale ?? 9) : null,
    length,
    byteLength: length,
  }
}
