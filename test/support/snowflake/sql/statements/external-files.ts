/** ADD FILES, REMOVE FILES, REFRESH, ADD PARTITION, DROP PARTITION. I/O: the bucket is asked, files are not opened. */
import type { StatementResult } from '../../engine.ts'
import type { ExternalTable } from '../catalogue/objects.ts'
import { invalidIdentifier, invalidParameter, notSupported } from '../errors.ts'
import type { FileChange, RegisteredFile } from '../external/registry.ts'
import { quoteIfNeeded } from '../parse/cursor.ts'
import { changeRegistry, type Run, registryOf, STATEMENT, status } from '../run.ts'
import type { StoredObject } from '../stage/bucket.ts'
import { keyPrefix } from '../stage/buckets.ts'
import type { AlterExternal } from '../statement.ts'
import { text } from '../types.ts'
import { tableResult } from '../wire.ts'
import { checkPartitions } from './external-table.ts'

type Answer = readonly [file: string, status: string, description: string]

const answer = (rows: readonly Answer[]): StatementResult =>
  tableResult(
    [
      ['file', text()],
      ['status', text()],
      ['description', text()],
    ],
    rows,
    STATEMENT.ddl,
  )

export async function alterFiles(run: Run, table: ExternalTable, change: AlterExternal): Promise<StatementResult> {
  switch (change.action) {
    case 'add-files':
      automatic(table, 'ADD FILES')
      return answer(await addFiles(run, table, change.files))
    case 'remove-files':
      automatic(table, 'REMOVE FILES')
      return answer(removeFiles(run, table, change.files))
    case 'refresh':
      automatic(table, 'REFRESH')
      return answer(await refreshFiles(run, table, change.path))
    case 'add-partition':
      return await addPartition(run, table, change)
    case 'drop-partition':
      return dropPartition(run, table, change.location)
    default:
      throw notSupported('this change of an external table')
  }
}

function automatic(table: ExternalTable, words: string): void {
  if (table.invalid !== null) throw invalidParameter(`External table '${table.name}' is marked invalid. ${table.invalid}`)
  if (table.userSpecified) throw notSupported(`${words} on an external table with user-specified partitions`)
}

const rootOf = (table: ExternalTable): string => keyPrefix(table.stage, table.path)
const patternOf = (table: ExternalTable): RegExp | null => (table.pattern === null ? null : new RegExp(`^(?:${table.pattern})$`))

/** What stands before the file's name in answers: its path from the bucket's root. */
async function addFiles(run: Run, table: ExternalTable, files: readonly string[]): Promise<readonly Answer[]> {
  const bucket = await run.engine.buckets.open(table.stage.options)
  const known = registryOf(run, table)
  const pattern = patternOf(table)
  const found = await headAll(
    run,
    bucket,
    files.map((file) => rootOf(table) + file),
  )
  const changes: FileChange[] = []
  const rows: Answer[] = []
  for (const [index] of files.entries()) {
    const key = rootOf(table) + (files[index] ?? '')
    const object = found.get(key)
    if (object === undefined) {
      rows.push([key, 'REGISTER_FAILED', 'File was not found.'])
      continue
    }
    if (pattern !== null && !pattern.test(key)) {
      rows.push([key, 'REGISTER_SKIPPED', 'File does not match the pattern.'])
      continue
    }
    const before = known.get(key)
    if (before?.etag === object.etag && before.size === object.size) {
      rows.push([key, 'REGISTER_SKIPPED', 'File already registered.'])
      continue
    }
    changes.push({ kind: 'add', file: registered(object, run.now, null) })
    rows.push([
      key,
      before === undefined ? 'REGISTERED_NEW' : 'REGISTERED_UPDATE',
      before === undefined ? 'File registered successfully.' : 'File updated successfully.',
    ])
  }
  await checkPartitions(
    run,
    table,
    changes.flatMap((change) => (change.kind === 'add' ? [change.file.key] : [])),
  )
  changeRegistry(run, table, changes)
  return rows
}

async function headAll(
  run: Run,
  bucket: Awaited<ReturnType<Run['engine']['buckets']['open']>>,
  keys: readonly string[],
): Promise<ReadonlyMap<string, StoredObject>> {
  const found = new Map<string, StoredObject>()
  const queue = keys[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (const key of queue) {
      const object = await bucket.head(key, run.signal)
      if (object !== null) found.set(key, object)
    }
  }
  // Many files: one listing per thousand is cheaper than a request for each.
  if (keys.length > 50) {
    const common = keys.reduce((prefix, key) => commonPrefix(prefix, key))
    const wanted = new Set(keys)
    for (const object of await bucket.list(common, run.signal)) if (wanted.has(object.key)) found.set(object.key, object)
    return found
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return found
}

function commonPrefix(a: string, b: string): string {
  let length = 0
  while (length < a.length && a.charAt(length) === b.charAt(length)) length += 1
  return a.slice(0, length)
}

const registered = (
  { key, size, etag, lastModified }: StoredObject,
  registeredOn: Date,
  partition: RegisteredFile['partition'],
): RegisteredFile => ({
  key,
  size,
  etag,
  lastModified,
  registeredOn,
  partition,
})

function removeFiles(run: Run, table: ExternalTable, files: readonly string[]): readonly Answer[] {
  const known = registryOf(run, table)
  const keys = files.map((file) => rootOf(table) + file)
  changeRegistry(
    run,
    table,
    keys.filter((key) => known.has(key)).map((key): FileChange => ({ kind: 'remove', key })),
  )
  return keys.map((key) =>
    known.has(key)
      ? [key, 'UNREGISTERED', 'File unregistered successfully.']
      : [key, 'UNREGISTER_FAILED', 'File is not registered.'],
  )
}

/** Every file under the path that matches the pattern is registered, others under it are not any more. */
export async function refreshFiles(run: Run, table: ExternalTable, path: string | null): Promise<readonly Answer[]> {
  const bucket = await run.engine.buckets.open(table.stage.options)
  const prefix = rootOf(table) + (path ?? '')
  const pattern = patternOf(table)
  const present = (await bucket.list(prefix, run.signal)).filter(
    ({ key, size }) => size > 0 && (pattern === null || pattern.test(key)),
  )
  const known = registryOf(run, table)
  const rows: Answer[] = []
  const changes: FileChange[] = []
  for (const object of present) {
    const before = known.get(object.key)
    if (before?.etag === object.etag) {
      rows.push([object.key, 'REGISTER_SKIPPED', 'File already registered.'])
      continue
    }
    changes.push({ kind: 'add', file: registered(object, run.now, null) })
    rows.push([object.key, before === undefined ? 'REGISTERED_NEW' : 'REGISTERED_UPDATE', 'File registered successfully.'])
  }
  const keys = new Set(present.map(({ key }) => key))
  for (const key of known.keys()) {
    if (!key.startsWith(prefix) || keys.has(key)) continue
    changes.push({ kind: 'remove', key })
    rows.push([key, 'UNREGISTERED', 'File unregistered successfully.'])
  }
  await checkPartitions(
    run,
    table,
    changes.flatMap((change) => (change.kind === 'add' ? [change.file.key] : [])),
  )
  changeRegistry(run, table, changes)
  table.lastRefreshed = run.now
  return rows
}

async function addPartition(
  run: Run,
  table: ExternalTable,
  { values, location }: Extract<AlterExternal, { action: 'add-partition' }>,
): Promise<StatementResult> {
  if (!table.userSpecified) throw notSupported('ADD PARTITION on an external table whose partitions are computed')
  const partition = new Map<string, string>()
  for (const { column, value } of values) {
    if (!table.partitionBy.includes(column.text)) throw invalidIdentifier(quoteIfNeeded(column), column.at)
    partition.set(column.text, value)
  }
  if (partition.size !== table.partitionBy.length)
    throw invalidParameter('ADD PARTITION needs a value for every partition column')
  const prefix = `${rootOf(table)}${location.endsWith('/') ? location : `${location}/`}`
  const bucket = await run.engine.buckets.open(table.stage.options)
  const pattern = patternOf(table)
  const files = (await bucket.list(prefix, run.signal)).filter(
    ({ key, size }) => size > 0 && (pattern === null || pattern.test(key)),
  )
  changeRegistry(
    run,
    table,
    files.map((object): FileChange => ({ kind: 'add', file: registered(object, run.now, partition) })),
  )
  return status('Statement executed successfully.')
}

function dropPartition(run: Run, table: ExternalTable, location: string): StatementResult {
  if (!table.userSpecified) throw notSupported('DROP PARTITION on an external table whose partitions are computed')
  const prefix = `${rootOf(table)}${location.endsWith('/') ? location : `${location}/`}`
  const keys = [...registryOf(run, table).keys()].filter((key) => key.startsWith(prefix))
  changeRegistry(
    run,
    table,
    keys.map((key): FileChange => ({ kind: 'remove', key })),
  )
  return status('Statement executed successfully.')
}
