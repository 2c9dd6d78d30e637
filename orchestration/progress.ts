/** Shows the events of a run: bars on a terminal, one plain line per step elsewhere. Writes to standard error only. */
import { bytesText, counted, countText, durationText } from './format/quantities.ts'
import { printable } from './format/text-width.ts'
import type { Output } from './io.ts'
import { createBars } from './progress-bars.ts'
import { refusedText } from './run-summary.ts'
import type { ProgressEvent } from './run-types.ts'

export type Progress = {
  readonly emit: (event: ProgressEvent) => void
  /** Leaves the terminal tidy. Call once, before anything else is printed. */
  readonly close: () => void
}

export type ProgressOptions = { readonly output: Output; readonly now: () => Date }

/** Between two lines about the same moving thing. */
const LINE_EVERY_MS = 10_000

export function createProgress({ output, now }: ProgressOptions): Progress {
  const write = (text: string): void => {
    void output.write(text)
  }
  if (!output.isTerminal) return createLines((line) => write(`${line}\n`), now)
  const bars = createBars({ write, columns: output.columns, now })
  const lines = createLines(bars.line, now, { quiet: true })
  return {
    emit: (event) => {
      lines.emit(event)
      bars.update(event)
    },
    close: bars.close,
  }
}

type Totals = { commits: number; rows: number; bytes: number }

/** One line per step. `quiet` leaves out what bars show better. Pure but for `line`. */
export function createLines(
  line: (text: string) => void,
  now: () => Date,
  { quiet = false }: { readonly quiet?: boolean } = {},
): Progress {
  const lastAt = new Map<string, number>()
  const complete = new Set<string>()
  let since: Totals = { commits: 0, rows: 0, bytes: 0 }
  let current = false
  const say = (text: string): void => line(`${now().toISOString().slice(11, 19)} ${printable(text)}`)
  /** True when enough time has passed since the last line about `subject`, or since it was first asked about. */
  const due = (subject: string): boolean => {
    const at = now().getTime()
    const last = lastAt.get(subject)
    if (last !== undefined && at - last < LINE_EVERY_MS) return false
    lastAt.set(subject, at)
    return last !== undefined
  }

  const emit = (event: ProgressEvent): void => {
    switch (event.kind) {
      case 'step':
        say(event.detail === undefined ? event.step : `${event.step}: ${event.detail}`)
        return
      case 'waiting':
        say(`waiting: ${event.message}`)
        return
      case 'warning':
        say(`WARNING: ${event.message}`)
        return
      case 'snapshot': {
        const finished = event.complete && !complete.has(event.table)
        if (event.complete) complete.add(event.table)
        else complete.delete(event.table)
        if (finished) {
          say(`snapshot ${event.table}: ${counted(event.rows, 'row')}, complete`)
          return
        }
        if (!event.complete && !quiet && due(`snapshot ${event.table}`)) say(`snapshot ${event.table}: ${ofTotal(event)}`)
        return
      }
      case 'commit':
        if (event.commit === 'snapshot') return
        since = {
          commits: since.commits + 1,
          rows: event.tables.reduce((sum, { rows }) => sum + rows, since.rows),
          bytes: event.tables.reduce((sum, { bytes }) => sum + bytes, since.bytes),
        }
        return
      case 'follow': {
        const arrived = event.current && !current
        current = event.current
        if (quiet || (since.rows === 0 && !arrived)) return
        if (!arrived && lastAt.has('follow') && !due('follow')) return
        lastAt.set('follow', now().getTime())
        const landed = `${counted(since.rows, 'row')} (${bytesText(since.bytes)}) in ${counted(since.commits, 'commit')}`
        since = { commits: 0, rows: 0, bytes: 0 }
        say(`follow: ${landed}, ${lagText(event, now())}`)
        return
      }
      case 'schema':
        say(`schema ${event.table}: version ${event.version}${event.changes.length > 0 ? ` (${event.changes.join(', ')})` : ''}`)
        return
      case 'held':
        say(`HELD ${event.table}: ${event.changes.join(', ')}; warehouses ${heldText(event)}`)
        return
      case 'registered': {
        if (event.filesAdded + event.filesRemoved === 0) return
        const files = `${counted(event.filesAdded, 'file')} added, ${countText(event.filesRemoved)} removed`
        say(`registered ${event.connection} ${event.schema}: commit ${event.commit}, ${files}`)
        return
      }
      case 'refused':
        for (const each of event.tables) say(`!!! ${refusedText({ ...each, connection: event.connection })}`)
        if (event.tables.length === 0) say(`${event.connection} ${event.schema} holds every table again`)
        return
      case 'rejects':
        say(`REJECTED ${counted(event.rows, 'row')} of ${event.table} because of column ${event.column}`)
        return
      case 'attempt':
        say(`attempt ${event.attempt} failed, next in ${durationText(event.pauseMs)}: ${event.error}`)
        return
      case 'acknowledged':
      case 'health':
        return
      default:
        event satisfies never
    }
  }
  return { emit, close: () => undefined }
}

const heldText = ({ shown }: Extract<ProgressEvent, { kind: 'held' }>): string =>
  shown === 0 ? 'do not show it' : `stay at schema version ${shown}`

function ofTotal({ rows, total, chunks }: Extract<ProgressEvent, { kind: 'snapshot' }>): string {
  const share = chunks.planned === 0 ? '' : `, chunk ${chunks.done} of ${chunks.planned}`
  return total === null ? `${counted(rows, 'row')}${share}` : `${countText(rows)} of about ${counted(total, 'row')}${share}`
}

/** `through 2026-03-01T12:00:00Z, 1.5 s ago, 12 KiB behind` or `current`. */
export function lagText(event: Extract<ProgressEvent, { kind: 'follow' }>, now: Date): string {
  if (event.current) return 'current'
  const through = event.through === null ? 'nothing yet' : `through ${event.through}, ${age(event.through, now)} ago`
  return event.lagBytes === null ? through : `${through}, ${bytesText(event.lagBytes)} behind`
}

function age(iso: string, now: Date): string {
  return durationText(now.getTime() - Date.parse(iso))
}
