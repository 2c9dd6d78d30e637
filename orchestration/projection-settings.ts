/** How a registration writes files for a warehouse that reads directories, from the integration's YAML. Pure. */
import type { LoadedIntegration, RegisterTarget } from '../config/integration.ts'
import type { ProjectionSettings } from '../integrations/register/register.ts'

export function projectionSettings(
  { lake }: Pick<LoadedIntegration, 'lake'>,
  { connection, format }: Pick<RegisterTarget, 'connection' | 'format'>,
): ProjectionSettings {
  const { prefix, compression, targetFileBytes } = lake
  return { prefix, connection, format: format ?? null, compression, targetFileBytes }
}

/** What YAML would say by default. */
const TARGET_FILE_BYTES = 256 * 1024 * 1024

/** For tables that transfers made, which no YAML names. */
export const transferProjection = (prefix: string, connection: string): ProjectionSettings => ({
  prefix,
  connection,
  format: null,
  compression: 'zstd',
  targetFileBytes: TARGET_FILE_BYTES,
})
