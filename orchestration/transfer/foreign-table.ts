/** Tables whose files another system wrote: from their catalogue to their files, each location through the connection that covers it. I/O. */
import { resolve } from 'node:path'
import { ConfigurationError } from '../../config/problems.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { TableAddress, Tables } from '../../connectors/tables.ts'
import { type Location, parseLocation } from '../../integrations/transfer/foreign/location.ts'
import { type FindPlace, type FoundTable, findFiles } from '../../integrations/transfer/foreign/manifest.ts'
import { UsageError } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import { connectionsWith } from './connections.ts'

export type ForeignRequest = {
  readonly connection: string
  readonly tables: Tables & Required<Pick<Tables, 'layout'>>
  readonly table: TableAddress
  /** Takes the stores that are opened. */
  readonly closing: AsyncDisposableStack
}

/** True for tables that are read from their files. */
export function hasLayout(tables: Tables): tables is ForeignRequest['tables'] {
  return tables.layout !== undefined
}

/** The table's files at this moment. Throws `NOT_FOUND`, `UNSUPPORTED` with the way out, `UsageError` when no connection covers a location. */
export async function findForeignTable(
  session: Session,
  { connection, tables, table, closing }: ForeignRequest,
  signal: AbortSignal,
): Promise<FoundTable> {
  const layout = await tables.layout(table, signal)
  if (layout === null) {
    throw new ConnectorError('NOT_FOUND', `Table "${table.schema}.${table.name}" does not exist in the database`)
  }
  return await findFiles(layout, placeFinder(session, connection, closing), signal)
}

/** `store` of the connection, where it is given; else whichever store covers the location, the closest one. */
export function placeFinder(session: Session, connection: string, closing: AsyncDisposableStack): FindPlace {
  const named = session.configuration.connections.get(connection)?.options.store
  let opened: Promise<readonly OpenedStore[]> | undefined
  return async (location, subject) => {
    const place = parseLocation(location, subject)
    opened ??= openStores(session, typeof named === 'string' ? named : null, closing)
    const stores = await opened
    const found = stores
      .flatMap(({ store, root }) => {
        const prefix = below(place, root)
        return prefix === null ? [] : [{ store, prefix, depth: root.length }]
      })
      .toSorted((a, b) => b.depth - a.depth)[0]
    if (found !== undefined) return { store: found.store, prefix: found.prefix === '' ? '' : `${found.prefix}/` }
    throw uncovered(place, { location, subject, connection, named: typeof named === 'string' ? named : null, stores })
  }
}

type OpenedStore = { readonly name: string; readonly store: ObjectStore; readonly root: string }

async function openStores(
  session: Session,
  named: string | null,
  closing: AsyncDisposableStack,
): Promise<readonly OpenedStore[]> {
  const names = await connectionsWith(session.configuration, 'openStore')
  if (named !== null && !names.includes(named)) {
    throw new UsageError(`store: ${named}: expected a connection that is a bucket or a directory: ${names.join(', ')}`)
  }
  const found: OpenedStore[] = []
  for (const name of named === null ? names : [named]) {
    try {
      const store = closing.use(await session.opener.store(name))
      found.push({ name, store, root: rootOf(store) })
    } catch (error) {
      // One that cannot be opened for want of a secret covers nothing; a connection that was named has to.
      if (named !== null || !(error instanceof ConfigurationError)) throw error
    }
  }
  return found
}

/** What every address of the store begins with, without a slash at the end. */
function rootOf(store: ObjectStore): string {
  const address = store.address('x')
  return address.slice(0, -'x'.length).replace(/\/+$/, '')
}

/** Key of the location in a store; null when it lies elsewhere. */
function below(place: Location, root: string): string | null {
  const address = place.kind === 'bucket' ? `s3://${place.bucket}${place.key === '' ? '' : `/${place.key}`}` : resolve(place.path)
  if (address === root) return ''
  return address.startsWith(`${root}/`) ? address.slice(root.length + 1) : null
}

function uncovered(
  place: Location,
  {
    location,
    subject,
    connection,
    named,
    stores,
  }: {
    readonly location: string
    readonly subject: string
    readonly connection: string
    readonly named: string | null
    readonly stores: readonly OpenedStore[]
  },
): UsageError {
  const known =
    stores.length === 0 ? 'there is none' : `there is ${stores.map(({ name, root }) => `${name} (${root})`).join(', ')}`
  const cure =
    place.kind === 'bucket'
      ? `add one to connections.yaml, such as files: {connector: s3, bucket: ${place.bucket}, region: …}`
      : `add one to connections.yaml, such as files: {connector: filesystem, path: ${place.path}}`
  const which =
    named === null
      ? `no connection covers "${location}"`
      : `"store: ${named}" of connection "${connection}" does not cover "${location}"`
  return new UsageError(
    `${subject}: its files are read through a connection, and ${which}; ${known}. ${named === null ? cure : 'Correct it, or leave it out'}`,
  )
}
