/**
 * Integrations that no YAML names: logs that transfers made in the lakes of this configuration. Found in the lakes themselves, so
 * that every machine with the same connections sees the same ones. I/O.
 */
import type { LoadedIntegration } from '../../config/integration.ts'
import { didYouMean } from '../../config/problems.ts'
import { toIntegration } from '../../config/to-integration.ts'
import { TRANSFERRED_TABLE } from '../../connectors/change.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { UsageError } from '../exit-codes.ts'
import type { Opener } from '../open.ts'
import { projectionSettings } from '../projection-settings.ts'
import type { OpenWarehouse } from '../run-types.ts'
import { integrationNamed, type Session } from '../session.ts'
import { connectionsWith } from './connections.ts'
import { DEFAULT_PREFIX } from './lake-place.ts'

/** Where such an integration would name its YAML file. */
const NO_FILE = 'transfers'

/** False for integrations that only transfers write: there is no source to ask. */
export const hasSource = ({ source }: Pick<LoadedIntegration, 'source'>): boolean => source.connection !== ''

/** A lake that no integration uses may be anywhere, or nowhere: nobody waits for it. */
const LOOK_MS = 5_000

/** In the order of their names. Lakes that cannot be read are left out; those that integrations use are told to `onProblem`. */
export async function transferIntegrations(
  session: Session,
  signal: AbortSignal,
  onProblem: (message: string) => void = () => undefined,
): Promise<readonly LoadedIntegration[]> {
  const { configuration } = session
  const found: LoadedIntegration[] = []
  for (const connection of await connectionsWith(configuration, 'openStore')) {
    const own = configuration.integrations.filter(({ lake }) => lake.connection === connection).map(({ lake }) => lake.prefix)
    const limit = own.length > 0 ? signal : AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)])
    try {
      found.push(...(await inLake(session, connection, [...new Set([...own, DEFAULT_PREFIX])], limit)))
    } catch (error) {
      signal.throwIfAborted()
      if (own.length > 0) onProblem(`lake ${connection}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

async function inLake(
  session: Session,
  connection: string,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<readonly LoadedIntegration[]> {
  const named = new Set(session.configuration.integrations.map(({ name }) => name))
  const found: LoadedIntegration[] = []
  await using store = await session.opener.store(connection)
  for (const prefix of prefixes) {
    for (const name of await logNames(store, prefix, signal)) {
      if (named.has(name) || !(await isTransferred(store, prefix, name, signal))) continue
      found.push(await described(session, { connection, prefix, name }, signal))
    }
  }
  return found
}

/** Lake and warehouses of an integration that has nothing else. */
export async function openWithoutSource(
  integration: LoadedIntegration,
  opener: Opener,
): Promise<
  AsyncDisposable & { readonly source: null; readonly store: ObjectStore; readonly warehouses: readonly OpenWarehouse[] }
> {
  await using stack = new AsyncDisposableStack()
  const store = stack.use(await opener.store(integration.lake.connection))
  const warehouses: OpenWarehouse[] = []
  for (const target of integration.register) {
    const { connection, schema, everyMs } = target
    const projection = projectionSettings(integration, target)
    warehouses.push({ connection, schema, everyMs, projection, warehouse: stack.use(await opener.warehouse(connection)) })
  }
  const kept = stack.move()
  return { source: null, store, warehouses, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** One of the YAML files, or one that transfers made. Throws `UsageError` with the nearest name. */
export async function anyIntegration(
  session: Session,
  name: string | undefined,
  signal: AbortSignal,
): Promise<LoadedIntegration> {
  const { integrations } = session.configuration
  if (name === undefined ? integrations.length > 0 : integrations.some((each) => each.name === name)) {
    return integrationNamed(session.configuration, name)
  }
  const made = await transferIntegrations(session, signal)
  const found = name === undefined ? (made.length === 1 ? made[0] : undefined) : made.find((each) => each.name === name)
  if (found !== undefined) return found
  const names = [...integrations, ...made].map((each) => each.name)
  if (names.length === 0) return integrationNamed(session.configuration, name)
  const known = `expected one of ${names.join(', ')}`
  throw new UsageError(
    name === undefined ? `Which integration? ${known}` : `No integration "${name}"${didYouMean(name, names)}; ${known}`,
  )
}

/** Names of the logs below a prefix; one look per name, whatever the length of its log. */
async function logNames(store: ObjectStore, prefix: string, signal: AbortSignal): Promise<readonly string[]> {
  const base = `${prefix}/_portage/`
  const names: string[] = []
  for (let after = ''; ; ) {
    let name: string | null = null
    for await (const { key } of store.list(base, { ...(after === '' ? {} : { after }), signal })) {
      name = key.slice(base.length).split('/')[0] ?? null
      break
    }
    if (name === null || name === '') return names
    names.push(name)
    // Behind everything of that name: `~` is the last character that a key may hold.
    after = `${base}${name}/~`
  }
}

async function isTransferred(store: ObjectStore, prefix: string, integration: string, signal: AbortSignal): Promise<boolean> {
  if (!/^[a-z][a-z0-9_]*$/.test(integration) || integration === 'audit') return false
  const { claim, tables } = await loadState(store, { prefix, integration }, { signal })
  const schemas = Object.values(tables).map(({ schema }) => schema.id)
  return claim === null && schemas.length > 0 && schemas.every((id) => id === TRANSFERRED_TABLE)
}

/** As if a YAML file said so; shown by the warehouses that show it. */
async function described(
  { configuration, opener }: Session,
  { connection, prefix, name }: { readonly connection: string; readonly prefix: string; readonly name: string },
  signal: AbortSignal,
): Promise<LoadedIntegration> {
  const register: { connection: string; schema: string }[] = []
  for (const warehouse of await connectionsWith(configuration, 'openWarehouse')) {
    await using open = await opener.warehouse(warehouse)
    if ((await open.registered(name, name, signal)) !== null) register.push({ connection: warehouse, schema: name })
  }
  if (register.length === 0) {
    const [only, ...others] = await connectionsWith(configuration, 'openWarehouse')
    if (only !== undefined && others.length === 0) register.push({ connection: only, schema: name })
  }
  const document = { name, source: { connection: '', tables: [] }, lake: { connection, prefix }, register }
  return toIntegration(document, NO_FILE, () => ({ file: NO_FILE, line: 1, path: '' }))
}
