/** Connector `hive`: Hive, and Spark by its Thrift server, as warehouses over the same kind of tables. */
import type { Connector } from '../ports.ts'
import { type HiveOptions, hiveOptions } from './options.ts'

/** Columns of a result carry their own names only. */
const SESSION: Readonly<Record<HiveOptions['dialect'], Readonly<Record<string, string>>>> = {
  hive: { 'hive.resultset.use.unique.column.names': 'false' },
  spark: {},
}

export const hive: Connector<HiveOptions> = {
  name: 'hive',
  options: hiveOptions,
  openWarehouse: async (options, environment) => {
    const [{ hiveWarehouse }, { openHiveClient }] = await Promise.all([import('./warehouse.ts'), import('./client/client.ts')])
    const session = { ...SESSION[options.dialect], ...options.session }
    return hiveWarehouse(openHiveClient({ ...options, session }, environment), options)
  },
  openTables: async (options, environment) => {
    const [{ openHiveTables }, { openHiveClient }] = await Promise.all([
      import('./tables/tables.ts'),
      import('./client/client.ts'),
    ])
    return openHiveTables(openHiveClient(options, environment))
  },
}
