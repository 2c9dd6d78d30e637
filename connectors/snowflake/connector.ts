/** Connector `snowflake`: external tables over a lake in a bucket; tables that are read through one. The driver is loaded when a session is first opened. */
import type { Connector } from '../ports.ts'
import { type SnowflakeOptions, snowflakeOptions } from './options.ts'

export const snowflake: Connector<SnowflakeOptions> = {
  name: 'snowflake',
  options: snowflakeOptions,
  openWarehouse: async (options, environment) => {
    const { openSnowflakeWarehouse } = await import('./warehouse.ts')
    return await openSnowflakeWarehouse(options, environment)
  },
  openTables: async (options, environment) => {
    const { openTablesOf } = await import('./tables/tables.ts')
    return openTablesOf(options, environment)
  },
}
