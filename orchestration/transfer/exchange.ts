/** The place through which a system that hands out files passes its rows on: a prefix of its own in a connected bucket. I/O. */
import { randomUUID } from 'node:crypto'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { Exchange } from '../../connectors/tables.ts'
import { objectBuffer, readParquetColumns } from '../../integrations/read/parquet-columns.ts'
import { UsageError } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import { parseAddress } from './address.ts'
import { connectionsWith } from './connections.ts'
import { DEFAULT_INTEGRATION, prefixOf } from './lake-place.ts'
import { exchangePrefix } from './left-unloads.ts'
import type { TransferOptions } from './options.ts'

const GROUP_ROWS = 16_384
const CLEARING_MS = 60_000

/** The place of this transfer alone; `closing` clears it away again, as well as it can. Throws `UsageError` when no bucket is named. */
export async function openExchange(
  session: Session,
  options: Pick<TransferOptions, 'from' | 'to' | 'via' | 'prefix'>,
  closing: AsyncDisposableStack,
): Promise<Exchange> {
  const { environment } = session
  const bucket = await bucketFor(session, options)
  const store = closing.use(bucket.store)
  const lake = options.prefix ?? prefixOf(session.configuration.integrations, bucket.name, DEFAULT_INTEGRATION)
  const prefix = `${exchangePrefix(lake)}${environment
    .now()
    .toISOString()
    .replace(/[-:]|\.\d+Z$/g, '')}-${randomUUID()}/`
  closing.defer(async () => {
    try {
      await clear(store, prefix)
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown'
      environment.log('warn', `${store.address(prefix)}: unloaded files could not be deleted; delete them by hand`, { reason })
    }
  })
  return {
    store,
    prefix,
    parquet: ({ key, size }, columns, signal) =>
      readParquetColumns(objectBuffer(store, key, size, signal), key, columns, { groupRows: GROUP_ROWS, signal }),
  }
}

async function clear(store: ObjectStore, prefix: string): Promise<void> {
  const signal = AbortSignal.timeout(CLEARING_MS)
  const keys: string[] = []
  for await (const { key } of store.list(prefix, { signal })) keys.push(key)
  if (keys.length > 0) await store.delete(keys, signal)
}

/** The bucket that was named, or that of the target, or the only one. */
async function bucketFor(
  session: Session,
  { from, to, via }: Pick<TransferOptions, 'from' | 'to' | 'via'>,
): Promise<{ readonly name: string; readonly store: ObjectStore }> {
  const names = await connectionsWith(session.configuration, 'openStore')
  const target = parseAddress(to)
  const first = target.kind === 'table' && names.includes(target.connection) ? target.connection : null
  if (via !== null && !names.includes(via)) throw new UsageError(`--via ${via}: ${expected(names)}`)
  const buckets: string[] = []
  for (const name of via === null ? [...(first === null ? [] : [first]), ...names.filter((each) => each !== first)] : [via]) {
    const store = await session.opener.store(name)
    const isBucket = store.address('x').startsWith('s3://')
    if (isBucket && (name === via || name === first)) return { name, store }
    await store[Symbol.asyncDispose]()
    if (isBucket) buckets.push(name)
  }
  const [only, ...others] = buckets
  if (only !== undefined && others.length === 0) return { name: only, store: await session.opener.store(only) }
  const connection = from.split(':')[0]
  throw new UsageError(
    via === null
      ? `${connection} hands rows out through a bucket that it and Portage reach. ${buckets.length === 0 ? 'No connection is one: add an s3 connection' : `Which one? --via ${buckets.join(' | ')}`}`
      : `--via ${via}: the connection is no bucket; ${connection} cannot write there`,
  )
}

const expected = (names: readonly string[]): string =>
  names.length === 0 ? 'no connection is a bucket; add an s3 connection' : `expected one of ${names.join(', ')}`
