/** What a comparison found: as text for people, and as a note without keys for the audit trail. */
import type { RowDifference } from '../integrations/reconcile/drill-down.ts'
import type { ReconcileReport, SideReport, TableReport } from '../integrations/reconcile/report.ts'
import type { CommandContext } from './command-context.ts'
import { counted, countText, durationText } from './format/quantities.ts'
import { renderTable } from './format/table.ts'
import { printable } from './format/text-width.ts'
import type { AuditNote } from './record-audit.ts'

/** Differences that are listed for people; `--json` has all that are known. */
const LISTED = 20

export async function printReport({ print }: Pick<CommandContext, 'print'>, report: ReconcileReport): Promise<void> {
  await print(
    renderTable(
      ['table', 'source rows', 'lake', ...warehouseNames(report), 'files', 'columns', 'result'],
      report.tables.map((table) => [
        table.table,
        table.sourceRows,
        sideText(table.sides.find(({ side }) => side === 'lake')),
        ...warehouseNames(report).map((name) =>
          sideText(table.sides.find((side) => side.side === 'warehouse' && side.name === name)),
        ),
        table.filesChecked,
        table.columns.compared,
        table.verdict,
      ]),
    ),
  )
  for (const table of report.tables) for (const line of tableLines(table, report)) await print(line)
  await print(`\n${summary(report)}`)
}

const warehouseNames = (report: ReconcileReport): readonly string[] => [
  ...new Set(report.tables.flatMap(({ sides }) => sides.flatMap(({ side, name }) => (side === 'warehouse' ? [name] : [])))),
]

function sideText(side: SideReport | undefined): string | null {
  if (side === undefined) return null
  return side.verdict === 'equal' ? '=' : side.verdict
}

function tableLines(table: TableReport, { sample }: ReconcileReport): readonly string[] {
  const lines: string[] = []
  for (const side of table.sides) {
    const name = side.side === 'lake' ? 'lake' : side.name
    if (side.reason !== null) lines.push(`  ${name}: ${side.reason}`)
    const found = side.differences.length + side.more
    if (found > 0) {
      const against = side.side === 'lake' ? 'the source' : 'the lake'
      lines.push(`  ${name} differs from ${against} in ${counted(found, 'key')}${side.more > 0 ? ' or more' : ''}:`)
      for (const difference of side.differences.slice(0, LISTED)) lines.push(`    ${differenceText(difference)}`)
      const rest = found - Math.min(LISTED, side.differences.length)
      if (rest > 0) lines.push(`    … and ${countText(rest)} more${side.more > 0 ? '' : ' (--json lists them)'}`)
    }
    if (side.floats.length > 0) lines.push(`  ${name}: count, least or greatest value differs in ${side.floats.join(', ')}`)
  }
  for (const { file, problem } of table.files) lines.push(`  file ${file} ${problem}`)
  for (const note of table.notes) lines.push(`  note: ${note}`)
  const ranged = table.columns.byRange
  if (ranged.length > 0 && sample >= 1) {
    lines.push(`  note: floats, in warehouses compared by count, least and greatest value: ${ranged.join(', ')}`)
  }
  return lines.length === 0 ? [] : [`\n${printable(table.table)}`, ...lines]
}

const KINDS: Readonly<Record<RowDifference['kind'], string>> = {
  missing: 'missing  ',
  extra: 'extra    ',
  value: 'value    ',
  duplicate: 'duplicate',
}

function differenceText({ kind, key, columns, files }: RowDifference): string {
  const named = Object.entries(key).map(([name, text]) => `${name}=${text ?? 'NULL'}`)
  const where = columns.length === 0 ? '' : `  in ${columns.join(', ')}`
  const file = files.length === 0 ? '' : `  (${files.map((each) => each.split('/').slice(-2).join('/')).join(', ')})`
  return printable(`${KINDS[kind]}  ${named.join(' ')}${where}${file}`)
}

function summary({ integration, tables, verdict, sample, seconds }: ReconcileReport): string {
  const count = (wanted: TableReport['verdict']) => tables.filter((table) => table.verdict === wanted).length
  const parts = [
    `${count('equal')} equal`,
    ...(['different', 'skipped', 'moving'] as const).flatMap((each) => (count(each) > 0 ? [`${count(each)} ${each}`] : [])),
  ]
  const share = sample < 1 ? `, a sample of ${Number((sample * 100).toPrecision(3))} % of the keys` : ''
  const positions = new Set(tables.flatMap(({ position }) => position ?? []))
  const [position] = positions
  const at = positions.size === 1 ? ` at position ${position}` : ''
  const end =
    verdict === 'equal'
      ? 'Source, lake and warehouses agree'
      : verdict === 'different'
        ? 'THERE ARE DIFFERENCES'
        : 'Not everything could be compared'
  return `${integration}: ${counted(tables.length, 'table')}${at}${share} in ${durationText(seconds * 1000)}: ${parts.join(', ')}. ${end}`
}

/** No keys, no values. */
export function reconcileNote({ verdict, tables, sample, deep, seconds }: ReconcileReport): AuditNote {
  const sum = (count: (table: TableReport) => number) => tables.reduce((total, table) => total + count(table), 0)
  return {
    event: 'reconcile',
    details: {
      verdict,
      tables: tables.length,
      rows: sum(({ sourceRows }) => sourceRows ?? 0),
      different: tables.flatMap(({ table, verdict: each }) => (each === 'different' ? [table] : [])).join(' '),
      skipped: tables.flatMap(({ table, verdict: each }) => (each === 'skipped' ? [table] : [])).join(' '),
      keys: sum(({ sides }) => sides.reduce((total, { differences, more }) => total + differences.length + more, 0)),
      files: sum(({ files }) => files.length),
      position: tables.find(({ position }) => position !== null)?.position ?? null,
      commit: tables.find(({ commit }) => commit !== null)?.commit ?? null,
      sample,
      deep,
      seconds,
    },
  }
}
