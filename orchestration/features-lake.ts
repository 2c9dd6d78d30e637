/** The tables of a feature view in the lake of an integration: to be read row by row, or asked by SQL. I/O. */
import type { LoadedIntegration } from '../config/integration.ts'
import type { TableName } from '../connectors/change.ts'
import { ConnectorError } from '../connectors/errors.ts'
import { typeName } from '../connectors/logical-type.ts'
import type { ChangeReader, ObjectStore, Warehouse } from '../connectors/ports.ts'
import { converter } from '../features/arrow-rows.ts'
import { sameTable } from '../features/change-lines.ts'
import type { FeatureView } from '../features/definition.ts'
import type { SourceTables } from '../features/feed.ts'
import { duckdb } from '../features/sql/dialect.ts'
import { historySql } from '../features/sql/history.ts'
import type { LogState } from '../integrations/land/log/commit.ts'
import { loadState } from '../integrations/land/log/read.ts'
import { openChangeReader } from '../integrations/read/change-reader.ts'
import { registrationOf } from '../integrations/register/registration.ts'
import type { CommandContext } from './command-context.ts'
import { openWarehouseAt } from './query-at.ts'
import { integrationNamed, openSession, type Session } from './session.ts'

export type FeatureLake = AsyncDisposable & {
  readonly session: Session
  readonly integration: LoadedIntegration
  readonly store: ObjectStore
  readonly reader: ChangeReader
  readonly tables: SourceTables
  /** What everything here is read at. */
  readonly state: () => LogState
  /** Goes on to the newest commit. */
  readonly refresh: () => Promise<LogState>
  /** A throw-away DuckDB over the files of the same commit. */
  readonly openSql: () => Promise<LakeSql>
}

export type LakeSql = AsyncDisposable & {
  readonly warehouse: Warehouse
  /** `<source>_history as …` of every source: common table expressions for the front of a statement. */
  readonly histories: readonly string[]
  readonly history: (source: string) => string
  /** The relation of a source's changes. */
  readonly changes: (source: string) => string
}

const SCHEMA = 'lake'

/** `integration`: its name; may be undefined when there is only one. Throws `NOT_FOUND` when a table of the view is not there. */
export async function openFeatureLake(
  context: CommandContext,
  view: FeatureView,
  integration: string | undefined,
): Promise<FeatureLake> {
  const { signal } = context
  const session = openSession(context)
  const { configuration, environment, opener } = session
  const found = integrationNamed(configuration, integration)
  const { name, lake } = found
  await using stack = new AsyncDisposableStack()
  const store = stack.use(await opener.store(lake.connection))
  const load = () => loadState(store, { prefix: lake.prefix, integration: name }, { signal })
  let state = await load()
  const tables = tablesOf(view, name, state)
  const kept = stack.move()
  return {
    session,
    integration: found,
    store,
    tables,
    state: () => state,
    refresh: async () => {
      state = await load()
      return state
    },
    reader: openChangeReader({ store, state: async () => state }),
    openSql: async () => {
      const place = { store, prefix: lake.prefix, integration: name, at: state.number, schema: SCHEMA }
      const warehouse = await openWarehouseAt(place, environment, signal)
      const options = { integration: name, schema: SCHEMA, dialect: warehouse.dialect, store, dryRun: true }
      return lakeSql(view, warehouse, tables, state, registrationOf(state, options)?.tables ?? [])
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

function tablesOf(view: FeatureView, integration: string, state: LogState): SourceTables {
  const names = Object.keys(state.tables) as TableName[]
  return new Map(
    Object.entries(view.sources).map(([source, { table }]) => {
      const found = names.filter((name) => sameTable(table, name))
      const [only] = found
      if (only !== undefined && found.length === 1) return [source, only]
      const problem = found.length === 0 ? `it has ${names.join(', ') || 'none yet'}` : `it has ${found.join(' and ')}`
      throw new ConnectorError(
        'NOT_FOUND',
        `Feature view "${view.name}" needs one table "${table}" in integration "${integration}"; ${problem}`,
      )
    }),
  )
}

function lakeSql(
  view: FeatureView,
  warehouse: Warehouse,
  tables: SourceTables,
  state: LogState,
  registered: readonly { readonly table: TableName; readonly relation: string }[],
): LakeSql {
  const history = (source: string) => duckdb.identifier(`${source}_history`)
  const changes = (source: string) => {
    const relation = registered.find(({ table }) => table === tables.get(source))?.relation ?? source
    return `${SCHEMA}.${duckdb.identifier(`${relation}_changes`)}`
  }
  const historyOf = (source: string) => {
    const types = columnTypes(view, source, tables, state)
    const wallClock = (column: string) => types.get(column) !== 'timestamp(us,UTC)'
    return `${history(source)} as materialized (\n${historySql(duckdb, { view, source, changes: changes(source), wallClock })}\n)`
  }
  return {
    warehouse,
    history,
    changes,
    histories: Object.keys(view.sources).map(historyOf),
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  }
}

/**
 * Types in the lake of a source's columns. Throws `SCHEMA` for one that SQL would not read as the engine does: what the engine
 * refuses, and numbers in texts, which an engine of SQL might round.
 */
function columnTypes(view: FeatureView, source: string, tables: SourceTables, state: LogState): ReadonlyMap<string, string> {
  const table = tables.get(source)
  const columns = (table === undefined ? undefined : state.tables[table])?.schema.columns.filter(({ dropped }) => !dropped) ?? []
  const types = new Map(columns.map(({ name, type }) => [name, typeName(type)]))
  for (const [column, wanted] of Object.entries(view.sources[source]?.columns ?? {})) {
    const type = types.get(column)
    if (type === undefined)
      throw new ConnectorError('SCHEMA', `Table "${table}" has no column "${column}", which the feature view uses`)
    converter(`${table}.${column}`, type, wanted)
    if (type.startsWith('utf8') && (wanted.kind === 'money' || wanted.kind === 'integer')) {
      throw new ConnectorError(
        'SCHEMA',
        `Column "${table}.${column}" is text in the lake; SQL needs a number. Give it one with "columns: {${table}.${column}: {type: 'decimal(38,2)'}}" and run "portage resync"`,
      )
    }
  }
  return types
}
