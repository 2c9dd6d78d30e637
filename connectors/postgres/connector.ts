/** PostgreSQL as a source. */
import type { Connector } from '../ports.ts'
import { type PostgresOptions, postgresOptions } from './options.ts'
import { createPostgresSource } from './source.ts'

export const postgres: Connector<PostgresOptions> = {
  name: 'postgres',
  options: postgresOptions,
  openSource: async (options, scope, environment) => createPostgresSource(options, scope, environment),
}
