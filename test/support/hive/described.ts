/** A fake server that says of its tables what Hive 4.0.1 and Spark 4.1 said of theirs (`test/connectors/hive/described/`). */
import { readFileSync } from 'node:fs'
import { DONE, failure, rowsAnswer, type Script } from './answers.ts'

type Said = Readonly<Record<string, readonly (readonly (string | null)[])[]>>

/** `rewrite` puts other texts into what was said: locations of the test's own. Other statements are asked of `more`. */
export function describedTables(
  dialect: 'hive' | 'spark',
  {
    rewrite = (text) => text,
    more = () => undefined,
  }: { readonly rewrite?: (text: string) => string; readonly more?: Script } = {},
): Script {
  const file = new URL(`../../connectors/hive/described/${dialect}.json`, import.meta.url)
  const said = JSON.parse(readFileSync(file, 'utf8')) as Said
  return async (sql) => {
    if (sql.startsWith('SET spark.')) return DONE
    const rows = said[sql]
    if (rows === undefined) return (await more(sql)) ?? absent(sql)
    const width = Math.max(1, ...rows.map((row) => row.length))
    const columns = Array.from({ length: width }, (_, index) => `c${index} string`)
    return rowsAnswer(
      columns,
      rows.map((row) => row.map((cell) => (cell === null ? null : rewrite(cell)))),
    )
  }
}

function absent(sql: string) {
  if (!sql.startsWith('DESCRIBE')) return undefined
  return failure('execute', {
    message: 'Error while compiling statement: FAILED: SemanticException [Error 10001]: Table not found',
    errorCode: 10_001,
    sqlState: '42S02',
  })
}
