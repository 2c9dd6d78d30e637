/** DuckDB as a warehouse: a file of views over the lake's Parquet files, for anyone with DuckDB to open. */
import { join } from 'node:path'
import type { Environment, Warehouse } from '../ports.ts'
import { check } from './check.ts'
import { describeRelations } from './describe.ts'
import { DUCKDB_DIALECT } from './dialect.ts'
import { readRegistered } from './ledger.ts'
import { localCopies } from './local-copies.ts'
import { cacheBytes, cacheDirectory, type DuckdbOptions, viewsPath } from './options.ts'
import { query } from './query.ts'
import { register, unregister } from './register.ts'
import { refusal } from './scan.ts'
import { unload } from './unload.ts'
import { viewsFile } from './views-file.ts'

/**
 * Views only: the rows stay in the lake. Several integrations share a file. Every registration replaces the file as a
 * whole, so a reader sees one commit of each integration; readers of the old file finish undisturbed.
 */
export async function openDuckdbWarehouse(options: DuckdbOptions, environment: Environment): Promise<Warehouse> {
  const spool = join(environment.stateDir, 'duckdb')
  const settings = {
    threads: options.threads ?? null,
    memoryLimit: options.memory_limit ?? null,
    temporaryDirectory: join(spool, 'spill'),
  }
  const file = viewsFile(viewsPath(options, environment.stateDir), settings, environment)
  const cache = { directory: cacheDirectory(options, environment.stateDir), maxBytes: cacheBytes(options) }
  const copies = localCopies(cache, environment)
  return {
    kind: 'duckdb',
    dialect: DUCKDB_DIALECT,
    reads: 'list',
    check: () => check(file),
    registered: async (integration, schema, signal) => {
      signal.throwIfAborted()
      await using database = await file.read()
      return database === null ? null : await readRegistered(database, { integration, schema })
    },
    describe: async (integration, schema, signal) => {
      signal.throwIfAborted()
      await using database = await file.read()
      return database === null ? [] : await describeRelations(database, { integration, schema })
    },
    refusal,
    register: (request, signal) => register(file, copies, request, environment, signal),
    query: (sql, signal) => query(file, sql, signal),
    unload: (request, signal) => unload(file, request, spool, signal),
    remove: (request, signal) => unregister(file, request, signal),
    [Symbol.asyncDispose]: async () => {},
  }
}
