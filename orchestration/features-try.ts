/** `portage features try`: a definition evaluated on files of changes and reads. No services. */
import { readFile } from 'node:fs/promises'
import { ConnectorError } from '../connectors/errors.ts'
import { type ChangeLine, parseChangeLines, parseReadLines, type ReadLine, sameTable } from '../features/change-lines.ts'
import type { FeatureView } from '../features/definition.ts'
import { openEngine } from '../features/engine.ts'
import type { FeatureValues } from '../features/evaluate.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './exit-codes.ts'
import { findView } from './features-view.ts'
import { counted } from './format/quantities.ts'
import { type Cell, renderTable } from './format/table.ts'

export type TryOptions = {
  readonly view: string
  readonly changes: string
  readonly reads: string
  readonly engine: string
  readonly json: boolean
}

/** Values in the order of the reads. */
export type Evaluator = (
  view: FeatureView,
  changes: readonly ChangeLine[],
  reads: readonly ReadLine[],
) => Promise<readonly FeatureValues[]>

const MOST_PROBLEMS = 20

export async function tryFeatures(context: CommandContext, options: TryOptions): Promise<void> {
  const view = await findView(options.view)
  const changes = parseChangeLines(view, await textOf(options.changes), options.changes)
  const count = changes.problems.length === 0 ? changes.lines.length : Number.MAX_SAFE_INTEGER
  const reads = parseReadLines(await textOf(options.reads), options.reads, count)
  refuse([...changes.problems, ...reads.problems])
  const values = await (await evaluatorOf(options.engine))(view, changes.lines, reads.lines)
  for (const line of unusedTables(view, changes.lines)) await context.io.stderr.write(`${line}\n`)
  if (options.json) {
    for (const [index, { entity, asOfText }] of reads.lines.entries()) {
      await context.print(JSON.stringify({ entity, as_of: asOfText, ...values[index] }))
    }
    return
  }
  await context.print(
    renderTable(
      ['entity', 'as of', ...view.features.map(({ name }) => name)],
      reads.lines.map(({ entity, asOfText }, index) => [entity, asOfText, ...cells(view, values[index])]),
    ),
  )
}

async function evaluatorOf(engine: string): Promise<Evaluator> {
  if (engine === 'memory') return evaluateInMemory
  if (engine === 'sql') return (await import('./features-sql.ts')).evaluateInDuckdb
  throw new UsageError(`--engine ${engine}: expected memory or sql`)
}

/** Every line is a transaction of its own. */
const evaluateInMemory: Evaluator = async (view, changes, reads) => {
  const engine = openEngine(view)
  const values: FeatureValues[] = []
  const order = reads.map((read, index) => ({ read, index, after: read.afterLines ?? changes.length }))
  let applied = 0
  for (const { read, index, after } of order.toSorted((a, b) => a.after - b.after)) {
    for (; applied < after; applied++) {
      const event = changes[applied]?.event
      if (event) engine.apply([event])
    }
    values[index] = engine.read(read.entity, read.asOf)
  }
  return values
}

function cells(view: FeatureView, result: FeatureValues | undefined): readonly Cell[] {
  return view.features.map(({ name }) => {
    const part = result?.parts[name]
    const value = result?.values[name] ?? null
    return part === undefined ? value : `${value === null ? '' : `${value} `}(${part.numerator}/${part.denominator})`
  })
}

/** A misspelt table would otherwise be silence. The entity's own table is expected. */
function unusedTables(view: FeatureView, changes: readonly ChangeLine[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { event, table } of changes) {
    if (event === null && !sameTable(view.entity.table, table)) counts.set(table, (counts.get(table) ?? 0) + 1)
  }
  return [...counts].map(
    ([table, count]) => `${counted(count, 'change')} of table "${table}": view "${view.name}" does not use it`,
  )
}

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return
  const shown = problems.slice(0, MOST_PROBLEMS)
  const rest = problems.length > shown.length ? `\n… and ${problems.length - shown.length} more` : ''
  throw new ConnectorError('FORMAT', `${shown.join('\n')}${rest}`)
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new UsageError(`"${path}" cannot be read: expected a file of JSON lines`, { cause })
  }
}
