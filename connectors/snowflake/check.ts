import type { Problem } from '../ports.ts'
import type { SnowflakeClient } from './client.ts'
import type { SnowflakeOptions } from './options.ts'

export async function check(
  _options: SnowflakeOptions,
  _open: (signal: AbortSignal) => Promise<SnowflakeClient>,
  _signal: AbortSignal,
): Promise<readonly Problem[]> {
  return []
}
