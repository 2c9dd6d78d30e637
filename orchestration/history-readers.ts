/** Who reads the history of an integration's tables: warehouses that show it, and feature tables made from it. I/O. */
import type { LoadedIntegration } from '../config/integration.ts'
import type { ObjectStore, Registered } from '../connectors/ports.ts'
import { loadState } from '../integrations/land/log/read.ts'
import type { Needs } from '../integrations/maintain/needed.ts'
import type { ShownDirectories } from '../integrations/register/directory/superseded.ts'
import type { Opener } from './open.ts'

/** What every configured warehouse shows; `commit` null and `why` when it cannot be told from here. */
export type Shown = Needs['followers'][number] & ShownDirectories & { readonly relations: number; readonly why: string | null }

export async function shownInWarehouses(
  integration: LoadedIntegration,
  opener: Opener,
  signal: AbortSignal,
): Promise<readonly Shown[]> {
  const shown: Shown[] = []
  for (const { connection, schema } of integration.register) {
    const by = `warehouse "${connection}", schema "${schema}",`
    try {
      await using warehouse = await opener.warehouse(connection)
      const found = await warehouse.registered(integration.name, schema, signal)
      // It may be registered from another machine, with state that this one does not see.
      const why = found === null ? 'nothing is registered as seen from here' : null
      const place = { connection, schema, registered: found }
      shown.push({ ...place, by, commit: oldestShown(found), relations: found?.relations.length ?? 0, why })
    } catch (error) {
      if (signal.aborted) throw error
      const why = error instanceof Error ? error.message : String(error)
      shown.push({ connection, schema, registered: null, by, commit: null, relations: 0, why })
    }
  }
  return shown
}

/** Of a table that was refused since, a warehouse still reads the files of an earlier commit. */
const oldestShown = (found: Registered | null): number | null =>
  found === null ? null : Math.min(found.commit, ...(found.behind?.values() ?? []))

/** Integrations of the same lake that are made from this one's history: feature tables. */
export async function madeFromHistory(
  integration: LoadedIntegration,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const prefix = integration.lake.prefix.replace(/^\/+|\/+$/g, '')
  const root = `${prefix === '' ? '' : `${prefix}/`}_portage/`
  const found: string[] = []
  let after = `${root}features_`
  for (;;) {
    const name = await firstName(store, root, after, signal)
    if (name === null || !name.startsWith('features_')) return found
    const { source } = await loadState(store, { prefix: integration.lake.prefix, integration: name }, { signal })
    if (source?.database === integration.name) found.push(name)
    // The byte behind "/": everything of this name sorts before it.
    after = `${root}${name}0`
  }
}

async function firstName(store: ObjectStore, root: string, after: string, signal: AbortSignal): Promise<string | null> {
  for await (const { key } of store.list(root, { after, signal })) return key.slice(root.length).split('/')[0] ?? null
  return null
}
