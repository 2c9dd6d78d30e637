/** Feeds an engine from a source's stream or from the lake. */
import type { RecordBatch } from 'apache-arrow'
import type { ChangeSet, Position, TableName } from '../connectors/change.ts'
import type { ChangeReader } from '../connectors/ports.ts'
import { batchRows } from './arrow-rows.ts'
import { sameTable } from './change-lines.ts'
import type { FeatureView } from './definition.ts'
import type { Engine } from './engine.ts'
import { type RowEvent, type SourceShape, sourceShape } from './row-event.ts'

/** The tables of the view's sources, by name in the lake. */
export type SourceTables = ReadonlyMap<string, TableName>

/**
 * Takes change sets in the order of `Source.follow`. What was handed over becomes visible at a cut: readers see whole
 * transactions. Does not release the batches.
 */
export function changeSetFeed(engine: Engine): (set: ChangeSet) => void {
  const shapes = Object.entries(engine.view.sources).map(([name, { table }]) => ({
    table,
    shape: sourceShape(engine.view, name),
  }))
  let pending: RowEvent[] = []
  return (set) => {
    for (const { table, batch } of set.batches) {
      const shape = shapes.find((each) => sameTable(each.table, table.table))?.shape
      if (shape !== undefined) for (const event of batchRows(table.table, shape, batch)) pending.push(event)
    }
    if (set.cut === null) return
    engine.apply(pending)
    engine.advance(set.cut)
    pending = []
  }
}

/**
 * Reads what lies between the engine's position and a cut (null = the newest of the lake), and applies it at once. Returns that
 * cut. An engine that stands before a resync must start anew: the lake no longer says what was deleted in between.
 */
export async function catchUp(
  engine: Engine,
  reader: ChangeReader,
  tables: SourceTables,
  cut: Position | null,
  signal: AbortSignal,
): Promise<Position | null> {
  const head = cut ?? (await reader.head(signal))
  const after = engine.position() === '' ? null : (engine.position() as Position)
  let events: RowEvent[] = []
  for await (const { table, shape, batch } of lakeBatches(engine.view, reader, tables, { after, through: head }, signal)) {
    for (const event of batchRows(table, shape, batch)) {
      events.push(event)
      // Nobody reads an engine that begins: it need not be held back, and neither need its memory.
      if (after === null && events.length === FIRST_READ_ROWS) {
        engine.apply(events)
        events = []
      }
    }
  }
  engine.apply(events)
  if (head !== null) engine.advance(head)
  return head
}

/** Few enough to be gone before the collector would move them. */
const FIRST_READ_ROWS = 500

/** Rows after a cut up to another one; of a table base rows, then changes; table after table. */
async function* lakeBatches(
  view: FeatureView,
  reader: ChangeReader,
  tables: SourceTables,
  range: { readonly after: Position | null; readonly through: Position | null },
  signal: AbortSignal,
): AsyncGenerator<{ readonly table: TableName; readonly shape: SourceShape; readonly batch: RecordBatch }> {
  // Snapshot rows stand at a cut itself; the character sorts before every digit that could follow.
  const before = range.through === null ? null : (`${range.through}!` as Position)
  for (const [name, table] of tables) {
    const shape: SourceShape = sourceShape(view, name)
    for await (const batch of reader.read({ table, after: range.after, before, columns: shape.columns }, signal)) {
      yield { table, shape, batch }
    }
  }
}
