/** A client that answers by pattern: for what an account says rarely. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { SnowflakeAnswer, SnowflakeClient } from '../../../connectors/snowflake/client.ts'

type Row = Readonly<Record<string, string | null>>
export type Script = readonly (readonly [pattern: RegExp, answer: readonly Row[] | Error])[]

/** The first pattern that matches answers; nothing matches: no rows. `ran` notes the statements. */
export function scriptedClient(script: Script): SnowflakeClient & { readonly ran: readonly string[] } {
  const ran: string[] = []
  const run = async (sql: string): Promise<SnowflakeAnswer> => {
    ran.push(sql)
    const answer = script.find(([pattern]) => pattern.test(sql))?.[1] ?? []
    if (answer instanceof Error) throw answer
    const names = Object.keys(answer[0] ?? {})
    return {
      columns: names.map((name) => ({ name, type: 'text', scale: null, precision: null, nullable: true })),
      rows: answer.map((row) => names.map((name) => row[name] ?? null)),
      queryId: '',
    }
  }
  return {
    ran,
    run,
    stream: async (sql) => {
      const { rows, ...answer } = await run(sql)
      return {
        ...answer,
        batches: (async function* () {
          yield rows
        })(),
      }
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

/** What the server refuses, as the client throws it. */
export function refusal(code: string, sqlState: string, kind: ConnectorError['code'] = 'STATEMENT'): ConnectorError {
  return new ConnectorError(kind, `refused ${code}`, { cause: { code, sqlState } })
}
