/** Tables as of an earlier commit: a throw-away DuckDB warehouse over the files that were live then. I/O. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openDuckdbWarehouse } from '../connectors/duckdb/warehouse.ts'
import { ConnectorError } from '../connectors/errors.ts'
import type { Environment, ObjectStore, Warehouse } from '../connectors/ports.ts'
import { loadState } from '../integrations/land/log/read.ts'
import { registerCommit } from '../integrations/register/register.ts'

export type CommitPlace = {
  readonly store: ObjectStore
  /** Prefix of the lake in the store. */
  readonly prefix: string
  readonly integration: string
  /** Number of the commit. */
  readonly at: number
  /** Schema under which the relations are shown. */
  readonly schema: string
}

/**
 * A warehouse that shows one integration as of a commit, whatever is registered elsewhere; disposal removes it. Throws
 * `NOT_FOUND` when the commit does not exist or vacuum took files of it.
 */
export async function openWarehouseAt(
  { store, prefix, integration, at, schema }: CommitPlace,
  environment: Environment,
  signal: AbortSignal,
): Promise<Warehouse> {
  const state = await loadState(store, { prefix, integration }, { at, signal })
  const { vacuumed = 0 } = await loadState(store, { prefix, integration }, { signal })
  if (at < vacuumed) {
    throw new ConnectorError(
      'NOT_FOUND',
      `Commit ${at} of integration "${integration}" cannot be read any more: "portage vacuum" deleted files that only commits before ${vacuumed} had. Use --at ${vacuumed} or later`,
    )
  }
  const directory = join(environment.stateDir, 'at', randomUUID())
  const remove = () => rm(directory, { recursive: true, force: true })
  const warehouse = await openDuckdbWarehouse(
    { cache: join(environment.stateDir, 'lake') },
    { ...environment, stateDir: directory },
  )
  try {
    await registerCommit({ integration, schema, state, store, warehouse, dryRun: false }, signal)
  } catch (error) {
    await remove()
    throw error
  }
  return {
    ...warehouse,
    [Symbol.asyncDispose]: async () => {
      await warehouse[Symbol.asyncDispose]()
      await remove()
    },
  }
}
