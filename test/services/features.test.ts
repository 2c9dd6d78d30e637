/** The generated SQL of features: run on Spark and compared with the brute-force evaluator; for Snowflake, parsed. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseChangeLines } from '../../features/change-lines.ts'
import type { ColumnType, FeatureView } from '../../features/definition.ts'
import { lakeChanges } from '../../features/lake-changes.ts'
import { loadView } from '../../features/load-view.ts'
import { sourceShape } from '../../features/row-event.ts'
import { asofColumns } from '../../features/sql/asof.ts'
import { spark as dialect } from '../../features/sql/dialect.ts'
import { type ScriptKind, sqlScript } from '../../features/sql/script.ts'
import { compact, shownValue } from '../../features/values.ts'
import { featureValues } from '../../orchestration/features-sql.ts'
import { type Line, oracle } from '../features/oracle.ts'
import { portfolio } from '../features/portfolio-view.ts'
import { EDGES, redelivered } from '../features/streams.ts'
import { python } from '../support/python.ts'
import { spark } from '../support/services/spark.ts'

const SCRIPTS = fileURLToPath(new URL('./features/', import.meta.url))
const GOLDEN = fileURLToPath(new URL('../golden/features/', import.meta.url))

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portage-features-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const SPARK_TYPES: Readonly<Record<ColumnType['kind'], string>> = {
  id: 'string',
  text: 'string',
  boolean: 'boolean',
  integer: 'decimal(20,0)',
  money: 'decimal(20,3)',
  instant: 'timestamp',
}

/** Change tables as JSON lines; the reader casts. */
async function changeTables(view: FeatureView, lines: readonly Line[], folder: string) {
  const parsed = parseChangeLines(view, lines.map((line) => JSON.stringify(line)).join('\n'), 'lines')
  expect(parsed.problems).toEqual([])
  const changes = lakeChanges(view, parsed.lines)
  const tables: Record<string, unknown> = {}
  for (const source of Object.keys(view.sources)) {
    const shape = sourceShape(view, source)
    const rows = changes
      .filter((change) => change.source === source)
      .map((change) => ({
        _op: change.op,
        _position: change.position,
        _source_committed_at: change.committedAt === null ? null : new Date(change.committedAt).toISOString(),
        _unchanged: change.unchanged.length === 0 ? null : change.unchanged.join(','),
        ...Object.fromEntries(
          shape.columns.map((column, index) => {
            const value = shownValue(change.values[index] ?? null, shape.types[index] ?? { kind: 'text' })
            return [column, value === null ? null : String(value)]
          }),
        ),
      }))
    const path = join(folder, `${source}.jsonl`)
    await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'))
    const columns = [
      ['_op', 'string'],
      ['_position', 'string'],
      ['_source_committed_at', 'timestamp'],
      ['_unchanged', 'string'],
      ...shape.columns.map((column, index) => [column, SPARK_TYPES[shape.types[index]?.kind ?? 'text']]),
    ]
    tables[`${source}_changes`] = { path, columns }
  }
  const position = parsed.lines.reduce(
    (newest, { event }) => (event !== null && event.position > newest ? event.position : newest),
    '',
  )
  return { tables, position }
}

const statementsOf = (view: FeatureView, kinds?: readonly ScriptKind[]) =>
  sqlScript(dialect, view, kinds)
    .split(/;\n/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')

/** Views of a few features each: Spark takes minutes to plan all of them in one statement. */
const PARTS: readonly FeatureView[] = [0, 3, 6, 9, 12].map((first) => {
  const features = portfolio.features.slice(first, first + 3)
  const nulls = Object.entries(portfolio.nulls).filter(([name]) => features.some((each) => each.name === name))
  return loadView({ ...portfolio, name: `portfolio_${first}`, features, nulls: Object.fromEntries(nulls) })
})

test('histories, the function and the mart on Spark equal the brute-force evaluator', async () => {
  const streams = fc.sample(redelivered, { numRuns: 40, seed: 3 })
  // The longest that leaves both clients with something.
  const lines = streams
    .filter((each) => ['c1', 'c2'].every((client) => oracle(portfolio, each, client, EDGES[1] ?? 0).values.accounts !== 0))
    .toSorted((a, b) => b.length - a.length)[0]
  if (lines === undefined) throw new Error('no stream has two clients')
  const { tables, position } = await changeTables(portfolio, lines, directory)
  const [first = portfolio] = PARTS
  const [mart = ''] = statementsOf(first, ['mart']).slice(-1)
  const asked = PARTS.map((view, index) => {
    const asOf = EDGES[(index * 5 + 1) % EDGES.length] ?? 0
    return { view, asOf, sql: `select * from ${view.name}__asof(${asOf}L, '${position}')`, args: {} }
  })
  const asOf = EDGES.at(-1) ?? 0
  const queries = [...asked, { view: first, asOf, sql: mart, args: { as_of_ms: asOf, known_position: position } }]
  const warehouse = join(directory, 'warehouse')
  await mkdir(warehouse)
  const statements = [...statementsOf(portfolio, ['history']), ...PARTS.flatMap((view) => statementsOf(view, ['asof']))]
  const cached = Object.keys(portfolio.sources).map((source) => `${source}_history`)
  const task = join(directory, 'task.json')
  await writeFile(
    task,
    JSON.stringify({ warehouse, tables, statements, cached, queries: queries.map(({ sql, args }) => ({ sql, args })) }),
  )
  const { stdout } = await spark(join(SCRIPTS, 'spark_sql.py'), { args: [task] })
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as readonly Record<string, unknown>[])
  expect(answers).toHaveLength(queries.length)
  let compared = 0
  for (const [index, query] of queries.entries()) {
    const rows = answers[index] ?? []
    expect(rows.map(({ entity }) => entity).toSorted()).toEqual(['c1', 'c2'])
    for (const row of rows) {
      const { view } = query
      expect(featureValues(view, exact(view, row))).toEqual(oracle(view, lines, String(row.entity), query.asOf))
      compared += view.features.length
    }
  }
  console.log(`Features on Spark: ${compared} values after ${lines.length} changes equal the brute-force evaluator`)
}, 600_000)

/** Whole decimals came as text. */
function exact(view: FeatureView, row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const whole = new Set(
    asofColumns(dialect, view)
      .filter(({ type }) => type !== dialect.double && type !== dialect.text)
      .map(({ name }) => name),
  )
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      whole.has(name) && (typeof value === 'string' || typeof value === 'number') ? compact(BigInt(value)) : value,
    ]),
  )
}

describe('the golden scripts are SQL to an independent parser', () => {
  test.each(['snowflake', 'spark', 'duckdb', 'postgres'])('of %s', async (engine) => {
    const files = (await readdir(GOLDEN)).filter((name) => name.endsWith(`.${engine}.sql`)).map((name) => join(GOLDEN, name))
    expect(files.length).toBeGreaterThan(2)
    const { stdout } = await python(join(SCRIPTS, 'sqlglot_parse.py'), [engine, ...files])
    const parsed = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { readonly statements: readonly string[] }).statements)
    expect(parsed).toHaveLength(files.length)
    for (const statements of parsed) expect(statements.length).toBeGreaterThan(2)
  })
})
