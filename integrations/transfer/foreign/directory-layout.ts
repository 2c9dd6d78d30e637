/** A directory of files as a table: its partitions from the names of its directories, its columns from its newest file. I/O. */
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { ForeignColumn, ForeignLayout, ForeignPlace } from '../../../connectors/manifest.ts'
import type { ObjectInfo } from '../../../connectors/ports.ts'
import type { FileColumn } from './foreign-file.ts'
import { listFiles, type StoredPlace } from './listing.ts'
import { openStoredFile } from './stored-file.ts'

const DEFAULT_PARTITION = '__HIVE_DEFAULT_PARTITION__'
const PARTITION = /^([^=]+)=(.*)$/s

/** Throws `NOT_FOUND` for a directory without files, `FORMAT` for other files than Parquet and ORC, `SCHEMA`, `UNSUPPORTED`. */
export async function directoryLayout(at: StoredPlace, signal: AbortSignal): Promise<ForeignLayout> {
  const location = at.store.address(at.prefix)
  const subject = `Directory "${location}"`
  const files = await listFiles(at, 'hive', subject, signal)
  const newest = files.toSorted((a, b) => b.modified.getTime() - a.modified.getTime() || (a.key < b.key ? 1 : -1))[0]
  if (newest === undefined) throw new ConnectorError('NOT_FOUND', `${subject} holds no files of data`)
  const format = await formatOf(at, newest, signal)
  const { columns } = await openStoredFile({ store: at.store, object: newest, format }, signal)
  const { names, places } = partitionsOf(at, files, subject)
  const values = (index: number) => places.map((place) => place.values[index] ?? null)
  return {
    subject,
    owner: 'hive',
    format,
    location,
    columns: columns.map(foreignColumn),
    partitionColumns: names.map((name, index) => partitionColumn(name, values(index))),
    partitions: places,
    matching: { orc: 'name', parquet: 'name' },
  }
}

async function formatOf({ store }: StoredPlace, { key }: ObjectInfo, signal: AbortSignal): Promise<ForeignLayout['format']> {
  const bytes = await store.get(key, { range: { start: 0, end: 4 }, signal })
  const magic = Buffer.from(bytes ?? []).toString('latin1')
  if (magic === 'PAR1') return 'parquet'
  if (magic.startsWith('ORC')) return 'orc'
  throw new ConnectorError(
    'FORMAT',
    `File "${store.address(key)}" is neither Parquet nor ORC: it begins with neither "PAR1" nor "ORC"`,
  )
}

function foreignColumn({ name, shape, spelled }: FileColumn): ForeignColumn {
  return { name, sourceType: spelled, type: shape?.kind === 'value' ? shape.type : null, shape }
}

type Partitions = { readonly names: readonly string[]; readonly places: readonly ForeignPlace[] }

/** `name=value/` directories, encoded in the Hive way. Files that do not agree on the names are no table. */
function partitionsOf({ store, prefix }: StoredPlace, files: readonly ObjectInfo[], subject: string): Partitions {
  const places = new Map<string, ForeignPlace>()
  let names: readonly string[] | null = null
  for (const { key } of files) {
    const directories = key.slice(prefix.length).split('/').slice(0, -1)
    const end = directories.findIndex((directory) => !PARTITION.test(directory))
    const pairs = (end < 0 ? directories : directories.slice(0, end)).map((directory) => PARTITION.exec(directory) ?? [])
    const own = pairs.map(([, name = '']) => decoded(name, subject))
    names ??= own
    if (names.join('\n') !== own.join('\n')) {
      throw new ConnectorError(
        'SCHEMA',
        `${subject} is no table: "${key.slice(prefix.length)}" lies under other directories than ${names.length === 0 ? 'the files beside it' : names.map((name) => `${name}=…`).join('/')}. Give the directory of one table`,
      )
    }
    const under = `${prefix}${directories
      .slice(0, pairs.length)
      .map((directory) => `${directory}/`)
      .join('')}`
    const values = pairs.map(([, , value = '']) => (value === DEFAULT_PARTITION ? null : decoded(value, subject)))
    places.set(under, { values, location: store.address(under) })
  }
  return { names: names ?? [], places: [...places.values()] }
}

function decoded(text: string, subject: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new ConnectorError('SCHEMA', `${subject} has a directory whose name is not encoded as Hive does it: "${text}"`, {
      cause,
    })
  }
}

const TYPES: readonly (readonly [RegExp, string, LogicalType])[] = [
  [/^\d{4}-\d{2}-\d{2}$/, 'date', { kind: 'date' }],
  [/^(?:0|-?[1-9]\d{0,17})$/, 'bigint', { kind: 'int64' }],
]

/** The narrowest type that every value is the canonical text of. */
function partitionColumn(name: string, values: readonly (string | null)[]): ForeignColumn {
  const known = values.filter((value) => value !== null)
  const [, sourceType, type] = TYPES.find(([form]) => known.length > 0 && known.every((value) => form.test(value))) ?? [
    null,
    'string',
    { kind: 'utf8', format: 'text' } as const,
  ]
  return { name, sourceType, type, shape: { kind: 'value', type } }
}
