/** ALTER TABLE, VIEW, EXTERNAL TABLE, STAGE; COMMENT ON; DROP; TRUNCATE. */
import { SqlError, type StatementResult } from '../../engine.ts'
import type { Name, ObjectName } from '../ast.ts'
import { castTo } from '../bind/cast.ts'
import { bindExpression } from '../bind/expression.ts'
import { emptyScope } from '../bind/scope.ts'
import type { Relation, Schema, Securable, Table } from '../catalogue/objects.ts'
import {
  alreadyExists,
  duplicateColumn,
  insufficientPrivileges,
  invalidIdentifier,
  invalidParameter,
  notSupported,
  wrongObjectKind,
} from '../errors.ts'
import { nameText, quoteIfNeeded } from '../parse/cursor.ts'
import { contextFor, rowPolicyColumns } from '../resolve.ts'
import { DONE, type Run, status } from '../run.ts'
import { formatsOf } from '../session-state.ts'
import type { AlterColumns, StatementOf } from '../statement.ts'
import { duckType } from '../types.ts'
import { stageOptions, unlinkTables } from './create.ts'
import { alterFiles } from './external-files.ts'
import { checkExpressions, externalColumnDef, ownExternalTable } from './external-table.ts'
import { tableColumnDef } from './tables.ts'

/** Null when the object is absent and may be; throws 003001 when the role does not own it. */
function owned<T extends Securable>(run: Run, find: () => T, ifExists: boolean): T | null {
  let found: T
  try {
    found = find()
  } catch (error) {
    if (ifExists && error instanceof SqlError && (error.code === '002003' || error.code === '002043')) return null
    throw error
  }
  if (!run.access.has(found, 'OWNERSHIP')) throw insufficientPrivileges(found.kind.toLowerCase(), found.name)
  return found
}

export async function alterExternalTable(run: Run, statement: StatementOf<'alter-external-table'>): Promise<StatementResult> {
  const table = ownExternalTable(run, statement)
  if (table === null) return status(DONE)
  const { change } = statement
  if (change.action === 'set') {
    if (change.options.get('AUTO_REFRESH') === true) throw notSupported('AUTO_REFRESH = TRUE')
    return status(DONE)
  }
  return await alterFiles(run, table, change)
}

export async function alterRelation(run: Run, statement: StatementOf<'alter-relation'>): Promise<StatementResult> {
  const { change } = statement
  const relation = owned(run, () => run.names.relation(statement.name), statement.ifExists)
  if (relation === null) return status(DONE)
  if ((relation.kind === 'VIEW') !== (statement.what === 'VIEW'))
    throw wrongObjectKind(nameText(statement.name), relation.kind, statement.what)
  switch (change.action) {
    case 'comment':
      relation.comment = change.text ?? ''
      return status(DONE)
    case 'rename':
      return rename(run, relation, change.to)
    case 'column-comment':
      columnOf(relation, change.column).comment = change.text
      return status(DONE)
    case 'policy':
      return policy(run, relation, change)
    case 'column-null':
      return await columnNull(run, relation, change)
    case 'add-column':
      return await addColumn(run, relation, change)
    case 'drop-columns':
      return await dropColumns(run, relation, change)
    case 'rename-column':
      return renameColumn(relation, change)
    default:
      return change satisfies never
  }
}

const columnOf = (relation: Relation, { text, at }: Name) => {
  const found = relation.columns.find(({ name }) => name === text)
  if (found === undefined) throw invalidIdentifier(quoteIfNeeded({ text }), at)
  return found
}

function rename(run: Run, relation: Relation, to: ObjectName): StatementResult {
  const place = run.names.place(to)
  if (place.schema.relations.has(place.name)) throw alreadyExists(nameText(to))
  relation.schema.relations.delete(relation.name)
  relation.name = place.name
  relation.schema = place.schema
  place.schema.relations.set(place.name, relation)
  return status(DONE)
}

function policy(run: Run, relation: Relation, change: Extract<AlterColumns, { action: 'policy' }>): StatementResult {
  const found = change.policy === null ? null : run.names.policy(change.policy)
  if (change.column !== null) {
    const column = columnOf(relation, change.column)
    if (relation.kind === 'EXTERNAL TABLE' && found !== null) throw notSupported('masking policies on columns of external tables')
    column.mask = found
  } else {
    relation.rowPolicy = found
    rowPolicyColumns.set(
      relation,
      change.columns.map(({ text }) => text),
    )
  }
  return status(DONE)
}

async function columnNull(
  run: Run,
  relation: Relation,
  change: Extract<AlterColumns, { action: 'column-null' }>,
): Promise<StatementResult> {
  if (relation.kind !== 'TABLE') throw wrongObjectKind(relation.name, relation.kind, 'TABLE')
  const column = relation.columns.find(({ name }) => name === change.column.text)
  if (column === undefined) throw invalidIdentifier(quoteIfNeeded(change.column), change.column.at)
  if (!change.nullable) {
    const [[nulls] = []] = await run.connection.texts(
      `SELECT count(*) FROM ${relation.duck} WHERE ${column.duck} IS NULL`,
      run.signal,
    )
    if (nulls !== '0')
      throw invalidParameter(`column '${column.name}' contains null values. Not null constraint cannot be added.`)
  }
  column.nullable = change.nullable
  return status(DONE)
}

async function addColumn(
  run: Run,
  relation: Relation,
  change: Extract<AlterColumns, { action: 'add-column' }>,
): Promise<StatementResult> {
  const { column } = change
  if (
    relation.columns.some(({ name }) => name === column.name.text) ||
    (relation.kind === 'EXTERNAL TABLE' && column.name.text === 'VALUE')
  ) {
    if (change.ifNotExists) return status(DONE)
    throw duplicateColumn(quoteIfNeeded(column.name))
  }
  if (relation.kind === 'EXTERNAL TABLE') {
    if (!('expression' in column))
      throw invalidParameter(`External table column '${column.name.text}' needs an expression: AS (…)`)
    const made = externalColumnDef(column, false, relation.userSpecified)
    await checkExpressions(run, { columns: [made] })
    relation.columns.push(made)
    return status(DONE)
  }
  if (relation.kind !== 'TABLE' || 'expression' in column) throw notSupported('virtual columns of a table')
  const made = { ...tableColumnDef(column, 0), duck: `c${run.engine.account.next()}x` }
  const fallback = column.fallback === null ? null : bindExpression(column.fallback, emptyScope(await contextFor(run)))
  const value =
    fallback === null
      ? ''
      : ` DEFAULT ${castTo(fallback, made.type, { at: change.column.name.at, formats: formatsOf(run.session.parameters) }).sql}`
  await run.connection.run(`ALTER TABLE ${relation.duck} ADD COLUMN ${made.duck} ${duckType(made.type)}${value}`, run.signal)
  relation.columns.push(made)
  return status(DONE)
}

async function dropColumns(
  run: Run,
  relation: Relation,
  change: Extract<AlterColumns, { action: 'drop-columns' }>,
): Promise<StatementResult> {
  for (const name of change.columns) {
    const index = relation.columns.findIndex((column) => column.name === name.text)
    if (index === -1) {
      if (change.ifExists) continue
      throw invalidIdentifier(quoteIfNeeded(name), name.at)
    }
    if (relation.kind === 'VIEW') throw notSupported('dropping columns of a view')
    if (relation.kind === 'EXTERNAL TABLE' && relation.columns[index]?.partition)
      throw invalidParameter(`Partition column '${name.text}' cannot be dropped`)
    if (relation.kind === 'TABLE') {
      if (relation.columns.length === 1) throw invalidParameter(`Cannot drop the last column '${name.text}'`)
      await run.connection.run(`ALTER TABLE ${relation.duck} DROP COLUMN ${relation.columns[index]?.duck}`, run.signal)
    }
    relation.columns.splice(index, 1)
  }
  return status(DONE)
}

function renameColumn(relation: Relation, { from, to }: Extract<AlterColumns, { action: 'rename-column' }>): StatementResult {
  if (relation.kind === 'VIEW') throw notSupported('renaming columns of a view')
  if (relation.columns.some(({ name }) => name === to.text)) throw duplicateColumn(quoteIfNeeded(to))
  const column = relation.columns.find(({ name }) => name === from.text)
  if (column === undefined) throw invalidIdentifier(quoteIfNeeded(from), from.at)
  if ('partition' in column && column.partition) throw invalidParameter(`Partition column '${from.text}' cannot be renamed`)
  column.name = to.text
  return status(DONE)
}

export function alterStage(run: Run, statement: StatementOf<'alter-stage'>): StatementResult {
  const stage = owned(run, () => run.names.stage(statement.name), statement.ifExists)
  if (stage === null) return status(DONE)
  stage.options = stageOptions(run, statement.options, stage.options)
  const comment = statement.options.get('COMMENT')
  if (typeof comment === 'string') stage.comment = comment
  const format = statement.options.get('FILE_FORMAT')
  if (format instanceof Map) stage.format = format
  return status(DONE)
}

/** ALTER … SET COMMENT and COMMENT ON. */
export function comment(run: Run, statement: StatementOf<'comment'> | StatementOf<'alter-comment'>): StatementResult {
  if (statement.kind === 'comment' && statement.what === 'COLUMN') {
    const relation = owned(run, () => run.names.relation(statement.name), statement.ifExists)
    if (relation !== null && statement.column !== null) columnOf(relation, statement.column).comment = statement.text
    return status(DONE)
  }
  const { what } = statement
  if (what === 'COLUMN') return status(DONE)
  const found = owned(run, () => run.names.object(what, statement.name), statement.ifExists)
  if (found === null) return status(DONE)
  const isTable = what === 'TABLE' && found.kind === 'EXTERNAL TABLE'
  if (found.kind !== what && !isTable) throw wrongObjectKind(nameText(statement.name), found.kind, what)
  found.comment = statement.text ?? ''
  return status(DONE)
}

export async function drop(run: Run, statement: StatementOf<'drop'>): Promise<StatementResult> {
  const { what, name } = statement
  const found = owned(run, () => run.names.object(what, name), statement.ifExists)
  if (found === null) return status(`Drop statement executed successfully (${nameText(name)} already dropped).`)
  if (found.kind !== what) throw wrongObjectKind(nameText(name), found.kind, what)
  await remove(run, found)
  return status(`${found.name} successfully dropped.`)
}

async function remove(run: Run, found: Securable): Promise<void> {
  const { account } = run.engine
  switch (found.kind) {
    case 'DATABASE': {
      const database = account.databases.get(found.name)
      for (const schema of database?.schemas.values() ?? []) await dropRelations(run, schema)
      account.databases.delete(found.name)
      if (run.session.database === found.name) {
        run.session.database = null
        run.session.schema = null
      }
      return
    }
    case 'SCHEMA': {
      const schema = found as Schema
      await dropRelations(run, schema)
      schema.database.schemas.delete(schema.name)
      if (run.session.database === schema.database.name && run.session.schema === schema.name) run.session.schema = null
      return
    }
    case 'TABLE':
    case 'VIEW':
    case 'EXTERNAL TABLE': {
      const relation = found as Relation
      if (relation.kind === 'TABLE') await dropTable(run, relation)
      relation.schema.relations.delete(relation.name)
      return
    }
    case 'STAGE':
    case 'FILE FORMAT':
    case 'MASKING POLICY':
    case 'ROW ACCESS POLICY': {
      const { schema } = found as Securable & { readonly schema: Schema }
      if (found.kind === 'STAGE') {
        const stage = schema.stages.get(found.name)
        if (stage !== undefined) unlinkTables(run, stage)
        schema.stages.delete(found.name)
      } else if (found.kind === 'FILE FORMAT') schema.formats.delete(found.name)
      else {
        const uses = [...schema.relations.values()].some(
          (each) => each.rowPolicy === found || each.columns.some(({ mask }) => mask === found),
        )
        if (uses)
          throw invalidParameter(`Policy ${found.name} cannot be dropped/replaced as it is associated with one or more entities.`)
        schema.policies.delete(found.name)
      }
      return
    }
    case 'ROLE':
      account.roles.delete(found.name)
      return
    case 'WAREHOUSE':
    case 'INTEGRATION':
    case 'USER':
      throw notSupported(`DROP ${found.kind}`)
    default:
      return found.kind satisfies never
  }
}

async function dropRelations(run: Run, schema: Schema): Promise<void> {
  for (const stage of schema.stages.values()) unlinkTables(run, stage)
  for (const relation of schema.relations.values()) if (relation.kind === 'TABLE') await dropTable(run, relation)
}

export async function dropTable(run: Run, table: Table): Promise<void> {
  run.session.temporary.delete(table)
  await run.connection.run(`DROP TABLE IF EXISTS ${table.duck}`, run.signal)
}

export async function truncate(run: Run, statement: StatementOf<'truncate'>): Promise<StatementResult> {
  const table = owned(run, () => run.names.relation(statement.table), statement.ifExists)
  if (table === null) return status(DONE)
  if (table.kind !== 'TABLE') throw wrongObjectKind(nameText(statement.table), table.kind, 'TABLE')
  await run.connection.run(`DELETE FROM ${table.duck}`, run.signal)
  return status(DONE)
}
