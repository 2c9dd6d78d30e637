/** What the process gives to connectors instead of globals: time, chance, the log and the state directory. */
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import type { Environment } from '../connectors/ports.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export type EnvironmentOptions = {
  readonly stateDir: string
  readonly level: LogLevel
  /** Applied to every line, whatever it carries. */
  readonly redact: (text: string) => string
  /** One JSON object per line. Default: standard error. */
  readonly write?: (line: string) => void
}

/** The real clock and a pino logger that writes redacted JSON lines. `sleep` rejects with the signal's reason when aborted. */
export function createEnvironment({ stateDir, level, redact, write }: EnvironmentOptions): Environment {
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    { write: (line) => (write ?? writeToStandardError)(redact(line)) },
  )
  return {
    now: () => new Date(),
    sleep: async (ms, signal) => {
      signal?.throwIfAborted()
      try {
        await delay(ms, undefined, signal === undefined ? {} : { signal })
      } catch (error) {
        signal?.throwIfAborted()
        throw error
      }
    },
    random: Math.random,
    log: (severity, message, fields) => logger[severity](fields ?? {}, message),
    stateDir,
  }
}

function writeToStandardError(line: string): void {
  process.stderr.write(line)
}
