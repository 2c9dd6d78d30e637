/** Change lines as the lake would hold them: every change once, a changed key as a delete and an insert, columns not carried named. */
import type { ChangeLine } from './change-lines.ts'
import type { FeatureView } from './definition.ts'
import type { RowEvent } from './row-event.ts'
import { isComplete, newestPosition } from './row-merge.ts'
import { openRowStore } from './row-store.ts'
import type { Id, Stored } from './values.ts'

export type LakeChange = {
  /** Place of the line that brought it, from 0. */
  readonly line: number
  readonly source: string
  readonly op: 'c' | 'u' | 'd' | 't'
  readonly position: string
  readonly committedAt: number | null
  /** Columns without a known value. */
  readonly unchanged: readonly string[]
  /** In the order of `sourceShape`. */
  readonly values: readonly Stored[]
}

const OPS = { insert: 'c', update: 'u', delete: 'd', truncate: 't' } as const

export function lakeChanges(view: FeatureView, lines: readonly ChangeLine[]): readonly LakeChange[] {
  const store = openRowStore(view)
  const seen = new Set<string>()
  const changes: LakeChange[] = []
  for (const [line, { event, committedAt }] of lines.entries()) {
    if (event === null) continue
    const identity = JSON.stringify([event.source, event.position, event.key, event.oldKey])
    if (seen.has(identity)) continue
    seen.add(identity)
    const shape = store.sources.get(event.source)?.shape
    const write = (op: LakeChange['op'], key: Id, values: RowEvent['values']) => {
      const parts = op === 't' ? [] : shape?.key.length === 1 ? [key] : (JSON.parse(String(key)) as string[])
      const unchanged = op === 'd' || op === 't' ? [] : (shape?.columns ?? []).filter((_, index) => values[index] === undefined)
      const row = (shape?.columns ?? []).map((_, index): Stored => {
        const place = shape?.key.indexOf(index) ?? -1
        return place === -1 ? (values[index] ?? null) : (parts[place] ?? null)
      })
      changes.push({ line, source: event.source, op, position: event.position, committedAt, unchanged, values: row })
    }
    if (event.oldKey === null) write(OPS[event.op], event.key, event.values)
    else {
      const old = store.sources.get(event.source)?.rows.get(event.oldKey)
      const usable = old !== undefined && isComplete(old) && newestPosition(old) < event.position
      write('d', event.oldKey, [])
      write(
        'u',
        event.key,
        usable ? event.values.map((value, column) => (value === undefined ? old.values[column] : value)) : event.values,
      )
    }
    store.apply(event)
  }
  return changes
}
