/** `Warehouse.unload`: rows of a query as files in the store, timestamps and the like as the connection's policies say. I/O. */

import type { ObjectStore, RegisteredFile } from '../../ports.ts'
import type { SnowflakeClient } from '../client.ts'
import type { SnowflakeOptions } from '../options.ts'
import { planUnload, registeredFiles, unloadFiles } from './unload.ts'
import { DEFAULT_POLICIES } from './unload-policy.ts'
import { prepareStage } from './unload-stage.ts'

type UnloadRequest = { readonly sql: string; readonly store: ObjectStore; readonly prefix: string }

/** Micros of a timestamp stand in the files as integers, bytes as hex: what Parquet of Snowflake can hold exactly. */
export async function unloadQuery(
  client: SnowflakeClient,
  options: Pick<SnowflakeOptions, 'stage' | 'unload'>,
  request: UnloadRequest,
  signal: AbortSignal,
): Promise<readonly RegisteredFile[]> {
  const { schema, ...policies } = options.unload ?? { schema: undefined, ...DEFAULT_POLICIES }
  const { store } = request
  const prefix = request.prefix.endsWith('/') ? request.prefix : `${request.prefix}/`
  const rows = { from: { sql: request.sql }, columns: null, where: null }
  const planned = await planUnload(client, { subject: 'The query', rows, policies }, signal)
  const [database = '', name = ''] = schema?.split('.') ?? []
  const location = await prepareStage(
    client,
    { stage: options.stage, schema: schema === undefined ? null : { database, name } },
    { address: store.address(prefix), relation: null },
    signal,
  )
  const files = await unloadFiles(client, planned, { place: { location, store, prefix } }, signal)
  return await registeredFiles(store, files, signal)
}
