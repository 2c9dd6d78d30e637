/** How a registration writes files for a warehouse that reads directories, from the integration's YAML. Pure. */
import type { LoadedIntegration, RegisterTarget } from '../config/integration.ts'
import type { TableName } from '../connectors/change.ts'
import type { DirectoryFormatName } from '../integrations/register/directory/formats.ts'
import type { ProjectionSettings } from '../integrations/register/register.ts'

export function projectionSettings(
  { lake, source }: Pick<LoadedIntegration, 'lake' | 'source'>,
  { connection, format }: Pick<RegisterTarget, 'connection' | 'format'>,
): ProjectionSettings {
  const { prefix, compression, targetFileBytes } = lake
  const own = source.connection === '' ? { formatOf: asShown } : {}
  return { prefix, connection, format: format ?? null, ...own, compression, targetFileBytes }
}

/** What YAML would say by default. */
const TARGET_FILE_BYTES = 256 * 1024 * 1024

/** Each transfer says for its table; what it said stays. */
const asShown = (_table: TableName, recorded: DirectoryFormatName | null) => recorded

/** For tables that transfers made, which no YAML names; `own`: of the table that is transferred now. */
export const transferProjection = (
  prefix: string,
  connection: string,
  own: { readonly table: TableName; readonly format: DirectoryFormatName | null },
): ProjectionSettings => ({
  prefix,
  connection,
  format: null,
  formatOf: (table, recorded) => (table === own.table ? own.format : null) ?? recorded,
  compression: 'zstd',
  targetFileBytes: TARGET_FILE_BYTES,
})
