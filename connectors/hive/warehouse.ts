/** Hive or Spark as a warehouse: views over files that a registration writes for it. */
import { ConnectorError } from '../errors.ts'
import type { Warehouse } from '../ports.ts'
import { check } from './check.ts'
import type { HiveClient } from './client/client.ts'
import { sendsPasswordInClear, serverName } from './client/options.ts'
import { describeRelations } from './describe.ts'
import { DIALECTS, WORDS } from './dialect.ts'
import { readRegistered } from './ledger.ts'
import { refusal } from './names.ts'
import type { HiveOptions } from './options.ts'
import { query } from './query.ts'
import { register, unregister } from './register.ts'

export type WarehouseSettings = Pick<HiveOptions, 'dialect' | 'host' | 'port' | 's3_scheme' | 'proof'> &
  Partial<Pick<HiveOptions, 'statistics' | 'auth' | 'password' | 'tls' | 'transport'>>

/** Over any client; disposed with it. */
export function hiveWarehouse(client: HiveClient, settings: WarehouseSettings): Warehouse {
  const { dialect, s3_scheme: s3Scheme, proof, statistics = false } = settings
  const passwordInClear = sendsPasswordInClear(settings)
  return {
    kind: 'hive',
    dialect: DIALECTS[dialect],
    reads: 'directory',
    check: (signal) => check(client, { server: serverName(settings), passwordInClear }, signal),
    registered: (integration, schema, signal) => readRegistered(client, { integration, schema }, signal),
    refusal,
    describe: (integration, schema, signal, asked) => describeRelations(client, { integration, schema }, signal, asked),
    register: (request, signal) =>
      register({ client, server: serverName(settings), words: WORDS[dialect], s3Scheme, proof, statistics }, request, signal),
    query: (sql, signal) => query(client, sql, signal),
    unload: async () => {
      throw new ConnectorError(
        'UNSUPPORTED',
        `${serverName(settings)} writes no files for Portage. Let it write a table (CREATE EXTERNAL TABLE … STORED AS ORC AS SELECT), then "portage transfer <connection>:<schema>.<table> …"`,
      )
    },
    remove: (request, signal) => unregister(client, request, signal),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}
