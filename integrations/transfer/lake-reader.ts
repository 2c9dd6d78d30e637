/** A lake table as the source of a transfer: its current rows as of one commit, through a warehouse that shows that commit. */
import type { TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import { arrowType, type LogicalType, typeName } from '../../connectors/logical-type.ts'
import type { Warehouse } from '../../connectors/ports.ts'
import type { TableBatch, TableReader, TransferColumn } from '../../connectors/tables.ts'
import { quoteName } from '../register/quote.ts'
import { logicalTypeOf } from '../types/arrow-types.ts'
import { hashOfParts } from './content-hash.ts'

export type LakeReaderRequest = {
  /** Shows the commit; disposed with the reader. */
  readonly warehouse: Warehouse
  readonly integration: string
  readonly table: TableName
  /** Where the warehouse shows the table. */
  readonly relation: { readonly schema: string; readonly name: string }
  readonly schema: TableSchema
  readonly commit: number
  readonly estimatedRows: number | null
  /** Null: all. */
  readonly columns: readonly string[] | null
  /** In the warehouse's dialect. */
  readonly where: string | null
}

/** Throws `SCHEMA` for a column that is not there, `STATEMENT` for a condition that is none. */
export async function openLakeReader(request: LakeReaderRequest, signal: AbortSignal): Promise<TableReader> {
  const { warehouse, integration, table, commit, where } = request
  const subject = `Lake table "${integration}.${table}"`
  const sql = selectOf(request, subject)
  const found = await asked(subject, async () => warehouse.query(`select * from (${sql}\n) q limit 0`, signal))
  for await (const _ of found.batches);
  const described = new Map(request.schema.columns.filter(({ dropped }) => !dropped).map((column) => [column.name, column]))
  const columns = found.schema.fields.map((field): TransferColumn => {
    const type = logicalTypeOf(field.type, field.name)
    const known = described.get(field.name)
    // The engine says how values are stored; the log also says what their text is.
    const same = known !== undefined && String(arrowType(known.type)) === String(arrowType(type))
    const logical: LogicalType = same ? known.type : type
    const { sourceType = typeName(type), nullable = true, comment } = known ?? {}
    return { name: field.name, type: logical, sourceType, nullable, ...(comment === undefined ? {} : { comment }) }
  })
  const name = [integration, table, commit, columns.map((column) => [column.name, typeName(column.type)]), where]
  return {
    subject,
    columns,
    estimatedRows: where === null ? request.estimatedRows : null,
    fingerprint: hashOfParts(name),
    progress: () => null,
    rows: (abort) => rowsOf(warehouse, sql, subject, abort),
    [Symbol.asyncDispose]: () => warehouse[Symbol.asyncDispose](),
  }
}

function selectOf({ warehouse, relation, schema, columns, where }: LakeReaderRequest, subject: string): string {
  const quoted = (name: string): string => quoteName(warehouse.dialect, name)
  const live = schema.columns.filter(({ dropped }) => !dropped).map(({ name }) => name)
  const absent = columns?.filter((name) => !live.includes(name)) ?? []
  if (absent.length > 0) {
    const list = absent.map((name) => `"${name}"`).join(', ')
    throw new ConnectorError('SCHEMA', `${subject} has no column ${list}; it has ${live.join(', ')}`)
  }
  const list = columns === null ? '*' : columns.map(quoted).join(', ')
  const condition = where === null ? '' : `\nwhere (\n${where}\n)`
  return `select ${list} from ${quoted(relation.schema)}.${quoted(relation.name)}${condition}`
}

async function* rowsOf(warehouse: Warehouse, sql: string, subject: string, signal: AbortSignal): AsyncGenerator<TableBatch> {
  const { batches } = await asked(subject, async () => warehouse.query(sql, signal))
  try {
    for await (const batch of batches) yield { batch, release: () => undefined }
  } catch (error) {
    throw withoutValues(error, subject)
  }
}

async function asked<T>(subject: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw withoutValues(error, subject)
  }
}

/** An engine's words about values quote them; those about statements do not. */
function withoutValues(error: unknown, subject: string): unknown {
  if (!(error instanceof ConnectorError) || error.code !== 'STATEMENT') return error
  const said = error.cause instanceof Error ? error.cause.message : ''
  if (/^(?:Parser|Binder|Catalog) Error/.test(said)) return error
  return new ConnectorError(
    'BAD_VALUE',
    `${subject}: the engine could not evaluate the condition for a value. Write it with try_cast, or for the column's own type`,
  )
}
