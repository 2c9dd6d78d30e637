/** What the process says to whoever started it. */
import { ConfigurationError } from '../config/problems.ts'
import { ConnectorError, type Recovery, recoveryOf } from '../connectors/errors.ts'

export const EXIT = { ok: 0, failed: 1, usage: 2, held: 3, difference: 4 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The arguments make no sense together, or name something that is not there. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** 2 for usage and configuration, 1 for everything else that was thrown. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError || error instanceof ConfigurationError) return EXIT.usage
  return error instanceof ConnectorError && error.code === 'CONFIGURATION' ? EXIT.usage : EXIT.failed
}

/** The one recovery of any error; a configuration error needs the operator. */
export function recoveryOfAny(error: unknown): Recovery {
  return error instanceof ConfigurationError || error instanceof UsageError ? 'operator' : recoveryOf(error)
}
