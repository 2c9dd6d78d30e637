/** An engine that follows the lake: replayed once, then brought from commit to commit. I/O. */
import type { Position } from '../connectors/change.ts'
import { ConnectorError } from '../connectors/errors.ts'
import type { FeatureView } from '../features/definition.ts'
import { type Engine, openEngine } from '../features/engine.ts'
import { catchUp } from '../features/feed.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import { isRetaken } from '../integrations/land/retaken.ts'
import type { FeatureLake } from './features-lake.ts'

export type Replay = {
  /** The engine at the newest commit of the lake, and the position that it knows. */
  readonly newest: (signal: AbortSignal) => Promise<{ readonly engine: Engine; readonly position: Position }>
}

/** `newest` throws `NOT_FOUND` while a table of the view is still being copied for the first time. */
export function openReplay(view: FeatureView, lake: FeatureLake): Replay {
  let engine = openEngine(view)
  let shapes = ''
  return {
    newest: async (signal) => {
      const state = await lake.refresh()
      const { position } = state
      if (position === null) {
        throw new ConnectorError(
          'NOT_FOUND',
          `The lake of integration "${lake.integration.name}" has no position yet. Run "portage run ${lake.integration.name}"`,
        )
      }
      const now = shapesOf(lake, state)
      // What was deleted before a table's base was made anew is no longer said: such an engine begins again.
      if (now.text !== shapes || now.boundary > engine.position()) engine = openEngine(view)
      shapes = now.text
      await catchUp(engine, lake.reader, lake.tables, position, signal)
      engine.acknowledge(position)
      return { engine, position }
    },
  }
}

function shapesOf(lake: FeatureLake, state: LogState): { readonly text: string; readonly boundary: string } {
  const tables = [...lake.tables.values()].map((name) => {
    const table = state.tables[name]
    if (table?.base) {
      // Rows taken again lie below where an engine may stand.
      const retaken = table.changes.filter(isRetaken).map(({ key }) => key)
      const shape = [table.schema.id, table.schema.version, table.base.generation, ...retaken]
      return { shape, boundary: table.base.boundary }
    }
    throw new ConnectorError(
      'NOT_FOUND',
      `Table "${name}" of integration "${lake.integration.name}" is not complete yet: wait until "portage status ${lake.integration.name}" shows its rows`,
    )
  })
  return {
    text: JSON.stringify(tables.map(({ shape }) => shape)),
    boundary: tables.reduce<string>((top, { boundary }) => (boundary > top ? boundary : top), ''),
  }
}
