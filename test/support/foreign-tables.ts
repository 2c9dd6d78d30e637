/** Tables of other systems in memory: layouts, files, and what reading them gives. */
import { shapeOf } from '../../connectors/hive/tables/column-type.ts'
import type { ForeignColumn, ForeignLayout, ForeignPlace } from '../../connectors/manifest.ts'
import { openMemoryStore } from '../../connectors/memory/store.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { parseLocation } from '../../integrations/transfer/foreign/location.ts'
import { type FindPlace, type FoundTable, findFiles } from '../../integrations/transfer/foreign/manifest.ts'

const signal = new AbortController().signal

/** `name type` as the owner spells them. */
export function foreignColumns(spelled: readonly string[], owner: ForeignLayout['owner'] = 'hive'): readonly ForeignColumn[] {
  return spelled.map((each) => {
    const at = each.indexOf(' ')
    const [name, sourceType] = [each.slice(0, at), each.slice(at + 1)]
    const shape = shapeOf(sourceType, owner)
    return { name, sourceType, type: shape?.kind === 'value' ? shape.type : null, shape }
  })
}

export type LayoutOptions = {
  readonly owner?: ForeignLayout['owner']
  readonly format?: ForeignLayout['format']
  readonly partitionColumns?: readonly string[]
  readonly partitions?: readonly ForeignPlace[]
  readonly matching?: Partial<ForeignLayout['matching']>
}

/** At `s3a://lake/t`. */
export function foreignLayout(columns: readonly string[], options: LayoutOptions = {}): ForeignLayout {
  const { owner = 'hive', format = 'parquet', partitionColumns = [], partitions, matching = {} } = options
  return {
    subject: 'Table "db.t"',
    owner,
    format,
    location: 's3a://lake/t',
    columns: foreignColumns(columns, owner),
    partitionColumns: foreignColumns(partitionColumns, owner),
    partitions: partitions ?? [{ values: [], location: 's3a://lake/t' }],
    matching: { orc: owner === 'hive' ? 'position' : 'name', parquet: 'name', ...matching },
  }
}

/** Keys without `t/`. A store whose names are those of other writers. */
export function storeOf(files: Readonly<Record<string, Uint8Array>>): ObjectStore {
  const at = new Date('2026-11-01T10:00:00Z')
  const objects = new Map(Object.entries(files).map(([name, bytes]) => [`t/${name}`, bytes]))
  const memory = openMemoryStore({ now: () => at })
  return {
    ...memory,
    address: (key) => `s3://lake/${key}`,
    get: async (key, { range } = {}) => objects.get(key)?.slice(range?.start, range?.end) ?? null,
    head: async (key) => {
      const bytes = objects.get(key)
      return bytes === undefined ? null : { key, size: bytes.length, modified: at }
    },
    async *list(prefix) {
      for (const key of [...objects.keys()].sort()) {
        if (key.startsWith(prefix)) yield { key, size: objects.get(key)?.length ?? 0, modified: at }
      }
    },
  }
}

export const finderOf =
  (store: ObjectStore): FindPlace =>
  async (location, subject) => {
    const place = parseLocation(location, subject)
    return { store, prefix: place.kind === 'bucket' ? `${place.key}/` : place.path }
  }

export function found(layout: ForeignLayout, files: Readonly<Record<string, Uint8Array>>): Promise<FoundTable> {
  return findFiles(layout, finderOf(storeOf(files)), signal)
}
