/** The metastore in memory behind a fake HiveServer2, so that commands can be run against it. */
import { rowsOf } from '../../../../connectors/hive/client/client.ts'
import { DONE, type FakeAnswer, type FakeFailure, failure, rowsAnswer } from '../answers.ts'
import { startFakeHive } from '../server.ts'
import { type Metastore, openMetastore } from './engine.ts'

export type MetastoreServer = AsyncDisposable & { readonly port: number; readonly metastore: Metastore }

/** Tables of ORC files can be registered, and not read: what is here reads Parquet. Its machine's time zone is UTC. */
export async function startMetastore(dialect: 'hive' | 'spark' = 'hive'): Promise<MetastoreServer> {
  const metastore = openMetastore(dialect)
  const signal = new AbortController().signal
  const answered = async (sql: string): Promise<FakeAnswer> => {
    if (sql.includes('java.util.TimeZone')) return rowsAnswer(['zone string'], [['sun.util.calendar.ZoneInfo[id="UTC"]']])
    try {
      if (!/^\s*(?:SELECT|SHOW|DESCRIBE|SET)\b/i.test(sql)) {
        await metastore.statement(sql.replace('STORED AS ORC', 'STORED AS PARQUET'), signal)
        return DONE
      }
      const found = await metastore.query(sql, signal)
      const rows = []
      for await (const row of rowsOf(found)) rows.push(row)
      const columns = found.columns.map(({ name, type }) => `${name} ${type}`)
      return rowsAnswer(columns, rows)
    } catch (error) {
      return failure('execute', { ...(error as Pick<FakeFailure, 'errorCode' | 'sqlState'>), message: String(error) })
    }
  }
  /** One statement after the other: the engine makes its views anew before a query. */
  let turn: Promise<unknown> = Promise.resolve()
  const server = await startFakeHive({
    script: (sql) => {
      const answer = turn.then(() => answered(sql))
      turn = answer
      return answer
    },
  })
  return {
    port: server.port,
    metastore,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await metastore[Symbol.asyncDispose]()
    },
  }
}
