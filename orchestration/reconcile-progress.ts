/** How far a comparison is: one line redrawn on a terminal, a line per step elsewhere. On standard error; never a row value. */
import type { Environment } from '../connectors/ports.ts'
import type { ReconcileEvent } from '../integrations/reconcile/reconcile.ts'
import { counted, countText, durationText } from './format/quantities.ts'
import { printable } from './format/text-width.ts'
import type { Io } from './io.ts'

export type ReconcileProgress = { readonly emit: (event: ReconcileEvent) => void; readonly close: () => void }

const REDRAW_EVERY_MS = 100

export function reconcileProgress({ stderr }: Pick<Io, 'stderr'>, environment: Pick<Environment, 'now'>): ReconcileProgress {
  const rows = new Map<string, { source: number; lake: number }>()
  let drawn = false
  let drawnAt = 0
  const erase = () => (drawn ? '\r\u001b[K' : '')
  const line = (text: string) => {
    void stderr.write(`${erase()}${printable(text)}\n`)
    drawn = false
  }
  const draw = (text: string) => {
    const now = environment.now().getTime()
    if (!stderr.isTerminal || now - drawnAt < REDRAW_EVERY_MS) return
    void stderr.write(`\r\u001b[K${printable(text).slice(0, stderr.columns() - 1)}`)
    drawn = true
    drawnAt = now
  }
  const emit = (event: ReconcileEvent): void => {
    switch (event.kind) {
      case 'wait':
        line(event.message)
        return
      case 'position':
        line(`comparing ${counted(event.tables, 'table')} at ${event.position} (commit ${event.commit})`)
        return
      case 'rows': {
        const { table, side } = event
        const seen = rows.get(table) ?? { source: 0, lake: 0 }
        seen[side] += event.rows
        rows.set(table, seen)
        draw(`${table}  source ${countText(seen.source)}  lake ${countText(seen.lake)} rows`)
        return
      }
      case 'table': {
        const { table, verdict, seconds, reason } = event.report
        const why = reason === null || verdict === 'equal' ? '' : `: ${reason}`
        line(`${table}  ${verdict}  ${durationText(seconds * 1000)}${why}`)
        return
      }
      default:
        event satisfies never
    }
  }
  return {
    emit,
    close: () => {
      if (drawn) void stderr.write(erase())
      drawn = false
    },
  }
}
