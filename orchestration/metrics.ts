/**
 * Numbers of one run in the Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Gauges and
 * counters only, so the format is written here.
 */
import { durationText } from './format/quantities.ts'
import type { ProgressEvent } from './run-types.ts'

export type RunMetrics = {
  readonly take: (event: ProgressEvent) => void
  readonly text: () => string
  /** Null while this process holds the log and gets on; else why it is not ready, in words. */
  readonly unready: () => string | null
}

export type RunMetricsOptions = {
  /** A run without commit, snapshot rows or arriving changes for this long is stuck; null = it may be silent for ever. */
  readonly silentMs?: number | null
}

type Series = { readonly type: 'gauge' | 'counter'; readonly help: string; readonly values: Map<string, number> }

const SERIES = {
  portage_commits_total: ['counter', 'Commits of this process, by kind.'],
  portage_rows_total: ['counter', 'Rows landed by this process.'],
  portage_bytes_total: ['counter', 'Bytes of data files landed by this process.'],
  portage_transactions: ['gauge', 'Source transactions handed over by this attempt.'],
  portage_changes: ['gauge', 'Changes handed over by this attempt.'],
  portage_rejected_rows_total: ['counter', 'Rows kept aside by this process, per table and column.'],
  portage_newest_commit: ['gauge', 'Number of the newest commit.'],
  portage_last_commit_age_seconds: ['gauge', 'Seconds since the newest commit of this process.'],
  portage_through_age_seconds: ['gauge', 'Seconds since the newest landed source transaction was committed.'],
  portage_lag_bytes: ['gauge', "Bytes of the source's log not yet handed over."],
  portage_slot_retained_bytes: ['gauge', "Bytes of the source's log kept for this integration."],
  portage_slot_active: ['gauge', '1 when the slot is in use.'],
  portage_current: ['gauge', '1 when the source had nothing more to send.'],
  portage_registered_commit: ['gauge', 'Commit that a warehouse shows.'],
  portage_held: ['gauge', '1 while a warehouse keeps a table at an older shape.'],
  portage_refused: ['gauge', '1 while a warehouse cannot hold a table.'],
  portage_snapshot_rows: ['gauge', 'Rows read of a table under snapshot.'],
  portage_snapshot_complete: ['gauge', '1 when the snapshot of a table is complete.'],
  portage_attempts_total: ['counter', 'Attempts that failed and were tried again.'],
} as const satisfies Readonly<Record<string, readonly ['gauge' | 'counter', string]>>

type Name = keyof typeof SERIES
type Labels = Readonly<Record<string, string>>

/** Metrics of one integration. Ages are computed when `text` is called. */
export function createRunMetrics(integration: string, now: () => Date, { silentMs = null }: RunMetricsOptions = {}): RunMetrics {
  const series = new Map<Name, Series>()
  let lastCommitAt: number | null = null
  let through: string | null = null
  let claimed = false
  let failing = false
  let aliveAt = now().getTime()
  const values = (name: Name): Map<string, number> => {
    const found = series.get(name)
    if (found !== undefined) return found.values
    const [type, help] = SERIES[name]
    const made = { type, help, values: new Map<string, number>() }
    series.set(name, made)
    return made.values
  }
  const set = (name: Name, value: number | null, labels: Labels = {}): void => {
    if (value !== null) values(name).set(labelText({ integration, ...labels }), value)
  }
  const add = (name: Name, value: number, labels: Labels = {}): void => {
    const key = labelText({ integration, ...labels })
    values(name).set(key, (values(name).get(key) ?? 0) + value)
  }

  const take = (event: ProgressEvent): void => {
    if (event.kind === 'commit' || event.kind === 'follow' || event.kind === 'snapshot') {
      aliveAt = now().getTime()
      // Claiming again proves little: what failed may fail again.
      if (event.kind !== 'commit' || event.commit !== 'claim') failing = false
    }
    switch (event.kind) {
      case 'commit':
        claimed ||= event.commit === 'claim'
        lastCommitAt = now().getTime()
        through = event.through ?? through
        add('portage_commits_total', 1, { kind: event.commit })
        set('portage_newest_commit', event.number)
        for (const { table, rows, bytes } of event.tables) {
          add('portage_rows_total', rows, { table })
          add('portage_bytes_total', bytes, { table })
        }
        return
      case 'follow':
        set('portage_transactions', event.transactions)
        set('portage_changes', event.changes)
        set('portage_lag_bytes', event.lagBytes)
        set('portage_current', event.current ? 1 : 0)
        return
      case 'snapshot':
        set('portage_snapshot_rows', event.rows, { table: event.table })
        set('portage_snapshot_complete', event.complete ? 1 : 0, { table: event.table })
        return
      case 'rejects':
        add('portage_rejected_rows_total', event.rows, { table: event.table, column: event.column })
        return
      case 'registered':
        set('portage_registered_commit', event.commit, { connection: event.connection, schema: event.schema })
        values('portage_held').clear()
        for (const table of event.held) set('portage_held', 1, { table })
        return
      case 'refused':
        for (const key of values('portage_refused').keys()) {
          if (key.startsWith(labelText({ integration, ...placeOf(event) }).slice(0, -1))) values('portage_refused').delete(key)
        }
        for (const { table } of event.tables) set('portage_refused', 1, { ...placeOf(event), table })
        return
      case 'health':
        set('portage_slot_retained_bytes', event.health.retainedBytes)
        set('portage_lag_bytes', event.health.lagBytes)
        set('portage_slot_active', event.health.active === null ? null : Number(event.health.active))
        return
      case 'held':
        set('portage_held', 1, { table: event.table })
        return
      case 'attempt':
        failing = true
        add('portage_attempts_total', 1)
        return
      case 'step':
      case 'waiting':
      case 'warning':
      case 'schema':
      case 'acknowledged':
        return
      default:
        event satisfies never
    }
  }

  const text = (): string => {
    if (lastCommitAt !== null) set('portage_last_commit_age_seconds', (now().getTime() - lastCommitAt) / 1000)
    if (through !== null) set('portage_through_age_seconds', (now().getTime() - Date.parse(through)) / 1000)
    const blocks = [...series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => block(name, each))
    return `${blocks.join('\n')}\n`
  }
  const unready = (): string | null => {
    if (!claimed) return 'the log is not claimed yet'
    if (failing) return 'the last attempt failed, and the next has not come through yet'
    const silent = now().getTime() - aliveAt
    return silentMs !== null && silent > silentMs ? `nothing has been committed or read for ${durationText(silent)}` : null
  }
  return { take, text, unready }
}

function block(name: string, { type, help, values }: Series): string {
  const lines = [...values].map(([labels, value]) => `${name}${labels} ${value}`)
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n')
}

const placeOf = ({ connection, schema }: { readonly connection: string; readonly schema: string }): Labels => ({
  connection,
  schema,
})

function labelText(labels: Labels): string {
  const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')}}`
}
