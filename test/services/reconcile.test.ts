/** The checksum SQL of engines without a connector yet: Spark runs it, a parser of their dialects reads the others. */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { checksumSql, printsSql, rowsSql } from '../../integrations/reconcile/checksum-sql.ts'
import { vectorColumns, vectorFile, vectorSums, vectors } from '../support/checksum-vectors.ts'
import { python } from '../support/python.ts'
import { scratch } from '../support/scratch.ts'
import { spark } from '../support/services/spark.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

test('Spark comes to the vectors', { timeout: 300_000 }, async () => {
  using root = scratch()
  const columns = vectorColumns('`')
  const query = { from: 'vector t', columns, key: columns.slice(0, 1), digits: 1, prefixes: null }
  await writeFile(root.path('f.parquet'), await vectorFile())
  await writeFile(
    root.path('statements.json'),
    JSON.stringify([rowsSql('spark', query), printsSql('spark', query), checksumSql('spark', query)]),
  )
  const { stdout } = await spark(here('reconcile/spark_checksum.py'), {
    args: [root.path('f.parquet'), root.path('statements.json')],
  })
  const [rows = [], prints = [], sums = []] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as readonly (readonly string[])[])
  expect(rows.map(([key, ...fields]) => ({ row: fields.join('\u001f'), key }))).toEqual(
    vectors().map(({ row, key }) => ({ row, key })),
  )
  expect(prints).toEqual(vectors().map(({ key, md5 }) => [key, md5.slice(0, 15)]))
  expect(sums.toSorted()).toEqual(vectorSums())
})

test.each(['snowflake', 'hive', 'spark', 'duckdb'])(
  'a parser of the dialect reads the SQL for %s',
  { timeout: 300_000 },
  async (dialect) => {
    using root = scratch()
    const golden = await readFile(here(`../golden/reconcile/${dialect}.sql`), 'utf8')
    const statements = golden.split(';\n').filter((statement) => statement.trim() !== '')
    await writeFile(root.path('statements.json'), JSON.stringify(statements))
    const { stdout } = await python(here('reconcile/parse_sql.py'), [dialect, root.path('statements.json')])
    expect(JSON.parse(stdout)).toEqual({ parsed: 4 })
  },
)
