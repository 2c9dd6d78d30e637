/** Where every integration stands: from the commit log, and from source and warehouses as far as they can be reached. */
import type { LoadedIntegration } from '../config/integration.ts'
import type { Position, TableName } from '../connectors/change.ts'
import type { ObjectStore, SourceHealth } from '../connectors/ports.ts'
import type { Commit, LogState, TableState } from '../integrations/land/log/commit.ts'
import type { LakePlace } from '../integrations/land/log/keys.ts'
import { loadState, readCommits } from '../integrations/land/log/read.ts'
import { DEFAULT_MIN_FILES, isSmall, planCompaction } from '../integrations/maintain/compaction-plan.ts'
import { heldTable } from '../integrations/register/held-tables.ts'
import { continuityProblems } from './continuity.ts'
import { keptBackLines } from './kept-back.ts'
import type { Opener } from './open.ts'
import { reached } from './reached.ts'
import { scopeOf } from './scope.ts'
import { hasSource } from './transfer/lake-integrations.ts'

export type TableStatus = {
  readonly table: TableName
  /** `none`: no snapshot yet; `copying`: the first is under way; `complete`; `recopying`: a later one is under way. */
  readonly snapshot: 'none' | 'copying' | 'complete' | 'recopying'
  readonly chunks: { readonly done: number; readonly planned: number } | null
  readonly schemaVersion: number
  readonly position: string | null
  readonly baseRows: number
  readonly changeRows: number
  readonly files: number
  /** Of these, how many are well below the lake's target size. */
  readonly smallFiles: number
  /** True when `portage compact` would find something to do. */
  readonly compact: boolean
  readonly bytes: number
  /** Changes of the schema kept back in a warehouse. */
  readonly held: readonly string[]
}

export type IntegrationStatus = {
  readonly integration: string
  readonly commit: number | null
  readonly lastCommitAt: string | null
  readonly by: string | null
  readonly position: string | null
  /** Commit time of the newest source transaction in the lake. */
  readonly through: string | null
  readonly rejects: number
  /** Null when the source cannot be reached; `problems` says why. */
  readonly source: SourceHealth | null
  readonly registered: readonly { readonly connection: string; readonly schema: string; readonly commit: number | null }[]
  readonly tables: readonly TableStatus[]
  /** What could not be asked, one line each. */
  readonly problems: readonly string[]
}

/** Throws only when the lake cannot be read; a source or warehouse that is away becomes a problem line. */
export async function integrationStatus(
  integration: LoadedIntegration,
  opener: Opener,
  signal: AbortSignal,
): Promise<IntegrationStatus> {
  const { name, lake } = integration
  await using store = await opener.store(lake.connection)
  const place = { prefix: lake.prefix, integration: name }
  const state = await loadState(store, place, { signal })
  const newest = await newestCommit(store, place, state.number, signal)
  const problems: string[] = []
  const source = await reached(problems, `source ${integration.source.connection}`, signal, async () => {
    if (!hasSource(integration)) return null
    await using open = await opener.source(integration.source.connection, scopeOf(integration))
    const health = await open.health(signal)
    if (state.position === null || state.source === null) return health
    const identity = await open.identity(signal)
    const { slot } = integration.source
    for (const { subject, problem, cure } of continuityProblems({ integration: name, slot, state, identity, health }))
      problems.push(`${subject} ${problem}. Run: ${cure}`)
    // A source that was not prepared does not know which epoch the log is in.
    const { acknowledged } = health
    return { ...health, acknowledged: acknowledged === null ? null : inEpochOf(state.position, acknowledged) }
  })
  const registered: { connection: string; schema: string; commit: number | null }[] = []
  for (const { connection, schema } of integration.register) {
    const shown = await reached(problems, `warehouse ${connection}`, signal, async () => {
      await using warehouse = await opener.warehouse(connection)
      const found = await warehouse.registered(name, schema, signal)
      const at =
        found === null || found.commit === state.number ? state : await loadState(store, place, { at: found.commit, signal })
      const kept = keptBackLines(at, { integration: name, connection, schema }, warehouse, found)
      problems.push(...kept.map(({ line }) => line))
      return found
    })
    registered.push({ connection, schema, commit: shown?.commit ?? null })
  }
  return {
    integration: name,
    commit: state.number === 0 ? null : state.number,
    lastCommitAt: newest?.createdAt ?? null,
    by: newest?.by ?? null,
    position: state.position,
    through: state.through,
    rejects: state.counts.rejects,
    source,
    registered,
    tables: tableStatuses(state, { lake: place, targetFileBytes: lake.targetFileBytes }),
    problems,
  }
}

/** The place of `position` under the epoch of `known`. */
function inEpochOf(known: Position, position: Position): Position {
  return `${known.slice(0, known.indexOf('-'))}${position.slice(position.indexOf('-'))}` as Position
}

/** Pure. In the order of table names. */
export function tableStatuses(state: LogState, files: FileChoice): readonly TableStatus[] {
  return Object.entries(state.tables)
    .map(([table, each]) => tableStatus(table as TableName, each, state.position, files))
    .sort((a, b) => (a.table < b.table ? -1 : 1))
}

type FileChoice = { readonly lake: LakePlace; readonly targetFileBytes: number }

function tableStatus(
  table: TableName,
  state: TableState,
  position: LogState['position'],
  { lake, targetFileBytes }: FileChoice,
): TableStatus {
  const { schema, base, pending, changes } = state
  const files = [...(base?.files ?? []), ...(base?.renewed?.files ?? []), ...changes]
  const policy = { minFiles: DEFAULT_MIN_FILES, targetFileBytes, olderThanMs: 0, renew: 'auto' } as const
  const { merges, renewal } = planCompaction(lake, state, { position, now: new Date(0) }, policy)
  const positions = files.map(({ maxPosition }) => maxPosition).sort()
  const sum = (of: readonly { readonly rows: number }[]): number => of.reduce((total, { rows }) => total + rows, 0)
  return {
    table,
    snapshot: base === null ? (pending === null ? 'none' : 'copying') : pending === null ? 'complete' : 'recopying',
    chunks: pending === null ? null : { done: Object.keys(pending.done).length, planned: pending.plan.length },
    schemaVersion: schema.version,
    position: positions.at(-1) ?? null,
    baseRows: sum(base?.files ?? []),
    changeRows: sum(changes),
    files: files.length,
    smallFiles: files.filter((file) => isSmall(file, targetFileBytes)).length,
    compact: merges.length > 0 || renewal !== null,
    bytes: files.reduce((total, { size }) => total + size, 0),
    held: heldTable(table, state)?.changes ?? [],
  }
}

async function newestCommit(
  store: ObjectStore,
  place: { readonly prefix: string; readonly integration: string },
  number: number,
  signal: AbortSignal,
): Promise<Commit | null> {
  if (number === 0) return null
  for await (const commit of readCommits(store, place, { from: number, to: number, signal })) return commit
  return null
}
