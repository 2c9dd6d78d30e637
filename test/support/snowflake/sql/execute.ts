/** Which function does which statement. */
import type { StatementResult } from '../engine.ts'
import { bindQuery } from './bind/query.ts'
import { emptyScope } from './bind/scope.ts'
import { notSupported, noWarehouse } from './errors.ts'
import { contextFor } from './resolve.ts'
import { DONE, type Run, STATEMENT, status } from './run.ts'
import { describe } from './show/describe.ts'
import { show } from './show/show.ts'
import type { Statement, StatementOf } from './statement.ts'
import { alterExternalTable, alterRelation, alterStage, comment, drop, truncate } from './statements/alter.ts'
import { createDatabase, createFileFormat, createPolicy, createRole, createSchema, createStage } from './statements/create.ts'
import { deleteRows, insert, merge, updateRows } from './statements/dml.ts'
import { createExternalTable } from './statements/external-table.ts'
import { grant, grantRole, setSession, showGrants, transaction, use } from './statements/session.ts'
import { stageFiles } from './statements/stage-files.ts'
import { createTable, createView } from './statements/tables.ts'
import { copyInto } from './unload/copy-into.ts'
import { columnsOf, wireRows, wireSql } from './wire.ts'

/** Statements that leave an open transaction open; every other one commits it before it runs. */
const WITHIN_TRANSACTION: ReadonlySet<Statement['kind']> = new Set([
  'query',
  'use',
  'set-session',
  'unset-session',
  'transaction',
  'alter-external-table',
  'show',
  'show-grants',
  'describe',
  'list',
  'remove',
  'copy-into-location',
  'insert',
  'delete',
  'update',
  'merge',
] as const)

export const commitsFirst = (statement: Statement): boolean => {
  if (statement.kind === 'alter-external-table') return !['add-files', 'remove-files'].includes(statement.change.action)
  return !WITHIN_TRANSACTION.has(statement.kind)
}

/** INSERT and its like. */
export const writesRows = ({ kind }: Statement): boolean => ['insert', 'delete', 'update', 'merge'].includes(kind)

export async function execute(run: Run, statement: Statement): Promise<StatementResult> {
  switch (statement.kind) {
    case 'query':
      return await select(run, statement)
    case 'use':
      return use(run, statement)
    case 'set-session':
    case 'unset-session':
      return setSession(run, statement)
    case 'transaction':
      return await transaction(run, statement)
    case 'create-database':
      return createDatabase(run, statement)
    case 'create-schema':
      return createSchema(run, statement)
    case 'create-file-format':
      return createFileFormat(run, statement)
    case 'create-stage':
      return createStage(run, statement)
    case 'create-external-table':
      return await createExternalTable(run, statement)
    case 'create-view':
      return await createView(run, statement)
    case 'create-table':
      return await createTable(run, statement)
    case 'create-role':
      return createRole(run, statement)
    case 'create-policy':
      return createPolicy(run, statement)
    case 'alter-stage':
      return alterStage(run, statement)
    case 'alter-warehouse': {
      const warehouse = run.names.object('WAREHOUSE', statement.name)
      run.access.demand(warehouse, 'OPERATE')
      const found = run.engine.account.warehouses.get(warehouse.name)
      if (found === undefined) throw notSupported('this warehouse')
      found.running = statement.action === 'RESUME'
      return status(DONE)
    }
    case 'alter-external-table':
      return await alterExternalTable(run, statement)
    case 'alter-relation':
      return await alterRelation(run, statement)
    case 'alter-comment':
    case 'comment':
      return comment(run, statement)
    case 'grant':
    case 'revoke':
      return grant(run, statement)
    case 'grant-role':
    case 'revoke-role':
      return grantRole(run, statement)
    case 'show-grants':
      return showGrants(run, statement)
    case 'show':
      return show(run, statement)
    case 'describe':
      return describe(run, statement)
    case 'drop':
      return await drop(run, statement)
    case 'list':
    case 'remove':
      return await stageFiles(run, statement)
    case 'copy-into-location':
      needsWarehouse(run)
      return await copyInto(run, statement)
    case 'insert':
      needsWarehouse(run)
      return await insert(run, statement)
    case 'delete':
      needsWarehouse(run)
      return await deleteRows(run, statement)
    case 'update':
      needsWarehouse(run)
      return await updateRows(run, statement)
    case 'merge':
      needsWarehouse(run)
      return await merge(run, statement)
    case 'truncate':
      return await truncate(run, statement)
    default:
      return statement satisfies never
  }
}

/** What reads or writes rows wakes a warehouse; a session without one is told so. */
function needsWarehouse(run: Run): void {
  const warehouse = run.engine.account.warehouses.get(run.session.warehouse ?? '')
  if (warehouse === undefined || !run.access.has(warehouse, 'USAGE')) throw noWarehouse()
  warehouse.running = true
}

async function select(run: Run, { query }: StatementOf<'query'>): Promise<StatementResult> {
  const context = await contextFor(run, query)
  const made = bindQuery(query, emptyScope(context))
  if (readsRows(query)) needsWarehouse(run)
  const result = await run.connection.run(wireSql(made), run.signal)
  const columns = columnsOf(made)
  return { columns, rows: wireRows(result, columns, run.signal), statementType: STATEMENT.select }
}

/** `SELECT CURRENT_USER()` and its like need no warehouse. */
const readsRows = (tree: unknown): boolean => {
  if (typeof tree !== 'object' || tree === null) return false
  if ('kind' in tree && (tree.kind === 'table' || tree.kind === 'stage')) return true
  return Object.values(tree).some(readsRows)
}
