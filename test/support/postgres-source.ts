/** A Postgres source over a fresh database, for tests. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Environment, Source, SourceScope } from '../../connectors/ports.ts'
import { type PostgresOptions, postgresOptions } from '../../connectors/postgres/options.ts'
import { createPostgresSource } from '../../connectors/postgres/source.ts'

export const TEST_ENVIRONMENT: Environment = {
  now: () => new Date(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
  random: Math.random,
  log: () => {},
  stateDir: '.portage',
}

export function testScope(database: string, scope: Partial<SourceScope> = {}): SourceScope {
  return {
    integration: database,
    publication: `portage_${database}`,
    slot: `portage_${database}`,
    tables: ['public.*', '!public.ignored'],
    onBadValue: 'error',
    columns: new Map(),
    maxSnapshotAgeMs: 900_000,
    ...scope,
  }
}

export function openTestSource(
  url: string,
  {
    scope = {},
    options = {},
    environment = {},
  }: {
    readonly scope?: Partial<SourceScope>
    readonly options?: Partial<PostgresOptions>
    readonly environment?: Partial<Environment>
  } = {},
): Source {
  const parsed = postgresOptions.parse({ url, ...options })
  return createPostgresSource(parsed, testScope(new URL(url).pathname.slice(1), scope), { ...TEST_ENVIRONMENT, ...environment })
}
