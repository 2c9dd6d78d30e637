/** What a statement has while it runs. */
import type { Binding, StatementResult } from '../engine.ts'
import type { Access } from './catalogue/access.ts'
import type { Account } from './catalogue/account.ts'
import type { Names } from './catalogue/names.ts'
import type { ExternalTable } from './catalogue/objects.ts'
import type { Duck, DuckConnection } from './duck.ts'
import type { ExternalFiles } from './external/files.ts'
import { changed, type FileChange, type FileRegistry } from './external/registry.ts'
import type { SessionWork } from './session-state.ts'
import type { Buckets } from './stage/buckets.ts'
import { text } from './types.ts'
import type { UnloadFault } from './unload/faults.ts'
import { tableResult } from './wire.ts'

export type EngineParts = {
  readonly account: Account
  readonly duck: Duck
  readonly files: ExternalFiles
  readonly buckets: Buckets
  readonly now: () => Date
  /** Where unloads are written before they go to their stage. */
  readonly directory: string
  readonly unloadFaults: UnloadFault[]
}

export type Run = {
  readonly engine: EngineParts
  readonly session: SessionWork
  readonly access: Access
  readonly names: Names
  readonly connection: DuckConnection
  readonly bindings: readonly Binding[]
  readonly queryId: string
  readonly now: Date
  readonly signal: AbortSignal
}

/** The registry as this session sees it: with what its transaction has changed. */
export function registryOf({ session }: Pick<Run, 'session'>, table: ExternalTable): FileRegistry {
  const changes = session.transaction?.changes.get(table)
  return changes === undefined ? table.registry : changed(table.registry, changes)
}

/** In the transaction when there is one, else at once. */
export function changeRegistry({ session }: Pick<Run, 'session'>, table: ExternalTable, changes: readonly FileChange[]): void {
  if (session.transaction === null) table.registry = changed(table.registry, changes)
  else session.transaction.changes.set(table, [...(session.transaction.changes.get(table) ?? []), ...changes])
}

/** Ids of statements' kinds, as drivers know them. */
export const STATEMENT = {
  select: 0x1000,
  insert: 0x3100,
  update: 0x3200,
  delete: 0x3300,
  merge: 0x3400,
  copy: 0x3600,
  session: 0x4100,
  use: 0x4300,
  show: 0x4400,
  describe: 0x4500,
  list: 0x4700,
  transaction: 0x5400,
  ddl: 0x6000,
} as const

export const status = (words: string, statementType: number = STATEMENT.ddl): StatementResult =>
  tableResult([['status', text()]], [[words]], statementType)

export const DONE = 'Statement executed successfully.'
