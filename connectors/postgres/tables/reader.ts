/**
 * A table, view or query read as a whole: one binary COPY in one read-only transaction, so that the rows are one state. What the
 * user wrote is first prepared by the extended protocol, which takes a single statement and nothing else. I/O.
 */
import { makeData, RecordBatch, Schema, Struct } from 'apache-arrow'
import type { BufferPool } from '../../buffer-pool.ts'
import type { Reject, RowBatch, SourceTable, TableName } from '../../change.ts'
import { ConnectorError } from '../../errors.ts'
import type { ReadRequest, TableBatch, TableReader, TransferColumn } from '../../tables.ts'
import { copyBatches } from '../chunks.ts'
import type { ColumnPlan } from '../decode/column-plan.ts'
import { cutAt } from '../decode/position.ts'
import { quoteIdentifier, quoteTable } from '../identifiers.ts'
import { connectorError, sqlState } from '../server-error.ts'
import type { Lease, Sessions } from '../sessions.ts'
import { naturalPlan, notFound, type Relation, readRelation, typesOf } from './relation.ts'

const METADATA_CHILDREN = 4

/** Throws `NOT_FOUND`, `PRIVILEGE`, `SCHEMA` (two columns of one name), `STATEMENT`. The session is held until disposal. */
export async function openReader(
  { sessions, pool }: { readonly sessions: Sessions; readonly pool: BufferPool },
  request: ReadRequest,
  signal: AbortSignal,
): Promise<TableReader> {
  const stopping = new AbortController()
  const either = AbortSignal.any([signal, stopping.signal])
  const session = await sessions.acquire(either)
  const { from } = request
  const subject = from.kind === 'table' ? `Table "${from.table.schema}.${from.table.name}"` : 'The query'
  const reading = from.kind === 'table' ? `Reading ${subject}` : 'Reading the query'
  const close = async (): Promise<void> => {
    // A copy that is under way cannot be taken back.
    stopping.abort()
    await session[Symbol.asyncDispose]()
  }
  try {
    await session.client.query('begin isolation level repeatable read read only')
    await session.client.query(`set local statement_timeout = ${sessions.options.chunk_timeout_ms}`)
    // Rows that a policy hides from this user would be missing without a word: the server refuses instead.
    await session.client.query('set local row_security = off')
    const relation = from.kind === 'table' ? await readRelation(session, from.table) : null
    if (from.kind === 'table' && relation === null) throw notFound(from.table)
    const inner = innerSql(request, relation, subject)
    const described = await describe(session, inner, relation, subject, request.badValues.policy)
    const table = sourceTable(subject, described.plans)
    let read = false
    return {
      subject,
      columns: described.columns,
      estimatedRows: await estimate(session, inner),
      fingerprint: null,
      progress: () => null,
      rows: async function* (abort) {
        if (read) throw new ConnectorError('INTERNAL', `${subject} was read twice`)
        read = true
        if (abort.aborted) throw connectorError(abort.reason, reading, abort)
        const select = described.plans.map((plan) => plan.select).join(', ')
        const sql = `copy (select ${select} from (\n${inner}\n) portage_rows) to stdout (format binary)`
        const onReject = (reject: Reject) =>
          request.badValues.onReject({ column: reject.column, place: null, reason: `holds ${reject.reason}`, row: reject.row })
        const stop = () => stopping.abort()
        abort.addEventListener('abort', stop, { once: true })
        try {
          const request = { table, position: cutAt(1, 0n), plans: described.plans, pool, onReject }
          for await (const batch of copyBatches(session, sql, request)) yield withoutMetadata(batch)
          await session.client.query('commit')
        } catch (error) {
          throw badValue(connectorError(error, reading, abort))
        } finally {
          abort.removeEventListener('abort', stop)
        }
      },
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw unqualified(error, reading) ?? connectorError(error, reading, signal)
  }
}

/** The user's own statement, or one over the table. Names are quoted; a condition stands on lines of its own, whatever it ends with. */
function innerSql({ from, columns, where }: ReadRequest, relation: Relation | null, subject: string): string {
  const rows = from.kind === 'table' ? quoteTable(from.table.schema, from.table.name) : `(\n${from.sql}\n) portage_query`
  const absent =
    relation === null ? [] : (columns?.filter((name) => !relation.columns.some((column) => column.name === name)) ?? [])
  if (absent.length > 0) {
    const list = absent.map((name) => `"${name}"`).join(', ')
    throw new ConnectorError(
      'SCHEMA',
      `${subject} has no column ${list}; it has ${relation?.columns.map(({ name }) => name).join(', ')}`,
    )
  }
  const wanted = columns ?? relation?.columns.map(({ name }) => name) ?? null
  const list = wanted === null ? '*' : wanted.map(quoteIdentifier).join(', ')
  return `select ${list} from ${rows}${where === null ? '' : `\nwhere (\n${where}\n)`}`
}

type Described = { readonly columns: readonly TransferColumn[]; readonly plans: readonly ColumnPlan[] }

async function describe(
  session: Lease,
  inner: string,
  relation: Relation | null,
  subject: string,
  policy: 'error' | 'reject',
): Promise<Described> {
  // A name makes pg parse, bind and execute: several statements in one text are refused by the server.
  const { fields } = await session.client.query({
    name: 'portage_transfer',
    text: `select * from (\n${inner}\n) portage_rows limit 0`,
  })
  const twice = fields.map(({ name }) => name).find((name, index, all) => all.indexOf(name) !== index)
  if (twice !== undefined)
    throw new ConnectorError('SCHEMA', `${subject} has two columns "${twice}". Name one of them otherwise with "as"`)
  const spelled = await session.rows<{ type: string }>(
    /* sql */ `select pg_catalog.format_type(t.oid, t.typmod) as type
      from unnest($1::oid[], $2::int4[]) with ordinality t(oid, typmod, place) order by t.place`,
    [fields.map(({ dataTypeID }) => String(dataTypeID)), fields.map(({ dataTypeModifier }) => dataTypeModifier)],
    'Naming the types of the columns',
  )
  const types = await typesOf(
    session,
    fields.map(({ dataTypeID }) => dataTypeID),
  )
  const plans = fields.map((field, index) => {
    const known = relation?.columns.find(({ name }) => name === field.name)
    const column = {
      name: field.name,
      typeOid: field.dataTypeID,
      typmod: field.dataTypeModifier,
      sqlType: spelled[index]?.type ?? '',
      notNull: known?.notNull ?? false,
    }
    return naturalPlan(subject, column, index + 1, types, policy)
  })
  const columns = plans.map(({ column: { name, type, sourceType, nullable } }) => {
    const comment = relation?.columns.find((column) => column.name === name)?.comment ?? null
    return { name, type, sourceType, nullable, ...(comment === null ? {} : { comment }) }
  })
  return { columns, plans }
}

async function estimate(session: Lease, inner: string): Promise<number | null> {
  const [row] = await session.rows<{ 'QUERY PLAN': readonly { readonly Plan?: { readonly 'Plan Rows'?: number } }[] }>(
    `explain (format json) ${inner}`,
    [],
    'Estimating the rows',
  )
  return row?.['QUERY PLAN'][0]?.Plan?.['Plan Rows'] ?? null
}

function sourceTable(subject: string, plans: readonly ColumnPlan[]): SourceTable {
  const columns = plans.map(({ column }) => column)
  return { table: subject as TableName, id: '0', storage: '', definition: '', columns, key: [], identity: 'nothing' }
}

function withoutMetadata({ batch, release }: RowBatch): TableBatch {
  const schema = new Schema(batch.schema.fields.slice(METADATA_CHILDREN))
  const children = batch.data.children.slice(METADATA_CHILDREN)
  const data = makeData({ type: new Struct(schema.fields), length: batch.numRows, nullCount: 0, children })
  return { batch: new RecordBatch(schema, data), release }
}

/** Names that a user wrote and that the server does not find: no search path is set, so that a name means one thing only. */
function unqualified(error: unknown, reading: string): ConnectorError | null {
  if (!/^(?:42P01|42883|42704|3F000)$/.test(sqlState(error) ?? '')) return null
  const found = error instanceof Error ? error.message : ''
  const cure = 'Name tables, functions and types of your own with their schema, such as public.loan'
  return new ConnectorError('NOT_FOUND', `${reading} failed: ${found}. ${cure}`, { cause: error })
}

/** The cure for a replication stands in a file that a transfer does not have. */
function badValue(error: ConnectorError): ConnectorError {
  if (error.code !== 'BAD_VALUE') return error
  const [what = ''] = error.message.split(', and its policy is')
  return new ConnectorError(
    'BAD_VALUE',
    `${what}. Correct the row, convert the column in a query, or keep such rows aside with --on-bad-value reject`,
  )
}
