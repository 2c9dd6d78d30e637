/** One transfer from address to address: looked at, shown, carried out, registered. */
import { ConnectorError } from '../../connectors/errors.ts'
import { typeName } from '../../connectors/logical-type.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { TableBatch, WriteOutcome, WritePlan } from '../../connectors/tables.ts'
import { dataPrefix, nameSegment } from '../../integrations/land/log/keys.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { registerCommit } from '../../integrations/register/register.ts'
import { contentHash } from '../../integrations/transfer/content-hash.ts'
import { appendAudit } from '../audit.ts'
import { UsageError } from '../exit-codes.ts'
import { transferProjection } from '../projection-settings.ts'
import { refusedText } from '../run-summary.ts'
import type { Session } from '../session.ts'
import { type Address, parseAddress } from './address.ts'
import { connectorOf, onlyWarehouse } from './connections.ts'
import { hashOf, openFile } from './files.ts'
import { keyName } from './lake-place.ts'
import type { TransferOptions } from './options.ts'
import { openRejects } from './rejects.ts'
import { openSource } from './sources.ts'
import { type LakeTarget, openTarget } from './targets.ts'

export type ColumnPlan = {
  readonly column: string
  /** As the source spells it. */
  readonly source: string
  readonly type: string
  readonly target: string
  /** CSV only. */
  readonly basis: string | null
  readonly note: string | null
}

export type TransferPlan = {
  readonly from: string
  readonly to: string
  readonly mode: string
  /** What was sniffed or declared of a CSV file; null else. */
  readonly dialect: string | null
  readonly estimatedRows: number | null
  readonly columns: readonly ColumnPlan[]
  readonly notes: readonly string[]
  readonly statements: readonly string[]
}

export type TransferResult = {
  readonly rows: number
  readonly bytes: number | null
  readonly rejected: number
  readonly repeated: boolean
  readonly commit: number | null
  readonly files: number | null
  readonly seconds: number
  readonly registered: { readonly connection: string; readonly relation: string } | null
  /** Key of the kept original. */
  readonly original: string | null
}

/** What a person or a program may want to know meanwhile. Never a row value. */
export type TransferHooks = {
  readonly planned: (plan: TransferPlan) => Promise<void>
  readonly moved: (rows: number, read: { readonly done: number; readonly total: number } | null) => void
  readonly warn: (message: string) => void
}

/** Attempts at an append that other transfers into the same lake come before. */
const ATTEMPTS = 5

/** Settles with null for a dry run. Throws `UsageError`, and what readers and writers throw; then the target is as it was. */
export async function transfer(
  session: Session,
  options: TransferOptions,
  hooks: TransferHooks,
  signal: AbortSignal,
): Promise<TransferResult | null> {
  const from = parseAddress(options.from)
  const to = parseAddress(options.to)
  refuseContradictions(options, from, to)
  const warehouse = to.kind === 'table' ? await warehouseFor(session, options, from, to) : null
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(
        session,
        { from, to, options, warehouse, hooks: attempt === 1 ? hooks : { ...hooks, planned: async () => undefined } },
        signal,
      )
    } catch (error) {
      const overtaken = error instanceof ConnectorError && error.code === 'FENCED'
      if (!overtaken || attempt === ATTEMPTS) throw error
      hooks.warn('another transfer into this lake came first: reading again')
    }
  }
}

type Attempt = {
  readonly from: Address
  readonly to: Address
  readonly options: TransferOptions
  readonly warehouse: string | null
  readonly hooks: TransferHooks
}

async function once(
  session: Session,
  { from, to, options, warehouse, hooks }: Attempt,
  signal: AbortSignal,
): Promise<TransferResult | null> {
  const { environment } = session
  const started = environment.now().getTime()
  await using closing = new AsyncDisposableStack()
  const target = await openTarget(session, to, options, closing, signal)
  const rejects = openRejects(target.lake === null ? options.rejects : null)
  const source = await openSource(
    session,
    {
      address: from,
      options,
      badValues: { policy: options.onBadValue, onReject: rejects.add },
      targetTypes: target.types,
      hashed: target.lake !== null && options.batch === null,
      closing,
    },
    signal,
  )
  const { reader, csv } = source
  const hash = contentHash(reader.columns)
  const named = options.batch === null ? reader.fingerprint : `named ${options.batch}`
  const hashes = target.lake !== null && named === null
  const writer = closing.use(await target.open(reader.columns, () => named ?? hash.value(), rejects.take, signal))
  await hooks.planned({
    from: reader.subject,
    to: writer.subject,
    mode: target.mode ?? 'create',
    dialect: csv?.dialectText ?? null,
    estimatedRows: reader.estimatedRows,
    columns: columnPlans(reader.columns, csv?.layout.columns ?? null, writer.plan),
    notes: writer.plan.notes,
    statements: writer.plan.statements,
  })
  if (options.dryRun) return null
  const original = options.keepOriginal && target.lake !== null ? await keepOriginal(session, from, target.lake, signal) : null
  const moved = counted(reader.rows(signal), (rows) => hooks.moved(rows, reader.progress()))
  const outcome = await writer.write(hashes ? hash.through(moved) : moved, signal)
  await rejects.close()
  if (target.lake !== null && !outcome.repeated) await recordTransfer(session, options, target.lake, outcome)
  const registered =
    target.lake === null || warehouse === null
      ? null
      : await registerTable(session, { connection: warehouse, format: options.registerFormat }, target.lake, hooks, signal)
  return {
    rows: outcome.rows,
    bytes: outcome.bytes,
    rejected: rejects.count(),
    repeated: outcome.repeated,
    commit: outcome.commit ?? null,
    files: outcome.files ?? null,
    seconds: (environment.now().getTime() - started) / 1000,
    registered,
    original,
  }
}

function refuseContradictions(options: TransferOptions, from: Address, to: Address): void {
  const isFile = (address: Address): boolean => address.kind === 'file' || address.kind === 'object'
  if (options.keepOriginal && !isFile(from)) throw new UsageError('--keep-original keeps a file; the source is none')
  if (options.keepOriginal && isFile(to)) throw new UsageError('--keep-original keeps the file in the lake; the target is none')
  if (options.rejects !== null && options.onBadValue !== 'reject')
    throw new UsageError('--rejects goes with --on-bad-value reject')
  if (options.from === options.to) throw new UsageError(`Source and target are the same: ${options.from}`)
}

/** Only lake tables are shown; not by the system that they come from unless it is named. */
async function warehouseFor(
  { configuration }: Session,
  { register }: TransferOptions,
  from: Address,
  { connection }: Extract<Address, { readonly kind: 'table' }>,
): Promise<string | null> {
  if (register === false) return null
  if (register !== null) return register
  if ((await connectorOf(configuration, connection)).openStore === undefined) return null
  return await onlyWarehouse(configuration, {
    source: 'connection' in from ? from.connection : null,
    which: (names) => `Which warehouse shall show the table? --register ${names.join(' | ')}, or --no-register`,
  })
}

function columnPlans(
  columns: readonly { readonly name: string; readonly type: Parameters<typeof typeName>[0]; readonly sourceType: string }[],
  layout: readonly { readonly name: string; readonly basis: string; readonly note: string | null }[] | null,
  { types }: WritePlan,
): readonly ColumnPlan[] {
  return columns.map(({ name, type, sourceType }, index) => {
    const csv = layout?.find((column) => column.name === name)
    return {
      column: name,
      source: csv === undefined ? sourceType : 'text',
      type: typeName(type),
      target: types[index] ?? '',
      basis: csv?.basis ?? null,
      note: csv?.note ?? null,
    }
  })
}

async function* counted(rows: AsyncIterable<TableBatch>, tell: (rows: number) => void): AsyncGenerator<TableBatch> {
  let count = 0
  for await (const each of rows) {
    count += each.batch.numRows
    yield each
    tell(count)
  }
}

/** The bytes as they came, under their hash, so that a repeat finds them there. */
async function keepOriginal(session: Session, from: Address, { place, store }: LakeTarget, signal: AbortSignal): Promise<string> {
  if (from.kind !== 'file' && from.kind !== 'object') throw new UsageError('--keep-original keeps a file; the source is none')
  await using file = await openFile(from, session, signal)
  const hash = await hashOf(file, signal)
  const key = `${dataPrefix(place)}raw/${nameSegment(place.table)}/${hash}/${keyName(file.name)}`
  if ((await store.head(key, signal)) !== null) return key
  await copyObject(file, store, key, signal)
  return key
}

const COPY_BYTES = 4 * 1024 * 1024

async function copyObject(
  file: Awaited<ReturnType<typeof openFile>>,
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  await using object = await store.openWriter(key, signal)
  for (let at = 0; at < file.size; at += COPY_BYTES)
    await object.write(await file.read(at, Math.min(file.size, at + COPY_BYTES), signal))
  await object.close()
}

const AFTER_REFUSAL =
  'Its rows are in the lake: the same command with --register-format parquet writes them for Hive and Spark as Parquet, --register <connection> shows them by another warehouse'

const AUDIT_TIMEOUT_MS = 30_000

/** Takes no signal: what was done is recorded although the command was told to stop meanwhile. */
async function recordTransfer(
  { environment, by }: Session,
  options: TransferOptions,
  { place, store }: LakeTarget,
  outcome: WriteOutcome,
): Promise<void> {
  const from = parseAddress(options.from)
  const details = {
    // A query may quote values.
    from: from.kind === 'query' ? `${from.connection}:query` : options.from,
    table: place.table,
    mode: options.mode ?? 'replace',
    rows: outcome.rows,
    commit: outcome.commit ?? null,
  }
  const draft = { at: environment.now().toISOString(), by, integration: place.integration, event: 'transfer' as const, details }
  await appendAudit(store, place.prefix, draft, AbortSignal.timeout(AUDIT_TIMEOUT_MS))
}

/**
 * Makes the lake's newest commit visible; a schema of the integration's name. Throws what keeps this table out of the warehouse; what
 * keeps others out is told.
 */
async function registerTable(
  { opener }: Session,
  { connection, format }: { readonly connection: string; readonly format: TransferOptions['registerFormat'] },
  { place, store }: LakeTarget,
  hooks: Pick<TransferHooks, 'warn'>,
  signal: AbortSignal,
): Promise<NonNullable<TransferResult['registered']> | null> {
  const { prefix, integration, table } = place
  const state = await loadState(store, { prefix, integration }, { signal })
  await using warehouse = await opener.warehouse(connection)
  const projection = transferProjection(prefix, connection, { table, format })
  const request = { integration, schema: integration, state, store, warehouse, projection, dryRun: false }
  const { refused } = await registerCommit(request, signal)
  for (const each of refused) {
    if (each.table !== table) hooks.warn(refusedText({ ...each, connection }))
  }
  const own = refused.find((each) => each.table === table)
  if (own !== undefined) throw new ConnectorError(own.code, `${refusedText({ ...own, connection })}. ${AFTER_REFUSAL}`)
  const shown = await warehouse.registered(integration, integration, signal)
  const name = table.replace(/^public\./, '')
  const relation = shown?.relations.find((each) => each === name) ?? name.replace('.', '_')
  return {
    connection,
    relation: `${integration}.${/^[a-z_][a-z0-9_]*$/.test(relation) ? relation : `"${relation.replaceAll('"', '""')}"`}`,
  }
}
