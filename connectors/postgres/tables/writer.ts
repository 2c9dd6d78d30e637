/**
 * A table as the target. Rows are copied into a temporary table first, however long that takes and whatever goes wrong; then one
 * short transaction moves them. `replace` empties the table and fills it again rather than swapping it for a new one: its oid,
 * privileges, indexes, constraints, views and publications stay. I/O.
 */
import { ConnectorError } from '../../errors.ts'
import type { LogicalType } from '../../logical-type.ts'
import type { TableBatch, TableWriter, TransferColumn, WriteOutcome, WritePlan, WriteRequest } from '../../tables.ts'
import { encodeRows } from '../../text-rows.ts'
import { connect, type Session } from '../connect.ts'
import type { PgTypes } from '../decode/pg-type.ts'
import { typeOf } from '../decode/type-catalogue.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from '../identifiers.ts'
import type { PostgresOptions } from '../options.ts'
import { connectorError, sqlState } from '../server-error.ts'
import { assignmentProblem, newColumnType } from './assignable.ts'
import { COPY_FORM } from './copy-form.ts'
import { copyIn } from './copy-in.ts'
import { type Relation, type RelationColumn, readRelation, typesOf } from './relation.ts'

const STAGE = 'pg_temp.portage_transfer'

type Target = {
  readonly subject: string
  readonly request: WriteRequest
  readonly relation: Relation | null
  /** SQL type of each source column in the target. */
  readonly types: readonly string[]
  /** Columns whose arrays or composites arrive as JSON, which the server takes apart. */
  readonly parsed: ReadonlySet<string>
  /** How `replace` empties the table; null when it does not. */
  readonly empty: 'truncate' | 'delete' | null
  readonly overriding: boolean
}

/**
 * Throws `NOT_FOUND` without `create`, `SCHEMA` for columns that do not fit, `PRIVILEGE`, and `CONFIGURATION` when an existing table
 * is named without a mode.
 */
export async function openWriter(options: PostgresOptions, request: WriteRequest, signal: AbortSignal): Promise<TableWriter> {
  const { schema, name } = request.table
  const subject = `Table "${schema}.${name}"`
  const session = await connect(options, { integration: 'transfer', kind: 'sql', signal })
  try {
    const target = await planned(session, request, subject)
    const statements = finalStatements(target)
    return {
      subject,
      plan: planOf(target, statements),
      write: async (rows, abort) => {
        try {
          return await write(session, target, statements, rows, abort, options)
        } catch (error) {
          throw connectorError(error, `Writing ${subject}`, abort)
        }
      },
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    }
  } catch (error) {
    await session[Symbol.asyncDispose]()
    throw connectorError(error, `Looking at ${subject}`, signal)
  }
}

async function planned(session: Session, request: WriteRequest, subject: string): Promise<Target> {
  const relation = await readRelation(session, request.table)
  if (relation === null) {
    if (!request.create)
      throw new ConnectorError('NOT_FOUND', `${subject} does not exist. Create it first, or let it be created with --create`)
    const types = request.columns.map(({ type, sourceType }) => (isBuiltIn(sourceType) ? sourceType : newColumnType(type)))
    const parsed = request.columns.filter(({ type }, index) => isJson(type) && types[index]?.endsWith('[]'))
    return { subject, request, relation, types, parsed: new Set(parsed.map(({ name }) => name)), empty: null, overriding: false }
  }
  if (!['r', 'p'].includes(relation.kind))
    throw new ConnectorError('SCHEMA', `${subject} is not a table that can be written as a whole`)
  if (request.mode === null) {
    throw new ConnectorError(
      'CONFIGURATION',
      `${subject} exists already. Say what to do with its rows: --mode append keeps them, --mode replace does not`,
    )
  }
  if (!relation.mayInsert) {
    throw new ConnectorError(
      'PRIVILEGE',
      `${subject} may not be written by this user: grant insert on ${quoteTable(request.table.schema, request.table.name)}`,
    )
  }
  const { targets, parsed } = await checkedColumns(session, request, relation, subject)
  const replaces = request.mode === 'replace'
  if (replaces && !relation.mayTruncate && !relation.mayDelete) {
    const table = quoteTable(request.table.schema, request.table.name)
    throw new ConnectorError(
      'PRIVILEGE',
      `${subject} may not be emptied by this user: grant truncate on ${table}, or delete on it`,
    )
  }
  return {
    subject,
    request,
    relation,
    types: targets.map(({ sqlType }) => sqlType),
    parsed,
    empty: !replaces ? null : relation.mayTruncate && !relation.referenced ? 'truncate' : 'delete',
    overriding: targets.some(({ identity }) => identity === 'a'),
  }
}

/** The target's column of each source column. Throws `SCHEMA` with every problem at once. */
async function checkedColumns(
  session: Session,
  { columns, fillMissing }: WriteRequest,
  relation: Relation,
  subject: string,
): Promise<{ readonly targets: readonly RelationColumn[]; readonly parsed: ReadonlySet<string> }> {
  const problems: string[] = []
  const found = columns.flatMap(({ name }) => relation.columns.find((column) => column.name === name) ?? [])
  const extra = columns.filter(({ name }) => !found.some((column) => column.name === name)).map(({ name }) => `"${name}"`)
  if (extra.length > 0) problems.push(`it has no column ${extra.join(', ')}: leave them out with --columns`)
  for (const { name } of found.filter(({ generated }) => generated))
    problems.push(`column "${name}" is generated: leave it out with --columns`)
  const missing = relation.columns.filter(
    ({ name, generated, identity }) => !generated && identity === '' && !columns.some((column) => column.name === name),
  )
  const demanded = missing.filter(({ notNull, hasDefault }) => notNull && !hasDefault)
  if (demanded.length > 0) problems.push(`the source lacks ${quotedList(demanded)}, which may not be null and has no default`)
  else if (missing.length > 0 && !fillMissing) {
    problems.push(`the source lacks ${quotedList(missing)}: let them have their default or NULL with --fill-missing`)
  }
  const types = await typesOf(
    session,
    found.map(({ typeOid }) => typeOid),
  )
  const parsed = new Set<string>()
  for (const target of found) {
    const source = columns.find(({ name }) => name === target.name)
    const problem = source === undefined ? null : assignmentProblem(source.type, target.typeOid, target.typmod, types)
    if (problem !== null) problems.push(`column "${target.name}": ${problem} (${target.sqlType})`)
    if (source !== undefined && isJson(source.type) && isMade(target.typeOid, types)) parsed.add(target.name)
  }
  if (problems.length > 0) throw new ConnectorError('SCHEMA', `${subject} does not take these rows: ${problems.join('; ')}`)
  return { targets: found, parsed }
}

const isJson = (type: LogicalType): boolean => type.kind === 'utf8' && type.format === 'json'

/** Arrays and composites, also under a domain. */
function isMade(oid: number, types: PgTypes): boolean {
  const { form, base } = typeOf(types, oid)
  return form === 'domain' ? isMade(base, types) : form === 'array' || form === 'composite'
}

const quotedList = (columns: readonly RelationColumn[]): string => columns.map(({ name }) => `"${name}"`).join(', ')

/** Types of the database's own need no qualification and exist everywhere. */
const isBuiltIn = (sourceType: string): boolean =>
  /^(?:numeric|smallint|integer|bigint|real|double precision|text|character varying|character|boolean|date|timestamp|time|uuid|jsonb?|bytea|interval|inet|cidr|macaddr8?|bit|bit varying|money|xml|oid|point|line|lseg|box|path|polygon|circle|tsvector|tsquery|int4range|int8range|numrange|tsrange|tstzrange|daterange)(?:\(\d+(?:,-?\d+)?\))?(?: with(?:out)? time zone)?(?:\[\])?$/.test(
    sourceType,
  )

function finalStatements({ request, relation, types, parsed, empty, overriding }: Target): readonly string[] {
  const table = quoteTable(request.table.schema, request.table.name)
  const names = request.columns.map(({ name }) => quoteIdentifier(name))
  const columns = names.map((name, index) => `${name} ${types[index]}`).join(', ')
  // The row type of the table knows what the JSON is to become, of any depth.
  const values = request.columns.map(({ name }, index) =>
    parsed.has(name)
      ? `(json_populate_record(null::${table}, json_build_object(${quoteLiteral(name)}, ${names[index]}))).${names[index]}`
      : names[index],
  )
  return [
    ...(relation === null ? [`create table ${table} (${columns})`] : []),
    ...(empty === 'truncate' ? [`truncate table ${table}`] : empty === 'delete' ? [`delete from ${table}`] : []),
    `insert into ${table} (${names.join(', ')})${overriding ? ' overriding system value' : ''} select ${values.join(', ')} from ${STAGE}`,
  ]
}

function stageStatement({ request, types, parsed }: Target): string {
  const columns = request.columns.map(({ name }, index) => `${quoteIdentifier(name)} ${parsed.has(name) ? 'json' : types[index]}`)
  return `create temporary table portage_transfer (${columns.join(', ')})`
}

function planOf(target: Target, statements: readonly string[]): WritePlan {
  const { relation, types, empty, request } = target
  const how = { truncate: 'truncate and insert', delete: 'delete and insert' } as const
  return {
    existing: relation?.columns.map(({ name, sqlType }) => ({ name, type: sqlType })) ?? null,
    types,
    notes: [
      relation === null
        ? 'the table is created'
        : empty === null
          ? 'append: rows are inserted by one transaction'
          : `replace: ${how[empty]} in one transaction; the table keeps its privileges, indexes and views`,
      ...(empty === 'delete' && relation?.mayTruncate
        ? ['rows are deleted, not truncated, because other tables refer to the table']
        : []),
      ...(target.overriding ? ['values of identity columns are taken over; their sequences are not moved'] : []),
      ...(request.mode === 'append' ? ['a repeat inserts the rows again: a database table keeps no account of batches'] : []),
    ],
    statements: [stageStatement(target), ...statements],
  }
}

async function write(
  session: Session,
  target: Target,
  statements: readonly string[],
  rows: AsyncIterable<TableBatch>,
  signal: AbortSignal,
  { chunk_timeout_ms: timeoutMs }: PostgresOptions,
): Promise<WriteOutcome> {
  const { client } = session
  const { columns } = target.request
  await client.query(`set statement_timeout = ${timeoutMs}`)
  await client.query(stageStatement(target))
  const sent = { rows: 0, bytes: 0 }
  const names = columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  try {
    await copyIn(client, `copy ${STAGE} (${names}) from stdin`, encoded(columns, rows, signal, sent))
  } catch (error) {
    throw refusedValue(error, columns, target.subject)
  }
  await client.query('begin')
  try {
    let inserted = 0
    for (const statement of statements) inserted = (await client.query(statement)).rowCount ?? 0
    if (inserted !== sent.rows) {
      throw new ConnectorError(
        'PROOF',
        `${target.subject} took ${inserted} of ${sent.rows} rows: a trigger or rule of the table keeps others away. Nothing was changed`,
      )
    }
    signal.throwIfAborted()
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw brokenConstraint(error, target.subject)
  }
  await client.query('commit')
  return { ...sent, repeated: false }
}

async function* encoded(
  columns: readonly TransferColumn[],
  rows: AsyncIterable<TableBatch>,
  signal: AbortSignal,
  sent: { rows: number; bytes: number },
): AsyncGenerator<Buffer> {
  const types = columns.map(({ type }) => type)
  for await (const { batch, release } of rows) {
    let chunk: Buffer
    try {
      signal.throwIfAborted()
      chunk = encodeRows(batch, types, COPY_FORM)
      sent.rows += batch.numRows
      sent.bytes += chunk.length
    } finally {
      release()
    }
    yield chunk
  }
}

/** The server's message names the constraint, its detail the values. */
function brokenConstraint(error: unknown, subject: string): unknown {
  const state = sqlState(error)
  if (state === null || !/^23/.test(state)) return error
  const { constraint, column } = error as { readonly constraint?: string; readonly column?: string }
  const what =
    constraint === undefined
      ? column === undefined
        ? 'a constraint'
        : `column "${column}", which may not be null`
      : `constraint "${constraint}"`
  return new ConnectorError(
    'BAD_VALUE',
    `${subject}: the rows break ${what} (SQLSTATE ${state}). Nothing was changed. Correct the source, or leave rows out with --where`,
  )
}

/** The server says line and column of the COPY, and the value, which is left out. */
function refusedValue(error: unknown, columns: readonly TransferColumn[], subject: string): unknown {
  const state = sqlState(error)
  if (state === null || !/^2[23]/.test(state)) return error
  const where = (error as { readonly where?: string }).where ?? ''
  const parts = /line (\d+)(?:, column ([^:]+))?/.exec(where)
  const column = columns.find(({ name }) => name === parts?.[2])?.name
  const place = parts === null ? '' : `, row ${parts[1]}${column === undefined ? '' : `, column "${column}"`}`
  return new ConnectorError(
    'BAD_VALUE',
    `${subject}${place}: the server refuses a value (SQLSTATE ${state}). Nothing was changed. Correct the row in the source, or leave it out with --where`,
  )
}
