/** A table, view or query read as a whole: unloaded by one statement, so that the rows are one state, then read from the files. I/O. */
import { ConnectorError } from '../../errors.ts'
import type { ReadRequest, TableBatch, TableReader } from '../../tables.ts'
import type { SnowflakeClient } from '../client.ts'
import { partitionColumn, planUnload, type UnloadPlace, unloadFiles } from './unload.ts'
import { fileName } from './unload-manifest.ts'
import type { UnloadPolicies } from './unload-policy.ts'
import { batchOf, storedColumns } from './unload-rows.ts'
import type { UnloadRows } from './unload-sql.ts'

export type ReaderRequest = {
  readonly subject: string
  readonly from: UnloadRows['from']
  readonly request: ReadRequest
  readonly policies: UnloadPolicies
  /** Prepares the stage; called when rows are wanted, not for a plan. */
  readonly place: (signal: AbortSignal) => Promise<UnloadPlace>
}

/** Throws `NOT_FOUND`, `PRIVILEGE`, `SCHEMA`, `STATEMENT`, `UNSUPPORTED`. Nothing is unloaded before `rows`. */
export async function openReader(
  client: SnowflakeClient,
  { subject, from, request, policies, place }: ReaderRequest,
  signal: AbortSignal,
): Promise<TableReader> {
  const { columns, where, badValues, exchange, partitionBy } = request
  if (exchange === undefined)
    throw new ConnectorError('INTERNAL', `${subject} is read through files, and no place for them was given`)
  const planned = await planUnload(client, { subject, rows: { from, columns, where }, policies }, signal)
  const { plan } = planned
  const by = partitionBy === undefined ? {} : { partitionBy: partitionColumn(subject, plan, partitionBy) }
  let read = false
  let done = 0
  let total = 0
  return {
    subject,
    columns: plan.columns.map(({ column }) => column),
    estimatedRows: null,
    fingerprint: null,
    progress: () => (total === 0 ? null : { done, total }),
    rows: async function* (abort): AsyncGenerator<TableBatch> {
      if (read) throw new ConnectorError('INTERNAL', `${subject} was read twice`)
      read = true
      abort.throwIfAborted()
      const files = await unloadFiles(client, planned, { place: await place(abort), ...by }, abort)
      total = files.reduce((sum, { size }) => sum + size, 0)
      for (const file of files) {
        let count = 0
        for await (const group of exchange.parquet(file, storedColumns(plan), abort)) {
          abort.throwIfAborted()
          count += group.rows
          const batch = batchOf(subject, plan, group, badValues)
          if (batch.numRows > 0) yield { batch, release: () => undefined }
        }
        if (count !== file.rows)
          throw new ConnectorError(
            'PROOF',
            `Unloaded file "${fileName(file.key)}" gave ${count} rows, Snowflake wrote ${file.rows}. Run it again`,
          )
        done += file.size
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}
