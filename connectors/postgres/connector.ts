/** PostgreSQL as a source, and as a place of tables. */
import type { Connector } from '../ports.ts'
import { type PostgresOptions, postgresOptions } from './options.ts'
import { createPostgresSource } from './source.ts'
import { openPostgresTables } from './tables/tables.ts'

export const postgres: Connector<PostgresOptions> = {
  name: 'postgres',
  options: postgresOptions,
  openSource: async (options, scope, environment) => createPostgresSource(options, scope, environment),
  openTables: async (options) => openPostgresTables(options),
}
