/** `transfer` as a command: the plan shown first, progress, one line at the end. */
import { ConnectorError } from '../../connectors/errors.ts'
import type { CommandContext } from '../command-context.ts'
import { bytesText, counted, countText, durationText } from '../format/quantities.ts'
import { renderTable } from '../format/table.ts'
import { printable } from '../format/text-width.ts'
import type { Output } from '../io.ts'
import { printJson } from '../output.ts'
import { openSession } from '../session.ts'
import type { TransferOptions } from './options.ts'
import { type TransferPlan, type TransferResult, transfer } from './transfer.ts'

export async function transferCommand(context: CommandContext, options: TransferOptions): Promise<void> {
  const session = openSession(context)
  const { stderr } = context.io
  const progress = createProgress(stderr, session.environment.now)
  let plan: TransferPlan | null = null
  const planned = async (made: TransferPlan): Promise<void> => {
    plan = made
    if (options.json) return
    // What is about to happen is no result, unless it is all that was asked for.
    const output = options.dryRun ? context.io.stdout : stderr
    for (const line of planLines(made, options.dryRun)) await output.write(`${line}\n`)
  }
  let result: TransferResult | null
  try {
    const warn = (message: string): void => progress.line(`WARNING: ${message}`)
    result = await transfer(session, options, { planned, moved: progress.moved, warn }, context.signal)
  } catch (error) {
    if (!context.signal.aborted) throw error
    throw new ConnectorError('ABORTED', 'The transfer was stopped: all of its rows are there, or none. Run it again to be sure', {
      cause: error,
    })
  } finally {
    progress.close()
  }
  if (options.json) return printJson(context, { plan, ...(result === null ? { dryRun: true } : { result }) })
  if (result === null) return
  for (const line of resultLines(options, result)) await context.print(line)
}

/** Pure. */
export function planLines(plan: TransferPlan, dryRun: boolean): readonly string[] {
  const { from, to, mode, dialect, estimatedRows, columns, notes, statements } = plan
  const csv = dialect !== null
  const noted = columns.some(({ note }) => note !== null)
  const titles = ['column', ...(csv ? ['type', 'basis'] : ['source', 'type']), 'target', ...(noted ? ['note'] : [])]
  const rows = columns.map((each) => [
    each.column,
    ...(csv ? [each.type, each.basis ?? ''] : [each.source, each.type]),
    each.target,
    ...(noted ? [each.note ?? ''] : []),
  ])
  const about = estimatedRows === null ? '' : `, about ${counted(estimatedRows, 'row')}`
  return [
    printable(`${from} → ${to}, ${mode}${about}`),
    ...(dialect === null ? [] : [printable(`CSV: ${dialect}`)]),
    '',
    ...renderTable(titles, rows).split('\n'),
    '',
    ...notes.map((note) => `${note}`),
    ...(dryRun ? statements.map((statement) => `  ${statement}`) : []),
    ...(dryRun ? ['Dry run: nothing was read beyond the sample, nothing was written'] : []),
  ]
}

/** Pure. */
export function resultLines({ from, to }: Pick<TransferOptions, 'from' | 'to'>, result: TransferResult): readonly string[] {
  const { rows, bytes, rejected, repeated, commit, files, seconds, registered, original } = result
  const names = printable(`${from.length > 60 ? `${from.slice(0, 57)}…` : from} → ${to}`)
  if (repeated) return [`${names}: the same rows were transferred before; nothing was done. --again does it all the same`]
  const rate = seconds > 1 ? ` (${countText(Math.round(rows / seconds))} rows/s)` : ''
  const parts = [
    counted(rows, 'row'),
    ...(bytes === null ? [] : [bytesText(bytes)]),
    ...(files === null ? [] : [counted(files, 'file')]),
    ...(commit === null ? [] : [`commit ${commit}`]),
  ]
  return [
    `${names}: ${parts.join(', ')} in ${durationText(seconds * 1000)}${rate}`,
    ...(rejected === 0
      ? []
      : [`REJECTED ${counted(rejected, 'row')}: they are not in the table; each is kept with its line and reason`]),
    ...(original === null ? [] : [`original kept: ${original}`]),
    ...(registered === null
      ? []
      : [
          `portage query --connection ${registered.connection} '${`select * from ${registered.relation} limit 10`.replaceAll("'", `'\\''`)}'`,
        ]),
  ]
}

const LINE_EVERY_MS = 10_000
const REDRAW_EVERY_MS = 200

type Progress = {
  readonly moved: (rows: number, read: { readonly done: number; readonly total: number } | null) => void
  readonly line: (text: string) => void
  readonly close: () => void
}

/** One moving line on a terminal, a plain line now and then elsewhere. */
function createProgress(output: Output, now: () => Date): Progress {
  const started = now().getTime()
  let last = started
  let drawn = false
  const erase = (): string => (drawn ? '\r\u001b[2K' : '')
  return {
    moved: (rows, read) => {
      const at = now().getTime()
      if (at - last < (output.isTerminal ? REDRAW_EVERY_MS : LINE_EVERY_MS)) return
      last = at
      const share =
        read === null || read.total === 0
          ? ''
          : `, ${bytesText(read.done)} of ${bytesText(read.total)}, ${Math.floor((read.done / read.total) * 100)} %`
      const text = `transfer: ${counted(rows, 'row')}${share}, ${countText(Math.round((rows * 1000) / Math.max(1, at - started)))} rows/s`
      void output.write(output.isTerminal ? `${erase()}${text}` : `${new Date(at).toISOString().slice(11, 19)} ${text}\n`)
      drawn = output.isTerminal
    },
    line: (text) => {
      void output.write(`${erase()}${printable(text)}\n`)
      drawn = false
    },
    close: () => {
      if (drawn) void output.write(erase())
      drawn = false
    },
  }
}
