/** Tables for the warehouse contract: made of rows, written as lake files, asked for as registrations. */
import { expect } from 'vitest'
import type { Column, Position, TableName, TableSchema } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { LakeRow } from '../../connectors/memory/warehouse.ts'
import type { ObjectStore, RegisteredFile, RegisterRequest, TableRegistration, Warehouse } from '../../connectors/ports.ts'
import { storedName } from '../../integrations/register/quote.ts'
import { relationSql } from '../../integrations/register/view-sql.ts'
import { writeLakeFile } from './lake-files.ts'
import { queryRows } from './query-rows.ts'

export type WarehouseSubject = AsyncDisposable & {
  readonly warehouse: Warehouse
  /** A store whose addresses the warehouse can read; empty. */
  readonly store: ObjectStore
  /** The warehouse as another process would open it; the same one when it lives in this process only. */
  readonly reopen: () => Promise<Warehouse>
  /** What of logical types the engine cannot say in its results. Absent: nothing. */
  readonly shows?: {
    /** The type under which its results have it; null: the engine cannot hold it at all. */
    readonly type: (type: LogicalType) => LogicalType | null
    readonly text: (text: string, type: LogicalType) => string
  }
}

export const cut = (number: number): Position => `0001-${String(number).padStart(16, '0')}-00000000` as Position
export const row = (number: number, ordinal = 1): Position =>
  `0001-${String(number).padStart(16, '0')}-${String(ordinal).padStart(8, '0')}` as Position

export const INT64: LogicalType = { kind: 'int64' }
export const TEXT: LogicalType = { kind: 'utf8', format: 'text' }

export function column(id: number, name: string, type: LogicalType, more: Partial<Column> = {}): Column {
  return { id, name, physical: name.toLowerCase(), type, sourceType: type.kind, nullable: true, ...more }
}

export const ID = column(1, 'id', INT64)
export const STATUS = column(2, 'status', TEXT)

export function schemaOf(columns: readonly Column[], more: Partial<TableSchema> = {}): TableSchema {
  const table = 'public.loan' as TableName
  return { table, id: '16384', version: 1, since: cut(0), columns, key: ['id'], identity: 'default', ...more }
}

/** Each list of `base` and `changes` is a file of its own. */
type Rows = { readonly base?: readonly (readonly LakeRow[])[]; readonly changes?: readonly (readonly LakeRow[])[] }

export type WarehouseTables = {
  readonly subject: () => WarehouseSubject
  readonly file: (schema: TableSchema, part: 'base' | 'changes', rows: readonly LakeRow[]) => Promise<RegisteredFile>
  readonly table: (relation: string, schema: TableSchema, rows: Rows) => Promise<TableRegistration>
  /** A request for a newer commit than any before. */
  readonly request: (tables: readonly TableRegistration[], more?: Partial<RegisterRequest>) => RegisterRequest
  /** Registers `raw.loan` of these rows and reads both relations. */
  readonly show: (
    schema: TableSchema,
    rows: Rows,
  ) => Promise<{ readonly current: readonly string[]; readonly history: readonly string[] }>
  readonly failure: (promise: Promise<unknown>) => Promise<ConnectorError>
  /** The name as the engine keeps it. */
  readonly name: (name: string) => string
}

export function warehouseTables(subject: () => WarehouseSubject): WarehouseTables {
  let count = 0
  const signal = new AbortController().signal
  const file: WarehouseTables['file'] = async (schema, part, rows) => {
    const { store } = subject()
    const key = `raw/loans/public.loan/${part}/${String(++count).padStart(5, '0')}.parquet`
    return { ...(await writeLakeFile(store, key, schema, part, rows)), address: store.address(key) }
  }
  const table: WarehouseTables['table'] = async (relation, schema, rows) => {
    const base: RegisteredFile[] = []
    const changes: RegisteredFile[] = []
    for (const each of rows.base ?? []) base.push(await file(schema, 'base', each))
    for (const each of rows.changes ?? []) changes.push(await file(schema, 'changes', each))
    const positions = (rows.base ?? []).flat().map((each) => each.position)
    const boundary = positions.toSorted()[0] ?? cut(10)
    const baseThrough = positions.toSorted().at(-1) ?? boundary
    return { table: schema.table, relation, schema, boundary, baseThrough, base, changes }
  }
  const request: WarehouseTables['request'] = (tables, more = {}) => ({
    integration: 'loans',
    schema: 'raw',
    commit: ++count,
    position: cut(1000),
    tables,
    relationSql: (each, scans) => relationSql(each, subject().warehouse.dialect, scans),
    readObject: (key, range, signal) => subject().store.get(key, { range, signal }),
    dryRun: false,
    ...more,
  })
  return {
    subject,
    name: (name) => storedName(subject().warehouse.dialect, name),
    file,
    table,
    request,
    show: async (schema, rows) => {
      const { warehouse } = subject()
      await warehouse.register(request([await table('loan', schema, rows)]), signal)
      return {
        current: await queryRows(warehouse, 'select * from raw.loan'),
        history: await queryRows(warehouse, 'select * from raw.loan_changes'),
      }
    },
    failure: async (promise) => {
      const error: unknown = await promise.then(
        () => null,
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(ConnectorError)
      return error as ConnectorError
    },
  }
}
