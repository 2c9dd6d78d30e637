/** The two formats that engines which read directories are given, as their readers need them. Pure. */
import type { Dialect } from '../../../connectors/ports.ts'
import type { FileWriter, FileWriterOptions } from '../../land/file-writer.ts'
import { createOrcWriter } from '../../land/orc/orc-writer.ts'
import { createParquetWriter } from '../../land/parquet/writer.ts'

export type DirectoryFormat = {
  readonly name: 'orc' | 'parquet'
  readonly extension: string
  readonly createWriter: (options: FileWriterOptions) => FileWriter
}

/** Without these Hive takes dates for the older calendar and shifts timestamps to its own zone. */
const HIVE_PARQUET: ReadonlyMap<string, string> = new Map([
  ['writer.date.proleptic', 'true'],
  ['writer.time.zone', 'UTC'],
  ['writer.zone.conversion.legacy', 'false'],
])

export function directoryFormat(name: 'orc' | 'parquet', dialect: Dialect['name']): DirectoryFormat {
  if (name === 'orc') return { name, extension: 'orc', createWriter: createOrcWriter }
  const isHive = dialect === 'hive'
  return {
    name,
    extension: 'parquet',
    createWriter: (options) => {
      const metadata = isHive ? new Map([...options.metadata, ...HIVE_PARQUET]) : options.metadata
      return createParquetWriter({ ...options, metadata, profile: isHive ? 'hive' : 'lake' })
    },
  }
}
