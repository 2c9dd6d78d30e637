/** From an address to a writer. I/O. */
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { ObjectStore } from '../../connectors/ports.ts'
import type { RejectedRow, TableWriter, TransferColumn, TransferMode } from '../../connectors/tables.ts'
import { openLander } from '../../integrations/land/lander.ts'
import { type CommitLog, openLog } from '../../integrations/land/log/log.ts'
import { formNamed, openFileWriter } from '../../integrations/transfer/file-writers.ts'
import { typesByName } from '../../integrations/transfer/lake-shape.ts'
import { openLakeWriter } from '../../integrations/transfer/lake-writer.ts'
import { UsageError } from '../exit-codes.ts'
import { PARQUET } from '../parquet-format.ts'
import type { Session } from '../session.ts'
import { VERSION } from '../version.ts'
import type { Address } from './address.ts'
import { connectorOf } from './connections.ts'
import { createFile, fileName } from './files.ts'
import { type LakeTable, lakeTable } from './lake-place.ts'
import type { TransferOptions } from './options.ts'
import { databaseTable } from './sources.ts'

const TARGET_FILE_BYTES = 256 * 1024 ** 2

export type LakeTarget = { readonly place: LakeTable; readonly store: ObjectStore; readonly log: CommitLog }

/** A target that has been looked at; its columns are not known yet. */
export type Target = {
  readonly mode: TransferMode | null
  /** Of the columns that the target has already, when rows must fit them. */
  readonly types: ReadonlyMap<string, LogicalType> | null
  readonly lake: LakeTarget | null
  readonly open: (
    columns: readonly TransferColumn[],
    batch: () => string | null,
    takeRejects: () => readonly RejectedRow[],
    signal: AbortSignal,
  ) => Promise<TableWriter>
}

export async function openTarget(
  session: Session,
  address: Address,
  options: TransferOptions,
  closing: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Target> {
  if (address.kind === 'query')
    throw new UsageError(`${options.to.slice(0, 40)}: a query can only be read from; give a table to write to`)
  if (address.kind !== 'table') return fileTarget(session, address, options)
  const connector = await connectorOf(session.configuration, address.connection)
  if (connector.openTables !== undefined) return databaseTarget(session, address, options, closing, signal)
  if (connector.openStore !== undefined) return lakeTarget(session, address, options, closing, signal)
  throw new UsageError(`${address.connection}: a connection of "${connector.name}" takes no tables`)
}

function fileTarget(session: Session, address: Exclude<Address, { kind: 'table' | 'query' }>, options: TransferOptions): Target {
  if (options.mode === 'append') throw new UsageError(`${options.to}: a file is replaced as a whole; --mode append is for tables`)
  const name = fileName(address)
  const form = formNamed(name, options.fileFormat)
  return {
    mode: 'replace',
    types: null,
    lake: null,
    open: async (columns, _batch, _rejects, signal) =>
      openFileWriter({
        name,
        form,
        columns,
        compression: options.compression,
        createdBy: `portage-lakehouse version ${VERSION} (build release)`,
        create: () => createFile(address, session, signal),
      }),
  }
}

async function databaseTarget(
  session: Session,
  { connection, parts }: Extract<Address, { kind: 'table' }>,
  options: TransferOptions,
  closing: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Target> {
  const tables = closing.use(await session.opener.tables(connection))
  const table = databaseTable(tables, connection, parts)
  const present = await tables.describe(table, signal)
  const { mode, create, fillMissing } = options
  return {
    mode,
    types: present === null ? null : new Map(present.map(({ name, type }) => [name, type])),
    lake: null,
    open: (columns, _batch, _rejects, abort) => tables.openWriter({ table, columns, mode, create, fillMissing }, abort),
  }
}

async function lakeTarget(
  session: Session,
  { connection, parts }: Extract<Address, { kind: 'table' }>,
  options: TransferOptions,
  closing: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Target> {
  const { configuration, environment, opener, by } = session
  const place = lakeTable(configuration, connection, parts, options.prefix)
  const replicated = configuration.integrations.find(({ name }) => name === place.integration)
  if (replicated !== undefined) {
    throw new UsageError(
      `${options.to}: integration "${place.integration}" is written by "portage run" (${replicated.file}); name another, such as ${connection}:${place.integration}_copy.${parts.at(-1)}`,
    )
  }
  const store = closing.use(await opener.store(connection))
  const log = await openLog({
    store,
    prefix: place.prefix,
    integration: place.integration,
    environment,
    by,
    role: 'maintenance',
    signal,
  })
  const known = log.state().tables[place.table]
  const mode = options.mode ?? 'replace'
  return {
    mode,
    types: mode === 'append' && known !== undefined ? typesByName(known.schema) : null,
    lake: { place, store, log },
    open: async (columns, batch, takeRejects) => {
      const { compression, fillMissing, again } = options
      const lander = openLander({
        store,
        log,
        format: PARQUET,
        compression,
        targetFileBytes: TARGET_FILE_BYTES,
        metadata: new Map(),
      })
      return openLakeWriter({
        log,
        lander,
        table: place.table,
        columns,
        mode,
        fillMissing,
        batch,
        again,
        takeRejects,
        environment,
      })
    },
  }
}
