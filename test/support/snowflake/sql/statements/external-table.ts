/** CREATE EXTERNAL TABLE and what ALTER EXTERNAL TABLE does to its files. */
import { SqlError, type StatementResult } from '../../engine.ts'
import { castTo } from '../bind/cast.ts'
import { bindExpression } from '../bind/expression.ts'
import { emptyScope, type RelationColumn } from '../bind/scope.ts'
import { bound, quoted } from '../bind/value.ts'
import { type ExternalColumnDef, type ExternalTable, securable } from '../catalogue/objects.ts'
import {
  doesNotExist,
  duplicateColumn,
  insufficientPrivileges,
  invalidIdentifier,
  invalidParameter,
  wrongObjectKind,
} from '../errors.ts'
import { checkExternalColumn } from '../external/columns.ts'
import { NO_FILES } from '../external/registry.ts'
import { nameText, quoteIfNeeded } from '../parse/cursor.ts'
import { optionFlag, optionMap, optionText } from '../parse/options.ts'
import { contextFor, rowPolicyColumns } from '../resolve.ts'
import { type Run, status } from '../run.ts'
import type { ExternalColumn, StatementOf } from '../statement.ts'
import { text, VARIANT } from '../types.ts'
import { created, firstGrants, placeFor, taken } from './create.ts'
import { refreshFiles } from './external-files.ts'
import { formatClause } from './formats.ts'

type Create = StatementOf<'create-external-table'>

export async function createExternalTable(run: Run, statement: Create): Promise<StatementResult> {
  const { schema, name } = placeFor(run, statement, 'CREATE EXTERNAL TABLE')
  const found = taken(run, statement, schema.relations.get(name))
  if (found === 'keep') return status(`${name} already exists, statement succeeded.`)
  if (found !== 'none' && found.kind !== 'EXTERNAL TABLE')
    throw wrongObjectKind(nameText(statement.name), found.kind, 'EXTERNAL TABLE')
  const stage = run.names.stage(statement.location.name)
  run.access.demand(stage, 'USAGE')
  const clause = formatClause(run, optionMap(statement.options, 'FILE_FORMAT'))
  const userSpecified = statement.options.has('PARTITION_TYPE')
  const columns = columnsOf(
    statement.columns,
    statement.partitionBy.map(({ text: each }) => each),
    userSpecified,
  )
  for (const each of statement.partitionBy) {
    if (!columns.some((column) => column.name === each.text)) throw invalidIdentifier(quoteIfNeeded(each), each.at)
  }
  if (userSpecified && statement.partitionBy.length === 0)
    throw invalidParameter('PARTITION_TYPE = USER_SPECIFIED needs PARTITION BY')
  const autoRefresh = optionFlag(statement.options, 'AUTO_REFRESH') ?? true
  const refresh = optionFlag(statement.options, 'REFRESH_ON_CREATE') ?? true
  if (autoRefresh)
    throw invalidParameter('AUTO_REFRESH = TRUE is not supported here: it needs event notifications. Say AUTO_REFRESH = FALSE')
  if (userSpecified && refresh) throw invalidParameter('REFRESH_ON_CREATE must be FALSE when partitions are user-specified')
  const replaced = found === 'none' ? null : found
  const made: ExternalTable = {
    ...securable('EXTERNAL TABLE', name, run.session.role, run.now, optionText(statement.options, 'COMMENT') ?? ''),
    schema,
    columns,
    partitionBy: statement.partitionBy.map(({ text: each }) => each),
    userSpecified,
    stage,
    path: withSlash(statement.location.path),
    pattern: optionText(statement.options, 'PATTERN'),
    format: clause.format,
    formatName: clause.name,
    autoRefresh,
    invalid: null,
    registry: NO_FILES,
    lastRefreshed: null,
    rowPolicy: null,
  }
  made.grants = firstGrants(run, schema, 'EXTERNAL TABLE', statement.copyGrants ? replaced : null)
  for (const { name: policy, columns: inputs } of statement.policies) {
    made.rowPolicy = run.names.policy(policy)
    rowPolicyColumns.set(
      made,
      inputs.map(({ text: each }) => each),
    )
  }
  await checkExpressions(run, made)
  if (refresh) await refreshFiles(run, made, null)
  schema.relations.set(name, made)
  return created('Table', name)
}

const withSlash = (path: string): string => (path === '' || path.endsWith('/') ? path : `${path}/`)

export function columnsOf(
  columns: readonly ExternalColumn[],
  partitionBy: readonly string[],
  userSpecified: boolean,
): ExternalColumnDef[] {
  const names = new Set(['VALUE'])
  return columns.map((column) => {
    const name = column.name.text
    if (names.has(name)) throw duplicateColumn(quoteIfNeeded(column.name))
    names.add(name)
    return externalColumnDef(column, partitionBy.includes(name), userSpecified)
  })
}

export function externalColumnDef(column: ExternalColumn, partition: boolean, userSpecified: boolean): ExternalColumnDef {
  checkExternalColumn(column, partition, userSpecified)
  const { name, type, expression, text: words, nullable } = column
  return { name: name.text, type, expression, text: words, nullable, partition, comment: '', mask: null }
}

/** Columns are compiled against a file that nobody knows, so that what can never be right is refused at once. */
export async function checkExpressions(run: Run, table: Pick<ExternalTable, 'columns'>): Promise<void> {
  const context = await contextFor(run)
  const columns: readonly RelationColumn[] = [
    { name: 'VALUE', value: bound('v', VARIANT), hidden: false },
    { name: 'METADATA$FILENAME', value: bound('k', text(), false), hidden: false },
    {
      name: 'METADATA$FILE_ROW_NUMBER',
      value: bound('CAST(n AS DECIMAL(38,0))', { kind: 'number', precision: 38, scale: 0 }, false),
      hidden: false,
    },
    { name: 'METADATA$EXTERNAL_TABLE_PARTITION', value: bound('p', text()), hidden: false },
  ]
  const scope = { ...emptyScope(context), relations: [{ alias: null, path: [], columns }] }
  for (const { expression, type } of table.columns) {
    castTo(bindExpression(expression, scope), type, { at: expression.at, formats: context.formats })
  }
}

/** Values of automatic partition columns must be there when a file is registered; throws when an expression fails for a path. */
export async function checkPartitions(run: Run, table: ExternalTable, keys: readonly string[]): Promise<void> {
  const own = table.columns.filter(({ partition }) => partition)
  if (table.userSpecified || own.length === 0 || keys.length === 0) return
  const context = await contextFor(run)
  const columns: readonly RelationColumn[] = [{ name: 'METADATA$FILENAME', value: bound('k', text(), false), hidden: false }]
  const scope = { ...emptyScope(context), relations: [{ alias: null, path: [], columns }] }
  const sql = own.map(
    ({ expression, type }) =>
      castTo(bindExpression(expression, scope), type, { at: expression.at, formats: context.formats }).sql,
  )
  await run.connection.run(
    `SELECT ${sql.join(', ')} FROM (VALUES ${keys.map((key) => `(${quoted(key)})`).join(', ')}) t(k)`,
    run.signal,
  )
}

/** The external table of the name, which the role owns; null when it may be absent and is. */
export function ownExternalTable(
  run: Run,
  statement: { readonly name: Create['name']; readonly ifExists: boolean },
): ExternalTable | null {
  let found: ReturnType<typeof run.names.relationOrNull>
  try {
    found = run.names.relationOrNull(statement.name)
  } catch (error) {
    if (statement.ifExists && error instanceof SqlError && error.code === '002003') return null
    throw error
  }
  if (found === null) {
    if (statement.ifExists) return null
    throw doesNotExist('External table', nameText(statement.name))
  }
  if (found.kind !== 'EXTERNAL TABLE') throw wrongObjectKind(nameText(statement.name), found.kind, 'EXTERNAL TABLE')
  if (
    !run.access.owns(found) &&
    !found.grants.some(({ privilege, role }) => privilege === 'OWNERSHIP' && role === run.session.role)
  ) {
    throw insufficientPrivileges('external table', found.name)
  }
  run.access.demand(found.stage, 'USAGE')
  return found
}
