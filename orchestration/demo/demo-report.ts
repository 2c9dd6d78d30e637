/** What the demo prints at its end. Pure. */
import { relative } from 'node:path'
import { bytesText, counted, durationText } from '../format/quantities.ts'
import { renderTable } from '../format/table.ts'
import type { TableSummary } from '../run-types.ts'
import { type Comparison, isEqual } from './compare.ts'
import { DEMO_INTEGRATION, type DemoPlaces } from './demo-config.ts'

export type DemoTotals = {
  readonly comparisons: readonly Comparison[]
  readonly tables: readonly TableSummary[]
  readonly transactions: number
  readonly commits: number
  readonly elapsedMs: number
}

/** The short table: rows, changes and files per table, and whether source and lake are equal. */
export function reportLines(totals: DemoTotals): readonly string[] {
  const written = new Map(totals.tables.map((each) => [String(each.table), each]))
  const rows = totals.comparisons.map((comparison) => {
    const summary = written.get(comparison.table)
    return [
      comparison.table,
      comparison.rows.source,
      comparison.rows.lake,
      summary?.changes ?? 0,
      summary?.files ?? 0,
      bytesText(summary?.bytes ?? 0),
      differenceText(comparison),
    ]
  })
  const head = [
    'table',
    'rows in source',
    'rows in lake',
    'changes',
    'files',
    { title: 'size', align: 'right' as const },
    'difference',
  ]
  const files = totals.tables.reduce((sum, table) => sum + table.files, 0)
  const changes = totals.tables.reduce((sum, table) => sum + table.changes, 0)
  return [
    renderTable(head, rows),
    '',
    [
      counted(changes, 'change'),
      counted(totals.transactions, 'transaction'),
      counted(totals.commits, 'commit'),
      counted(files, 'file'),
      durationText(totals.elapsedMs),
      totals.comparisons.every(isEqual) ? 'no difference' : 'SOURCE AND LAKE DIFFER',
    ].join(' · '),
  ]
}

function differenceText(comparison: Comparison): string {
  if (isEqual(comparison)) return 'no difference'
  const { onlySource, onlyLake, differing, keys } = comparison
  const parts = [
    [onlySource, 'only in source'],
    [onlyLake, 'only in lake'],
    [differing, 'with other values'],
  ] as const
  const text = parts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`])).join(', ')
  return `${text} (${keys.join(' ')})`
}

/** What has become of the endpoint, and how to have it back. */
export function bucketLines(places: DemoPlaces, commit: number): readonly string[] {
  const from = (path: string) => relative('', path) || '.'
  return [
    '',
    "The endpoint has stopped with the demo. Queries read DuckDB's copies of the bucket and need no endpoint; what reads",
    'the lake itself does. To have it back on the same objects, and to ask the lake from another terminal:',
    `  npx --no portage dev up --state ${from(places.state)} --config ${from(places.config)}`,
    `  npx --no portage query "select count(*) from ${DEMO_INTEGRATION}.loan" --at ${commit} --config ${from(places.config)}`,
  ]
}

/** Three commands that work on what the demo left behind, without its server. */
export function nextCommands(
  places: DemoPlaces,
  { file, loan }: { readonly file: string; readonly loan: number },
): readonly string[] {
  const from = (path: string) => relative('', path) || '.'
  const portage = 'npx --no portage'
  const config = `--config ${from(places.config)}`
  return [
    `${portage} query "select status, count(*) as loans, sum(amount) as amount from ${DEMO_INTEGRATION}.loan group by status order by loans desc" ${config}`,
    `${portage} query "select _op, _source_committed_at, status, currency from ${DEMO_INTEGRATION}.loan_changes where id = ${loan} order by _position" ${config}`,
    `${portage} inspect ${from(file)} --rows 3`,
  ]
}
