/** Takes an integration down: relations, slot and publication, and the lake's data when asked. Says everything first. */
import type { LoadedIntegration } from '../config/integration.ts'
import type { ObjectStore } from '../connectors/ports.ts'
import { dataPrefix, livePrefix, logPrefix } from '../integrations/land/log/keys.ts'
import { openLog } from '../integrations/land/log/log.ts'
import type { CommandContext } from './command-context.ts'
import { bytesText, counted } from './format/quantities.ts'
import { openIntegration } from './open-integration.ts'
import { recordAudit } from './record-audit.ts'
import { openSession, type Session } from './session.ts'
import { anyIntegration, hasSource, openWithoutSource } from './transfer/lake-integrations.ts'

export type RemoveOptions = { readonly integration: string; readonly data: boolean; readonly yes: boolean }

const DELETE_BATCH = 1000

export async function removeIntegration(context: CommandContext, options: RemoveOptions): Promise<void> {
  const session = openSession(context)
  const integration = await anyIntegration(session, options.integration, context.signal)
  const { signal, print } = context
  const isReplicated = hasSource(integration)
  await using open = isReplicated
    ? await openIntegration({ ...integration, columns: [] }, session.opener, signal)
    : await openWithoutSource(integration, session.opener)
  const { source, store, warehouses } = open

  const planned = [
    ...((await source?.remove({ dryRun: true }, signal)) ?? []),
    ...(await removeRelations(integration, warehouses, true, signal)),
    ...(await dataPlan(integration, store, options.data, signal)),
  ]
  await print(`Removing "${integration.name}" will:`)
  for (const line of planned) await print(`  ${line}`)
  if (!options.yes) {
    await print('Nothing was removed. Add --yes to do it')
    return
  }
  // Fences a run that is still at work, so that it cannot write into what is being deleted.
  if (options.data && isReplicated) await claim(integration, store, session, signal)
  await source?.remove({ dryRun: false }, signal)
  await removeRelations(integration, warehouses, false, signal)
  if (options.data) await deleteData(integration, store, signal)
  const { environment, by } = session
  await recordAudit({ store, integration, environment, by }, { event: 'remove', details: { data: options.data } })
  await print(isReplicated ? `Removed. ${integration.file} is yours to delete` : 'Removed')
}

async function removeRelations(
  integration: LoadedIntegration,
  warehouses: Awaited<ReturnType<typeof openIntegration>>['warehouses'],
  dryRun: boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const lines: string[] = []
  for (const { connection, schema, warehouse } of warehouses) {
    const done = await warehouse.remove({ integration: integration.name, schema, dryRun }, signal)
    lines.push(...done.map((line) => `${connection}: ${line}`))
  }
  return lines
}

/** Data first, the log last: what is interrupted can be repeated. */
function prefixes({ name, lake }: LoadedIntegration): readonly string[] {
  const place = { prefix: lake.prefix, integration: name }
  return [dataPrefix(place), livePrefix(place), logPrefix(place)]
}

async function dataPlan(
  integration: LoadedIntegration,
  store: ObjectStore,
  data: boolean,
  signal: AbortSignal,
): Promise<readonly string[]> {
  let objects = 0
  let bytes = 0
  for (const prefix of prefixes(integration)) {
    for await (const { size } of store.list(prefix, { signal })) {
      objects += 1
      bytes += size
    }
  }
  const what = `${counted(objects, 'object')} (${bytesText(bytes)}) of the lake, the commit log included`
  return [data ? `delete ${what}` : `keep ${what}; --data deletes them`]
}

async function claim(integration: LoadedIntegration, store: ObjectStore, session: Session, signal: AbortSignal): Promise<void> {
  const { environment, by } = session
  const log = await openLog({ store, prefix: integration.lake.prefix, integration: integration.name, environment, by, signal })
  await log.claim(signal)
}

async function deleteData(integration: LoadedIntegration, store: ObjectStore, signal: AbortSignal): Promise<void> {
  for (const prefix of prefixes(integration)) {
    let keys: string[] = []
    for await (const { key } of store.list(prefix, { signal })) {
      keys.push(key)
      if (keys.length === DELETE_BATCH) {
        await store.delete(keys, signal)
        keys = []
      }
    }
    if (keys.length > 0) await store.delete(keys, signal)
  }
}
