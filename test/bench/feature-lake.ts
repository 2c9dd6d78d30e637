/** The feature bench's batches as a lake on disk, to be replayed from there. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import type { TableName } from '../../connectors/change.ts'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { ChangeReader } from '../../connectors/ports.ts'
import type { SourceTables } from '../../features/feed.ts'
import { openLander } from '../../integrations/land/lander.ts'
import { openLog } from '../../integrations/land/log/log.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { landRows, type MadeRows } from '../../integrations/land/made-table.ts'
import { openChangeReader } from '../../integrations/read/change-reader.ts'
import { PARQUET } from '../../orchestration/parquet-format.ts'
import { quietEnvironment } from '../support/lake.ts'

const METADATA_COLUMNS = 4
const signal = new AbortController().signal

export const LAKE_PLACE = { prefix: 'raw', integration: 'bench' } as const

export type FeatureLake = AsyncDisposable & {
  readonly directory: string
  readonly reader: ChangeReader
  readonly tables: SourceTables
}

/** One commit per table; every row an insert. */
export async function featureLake(
  columns: Readonly<Record<string, Readonly<Record<string, LogicalType>>>>,
  batches: readonly { readonly source: string; readonly batch: RecordBatch }[],
): Promise<FeatureLake> {
  const directory = await mkdtemp(join(tmpdir(), 'portage-bench-'))
  const environment = quietEnvironment()
  const store = await openFilesystemStore(directory, environment)
  const log = await openLog({ store, ...LAKE_PLACE, environment, by: 'bench', signal })
  await log.claim(signal)
  const lander = openLander({ store, log, format: PARQUET, compression: 'zstd', targetFileBytes: 1 << 28, metadata: new Map() })
  const tables = new Map(Object.keys(columns).map((name) => [name, `public.${name}` as TableName]))
  for (const [name, table] of tables) {
    const made = {
      table,
      columns: Object.entries(columns[name] ?? {}).map(([column, type]) => ({ name: column, type, nullable: true })),
      key: ['id'],
    }
    const rows = batches.filter(({ source }) => source === name).map(({ batch }) => withoutMetadata(batch))
    const source = { system: 'bench', timeline: 1, database: 'bench', version: 'bench', epoch: 1 }
    await landRows({ log, lander, made, replace: false, rows, at: new Date(0), source, token: name }, signal)
  }
  return {
    directory,
    reader: openChangeReader({ store, state: () => loadState(store, LAKE_PLACE, { signal }) }),
    tables,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

function withoutMetadata(batch: RecordBatch): MadeRows {
  const fields = batch.schema.fields.slice(METADATA_COLUMNS)
  const children = batch.data.children.slice(METADATA_COLUMNS)
  const data = makeData({ type: new Struct(fields), length: batch.numRows, nullCount: 0, children })
  return { op: 'insert', batch: new RecordBatch(new Schema(fields), data) }
}
