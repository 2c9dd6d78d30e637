/** The moving part of a terminal: one bar per table under snapshot and one line about following, redrawn in place. */
import { bytesText, countText, durationText } from './format/quantities.ts'
import { displayWidth, printable } from './format/text-width.ts'
import type { ProgressEvent } from './run-types.ts'

export type Bars = {
  readonly update: (event: ProgressEvent) => void
  /** Prints a lasting line above the moving part. */
  readonly line: (text: string) => void
  readonly close: () => void
}

export type BarsOptions = {
  readonly write: (text: string) => void
  readonly columns: () => number
  readonly now: () => Date
}

const REDRAW_EVERY_MS = 100
const MAX_BARS = 8
const BAR_CELLS = 24

type Snapshot = Extract<ProgressEvent, { kind: 'snapshot' }>
export type BarsState = {
  readonly snapshots: ReadonlyMap<string, { readonly event: Snapshot; readonly startedAt: number }>
  readonly follow: {
    readonly transactions: number
    readonly changes: number
    readonly commits: number
    readonly lag: string
  } | null
}

export function createBars({ write, columns, now }: BarsOptions): Bars {
  const snapshots = new Map<string, { event: Snapshot; startedAt: number }>()
  let follow: BarsState['follow'] = null
  let commits = 0
  let drawn = 0
  let drawnAt = 0
  const erase = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`)
  const draw = (above: string): void => {
    const frame = renderFrame({ snapshots, follow }, { columns: columns(), now: now().getTime() })
    write(`${erase()}${above}${frame.map((line) => `${line}\n`).join('')}`)
    drawn = frame.length
    drawnAt = now().getTime()
  }
  const update = (event: ProgressEvent): void => {
    if (event.kind === 'snapshot') {
      if (event.complete) snapshots.delete(event.table)
      else snapshots.set(event.table, { event, startedAt: snapshots.get(event.table)?.startedAt ?? now().getTime() })
    } else if (event.kind === 'follow') {
      const lag = event.current ? 'current' : event.lagBytes === null ? 'catching up' : `${bytesText(event.lagBytes)} behind`
      follow = { transactions: event.transactions, changes: event.changes, commits, lag }
    } else if (event.kind === 'commit') {
      commits += 1
      if (follow !== null) follow = { ...follow, commits }
    } else {
      return
    }
    if (now().getTime() - drawnAt >= REDRAW_EVERY_MS || (event.kind === 'snapshot' && event.complete)) draw('')
  }
  return {
    update,
    line: (text) => draw(`${text}\n`),
    close: () => {
      write(erase())
      drawn = 0
    },
  }
}

/** Lines of the moving part, none longer than the terminal. Pure. */
export function renderFrame(
  { snapshots, follow }: BarsState,
  { columns, now }: { readonly columns: number; readonly now: number },
): readonly string[] {
  const running = [...snapshots.values()]
  const lines = running.slice(0, MAX_BARS).map(({ event, startedAt }) => bar(event, now - startedAt))
  if (running.length > MAX_BARS) lines.push(`  … and ${running.length - MAX_BARS} more tables`)
  if (follow !== null) {
    const { changes, transactions, commits, lag } = follow
    lines.push(
      `follow  ${countText(changes)} changes · ${countText(transactions)} transactions · ${countText(commits)} commits · ${lag}`,
    )
  }
  return lines.map((line) => cut(printable(line), columns - 1))
}

function bar({ table, rows, total, chunks }: Snapshot, elapsedMs: number): string {
  const share = shareOf(rows, total, chunks)
  const filled = Math.round(share * BAR_CELLS)
  const cells = '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled)
  const rate = elapsedMs < 1000 ? '' : ` · ${countText(Math.round((rows / elapsedMs) * 1000))} rows/s`
  const left = share <= 0.02 || elapsedMs < 2000 ? '' : ` · ${durationText((elapsedMs / share) * (1 - share))} left`
  return `${cells} ${String(Math.floor(share * 100)).padStart(3)} %  ${table}  ${countText(rows)} rows${rate}${left}`
}

/** Estimates are often low: never 100 % before the table is complete. */
function shareOf(rows: number, total: number | null, chunks: Snapshot['chunks']): number {
  const byChunks = chunks.planned === 0 ? 0 : chunks.done / chunks.planned
  const share = total === null || total <= 0 ? byChunks : rows / total
  return Math.min(0.99, Math.max(0, share))
}

function cut(line: string, columns: number): string {
  if (displayWidth(line) <= columns) return line
  let text = ''
  for (const character of line) {
    if (displayWidth(text + character) > columns - 1) break
    text += character
  }
  return `${text}…`
}
