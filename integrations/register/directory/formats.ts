/** The formats that engines which read directories are given, as their readers need them. Pure. */
import type { Dialect, TableProjection } from '../../../connectors/ports.ts'
import type { FileWriter, FileWriterOptions } from '../../land/file-writer.ts'
import { createOrcWriter } from '../../land/orc/orc-writer.ts'
import type { ProfileName } from '../../land/parquet/profile.ts'
import { createParquetWriter } from '../../land/parquet/writer.ts'

/** As the YAML says it. `parquet-hive3` is Parquet to every catalogue, and other files than `parquet`. */
export const DIRECTORY_FORMATS = ['orc', 'parquet', 'parquet-hive3'] as const
export type DirectoryFormatName = (typeof DIRECTORY_FORMATS)[number]

export type DirectoryFormat = {
  readonly name: DirectoryFormatName
  readonly extension: string
  readonly createWriter: (options: FileWriterOptions) => FileWriter
}

/** What an engine calls it. */
export const storedAs = (name: DirectoryFormatName): TableProjection['format'] => (name === 'orc' ? 'orc' : 'parquet')

/** Without these Hive takes dates for the older calendar and shifts timestamps to its own zone. */
const HIVE_PARQUET: ReadonlyMap<string, string> = new Map([
  ['writer.date.proleptic', 'true'],
  ['writer.time.zone', 'UTC'],
  ['writer.zone.conversion.legacy', 'false'],
])

export function directoryFormat(name: DirectoryFormatName, dialect: Dialect['name']): DirectoryFormat {
  switch (name) {
    case 'orc':
      return { name, extension: 'orc', createWriter: createOrcWriter }
    case 'parquet':
      return dialect === 'hive' ? hiveParquet(name, 'hive') : { name, extension: 'parquet', createWriter: createParquetWriter }
    case 'parquet-hive3':
      return hiveParquet(name, 'hive3')
    default:
      return name satisfies never
  }
}

function hiveParquet(name: DirectoryFormatName, profile: ProfileName): DirectoryFormat {
  return {
    name,
    extension: 'parquet',
    createWriter: (options) => {
      const metadata = new Map([...options.metadata, ...HIVE_PARQUET])
      // Hive 3 has no ZSTD of its own.
      const compression = profile === 'hive3' && options.compression === 'zstd' ? 'snappy' : options.compression
      return createParquetWriter({ ...options, compression, metadata, profile })
    },
  }
}
