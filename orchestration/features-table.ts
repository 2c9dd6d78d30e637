/** The table that a view's values are landed in: a log of its own beside that of the integration it is made from. I/O. */
import type { TableName } from '../connectors/change.ts'
import { ConnectorError } from '../connectors/errors.ts'
import { canonicalJson } from '../features/canonical.ts'
import type { Engine } from '../features/engine.ts'
import { type FeatureRow, featureBatch, featureColumns } from '../features/feature-table.ts'
import { openLander } from '../integrations/land/lander.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import { openLog } from '../integrations/land/log/log.ts'
import { landRows, type MadeRows, type MadeTable } from '../integrations/land/made-table.ts'
import { UsageError } from './exit-codes.ts'
import type { FeatureLake } from './features-lake.ts'
import { PARQUET } from './parquet-format.ts'
import { VERSION } from './version.ts'

/** Rows per batch. */
const BATCH_ROWS = 8_192

export type Written = {
  /** Null when the table held these values already, of the same time and position. */
  readonly commit: number | null
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
}

export type FeatureTable = {
  readonly integration: string
  readonly state: () => LogState
  /** The first call writes every entity, later ones those whose values differ. All of it in one commit, or nothing. */
  readonly write: (engine: Engine, asOf: number, position: string, signal: AbortSignal) => Promise<Written>
}

/** The writer token under which this process last held the log; shared by its attempts. */
export type Claims = { writer: string | null }

/** Log of its own: `features_<view>`. Throws `UsageError` when the name is taken. */
export async function openFeatureTable(
  lake: FeatureLake,
  view: Engine['view'],
  claims: Claims,
  signal: AbortSignal,
): Promise<FeatureTable> {
  const { environment, configuration, by } = lake.session
  const integration = `features_${view.name}`
  const { prefix, compression, targetFileBytes } = lake.integration.lake
  if (configuration.integrations.some(({ name }) => name === integration))
    throw new UsageError(`Integration "${integration}" of the configuration has the name of the feature table: rename one`)
  const { store } = lake
  const log = await openLog({ store, prefix, integration, environment, by, signal })
  const madeFrom = log.state().source?.database ?? lake.integration.name
  if (madeFrom !== lake.integration.name) {
    throw new UsageError(
      `The features of "${view.name}" in this lake are made from integration "${madeFrom}", not "${lake.integration.name}": give that one another prefix`,
    )
  }
  const holder = log.state().claim
  if (claims.writer !== null && holder !== claims.writer) {
    throw new ConnectorError('FENCED', `Feature table "${view.name}" was taken over by "${holder}". This process stops`)
  }
  const lander = openLander({ store, log, format: PARQUET, compression, targetFileBytes, metadata: new Map() })
  const made: MadeTable = {
    table: `public.${view.name}` as TableName,
    columns: featureColumns(view),
    key: ['entity'],
    comment: `Feature view ${view.name}, made from integration ${lake.integration.name}`,
  }
  const source = { system: 'features', timeline: 1, database: lake.integration.name, version: `Portage ${VERSION}`, epoch: 1 }
  let shown: ReadonlyMap<string, string> | null = null

  const claim = async (): Promise<void> => {
    if (log.state().claim === log.writer) return
    await log.claim(signal)
    claims.writer = log.writer
    await log.sweep(signal)
  }

  return {
    integration,
    state: () => log.state(),
    async write(engine, asOf, position, writing) {
      const row = (entity: string): FeatureRow => {
        return { entity, asOf, position, definition: engine.definition, features: engine.read(entity, asOf) }
      }
      const token = JSON.stringify({ as_of: asOf, position, definition: engine.definition })
      const known = shown
      const isRepeat = known === null && log.state().tables[made.table]?.storage === token
      const { rows, values } = compare(engine, row, known)
      const { insert = [], update = [], delete: gone = [] } = rows
      const nothing = isRepeat || (known !== null && insert.length + update.length + gone.length === 0)
      if (!nothing) {
        await claim()
        const at = new Date(asOf)
        const batches = batchesOf(view, rows)
        await landRows({ log, lander, made, replace: known === null, rows: batches, at, source, token }, writing)
      }
      shown = values
      const commit = nothing ? null : log.state().number
      return nothing
        ? { commit, inserted: 0, updated: 0, deleted: 0 }
        : { commit, inserted: insert.length, updated: update.length, deleted: gone.length }
    },
  }
}

type Differences = Partial<Record<MadeRows['op'], readonly FeatureRow[]>>

/** What has to be written over what is shown (null = everything), and what is shown then. In the order of the entities. */
function compare(
  engine: Engine,
  row: (entity: string) => FeatureRow,
  shown: ReadonlyMap<string, string> | null,
): { readonly rows: Differences; readonly values: ReadonlyMap<string, string> } {
  const values = new Map<string, string>()
  const insert: FeatureRow[] = []
  const update: FeatureRow[] = []
  for (const entity of [...engine.entities()].toSorted()) {
    const found = row(entity)
    const text = canonicalJson(found.features)
    values.set(entity, text)
    const before = shown?.get(entity)
    if (before === undefined) insert.push(found)
    else if (before !== text) update.push(found)
  }
  const gone = [...(shown?.keys() ?? [])].filter((entity) => !values.has(entity))
  const nothing = { values: {}, parts: {} }
  return { values, rows: { insert, update, delete: gone.map((entity) => ({ ...row(entity), features: nothing })) } }
}

function* batchesOf(view: Engine['view'], rows: Differences): Generator<MadeRows> {
  for (const op of ['delete', 'update', 'insert'] as const) {
    const all = rows[op] ?? []
    for (let start = 0; start < all.length; start += BATCH_ROWS) {
      yield { op, batch: featureBatch(view, all.slice(start, start + BATCH_ROWS)) }
    }
  }
}
