/** What a command that touches connections needs: configuration, environment and an opener. */
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Configuration, LoadedIntegration } from '../config/integration.ts'
import { loadConfiguration, loadConnections } from '../config/load.ts'
import { didYouMean } from '../config/problems.ts'
import type { Environment } from '../connectors/ports.ts'
import type { CommandContext } from './command-context.ts'
import { createEnvironment, type LogLevel } from './environment.ts'
import { UsageError } from './exit-codes.ts'
import { createOpener, type Opener } from './open.ts'
import { VERSION } from './version.ts'

export type Session = {
  readonly configuration: Configuration
  readonly environment: Environment
  readonly opener: Opener
  /** For the `by` of commits. */
  readonly by: string
}

export type SessionOptions = {
  /** `connections`: integrations are not read, so that their problems do not matter. Default: `all`. */
  readonly read?: 'all' | 'connections'
}

/** Throws `ConfigurationError`. */
export function openSession(context: CommandContext, { read = 'all' }: SessionOptions = {}): Session {
  const { config, state, verbose } = context.globals()
  const configuration =
    read === 'all'
      ? loadConfiguration(config)
      : { root: config, connections: loadConnections(config), integrations: [], transfers: [] }
  const environment = createEnvironment({
    stateDir: resolve(state),
    level: logLevel(context.io.env, verbose),
    redact: context.redaction.redact,
    write: (line) => void context.io.stderr.write(line),
  })
  const opener = createOpener({
    root: config,
    connections: configuration.connections,
    env: context.io.env,
    redaction: context.redaction,
    environment,
  })
  return { configuration, environment, opener, by: `portage ${VERSION}, ${hostname()}, pid ${process.pid}` }
}

/** The named integration; the only one when no name is given. Throws `UsageError`. */
export function integrationNamed({ integrations }: Configuration, name: string | undefined): LoadedIntegration {
  const names = integrations.map((each) => each.name)
  const found =
    name === undefined
      ? integrations.length === 1
        ? integrations[0]
        : undefined
      : integrations.find((each) => each.name === name)
  if (found !== undefined) return found
  const known = names.length === 0 ? 'there is none; "portage init" writes one' : `expected one of ${names.join(', ')}`
  throw new UsageError(
    name === undefined ? `Which integration? ${known}` : `No integration "${name}"${didYouMean(name, names)}; ${known}`,
  )
}

function logLevel(env: Readonly<Record<string, string | undefined>>, verbose: boolean): LogLevel {
  const asked = env.PORTAGE_LOG_LEVEL
  if (asked === 'debug' || asked === 'info' || asked === 'warn' || asked === 'error' || asked === 'silent') return asked
  return verbose ? 'debug' : 'warn'
}
