/** The rows that a warehouse shows of a table as of a cut, computed by the engine itself. I/O through the port. */
import type { Position } from '../../connectors/change.ts'
import { ConnectorError } from '../../connectors/errors.ts'
import type { TableRegistration, Warehouse } from '../../connectors/ports.ts'
import { quoteName } from '../register/quote.ts'
import { asOfSql, shownColumns } from './as-of-sql.ts'
import type { BucketSum, BucketSums } from './bucket-sums.ts'
import {
  type ChecksumColumn,
  type ChecksumEngine,
  type ChecksumQuery,
  checksumSql,
  floatsSql,
  isChecksumEngine,
  printsSql,
  rowsSql,
} from './checksum-sql.ts'
import type { ComparedColumn, ComparedTable } from './compared-table.ts'
import type { FloatSummary } from './float-range.ts'
import type { FullRow, RowPrints } from './sinks.ts'

/** One table in one warehouse; `columns` are those of the comparison that the engine can render, by their place in it. */
export type WarehouseTable = {
  readonly warehouse: Warehouse
  readonly engine: ChecksumEngine
  readonly from: string
  readonly columns: readonly { readonly index: number; readonly column: ChecksumColumn }[]
  readonly key: readonly ChecksumColumn[]
  readonly floats: readonly { readonly index: number; readonly name: string; readonly expression: string }[]
}

/** How the engine sees the table as of the cut. Throws `UNSUPPORTED` for an engine without renderings. */
export function warehouseTable(
  warehouse: Warehouse,
  options: {
    readonly schema: string
    readonly registration: TableRegistration
    readonly compared: ComparedTable
    /** Columns in the checksum; floats that are not are compared by their range. */
    readonly rendered: readonly number[]
    readonly until: Position
  },
): WarehouseTable {
  const { registration, compared, until } = options
  const inSums = new Set(options.rendered)
  const engine = warehouse.dialect.name
  if (!isChecksumEngine(engine)) throw new ConnectorError('UNSUPPORTED', `Engine "${engine}" computes no checksums of relations`)
  const names = new Map(shownColumns(registration.schema).map(({ id, name }) => [id, name]))
  const shown = (column: ComparedColumn | undefined): ChecksumColumn | null => {
    const name = column === undefined ? undefined : names.get(column.id)
    return column === undefined || name === undefined
      ? null
      : { expression: `t.${quoteName(warehouse.dialect, name)}`, type: column.type }
  }
  const all = compared.columns.map((column, index) => ({ index, source: column, column: shown(column) }))
  const rendered = all.flatMap(({ index, column }) => (column === null || !inSums.has(index) ? [] : [{ index, column }]))
  const floats = all.flatMap(({ index, source, column }) =>
    column === null || !source.float || inSums.has(index) ? [] : [{ index, name: source.name, expression: column.expression }],
  )
  const inKey = new Set(compared.key)
  const from = `(\n${asOfSql(registration, options.schema, until, warehouse.dialect)}\n) t`
  return {
    warehouse,
    engine,
    from,
    columns: rendered,
    key: rendered.flatMap(({ index, column }) => (inKey.has(index) ? [column] : [])),
    floats,
  }
}

function queryOf(table: WarehouseTable, digits: number, prefixes: readonly string[] | null): ChecksumQuery {
  return { from: table.from, columns: table.columns.map(({ column }) => column), key: table.key, digits, prefixes }
}

export async function warehouseChecksums(
  table: WarehouseTable,
  options: { readonly digits: number; readonly prefixes: readonly string[] | null },
  signal: AbortSignal,
): Promise<BucketSums> {
  const sql = checksumSql(table.engine, queryOf(table, options.digits, options.prefixes))
  const sums = new Map<string, BucketSum>()
  for await (const row of textRows(table.warehouse, sql, signal)) {
    sums.set(String(row[0] ?? ''), { rows: BigInt(String(row[1])), sum: BigInt(String(row[2])) })
  }
  return sums
}

/** By column name. */
export async function warehouseFloats(table: WarehouseTable, signal: AbortSignal): Promise<ReadonlyMap<string, FloatSummary>> {
  if (table.floats.length === 0) return new Map()
  const sql = floatsSql(
    table.engine,
    table.from,
    table.floats.map(({ expression }) => expression),
  )
  for await (const row of textRows(table.warehouse, sql, signal)) {
    const number = (value: unknown) => (value === null || value === undefined ? null : Number(value))
    return new Map(
      table.floats.map(({ name }, index) => {
        const [count, nans, min, max] = row.slice(4 * index, 4 * index + 4)
        return [name, { count: Number(count), nans: Number(nans), min: number(min), max: number(max) }]
      }),
    )
  }
  return new Map()
}

/** Fingerprints of the rows in the buckets, as `printRows` makes them. */
export async function warehousePrints(
  table: WarehouseTable,
  options: { readonly digits: number; readonly prefixes: readonly string[]; readonly limit: number },
  signal: AbortSignal,
): Promise<RowPrints> {
  const prints = new Map<string, Map<string, number>>()
  const sql = printsSql(table.engine, queryOf(table, options.digits, options.prefixes))
  for await (const row of textRows(table.warehouse, sql, signal)) {
    const [key, print] = [String(row[0]), printOf(String(row[1]))]
    const known = prints.get(key)
    if (known !== undefined) known.set(print, (known.get(print) ?? 0) + 1)
    else if (prints.size < options.limit) prints.set(key, new Map([[print, 1]]))
  }
  return prints
}

function printOf(hex: string): string {
  const bits = BigInt(`0x${hex}`)
  const half = (value: bigint) => value.toString(16).padStart(8, '0')
  return half(bits >> 30n) + half(bits & 0x3fff_ffffn)
}

/** The rows of some keys; columns that the engine cannot render have no bytes. */
export async function warehouseFullRows(
  table: WarehouseTable,
  compared: ComparedTable,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly FullRow[]>> {
  const rows = new Map<string, FullRow[]>()
  const places = table.columns.map(({ index }) => index)
  for await (const row of textRows(table.warehouse, rowsSql(table.engine, queryOf(table, 32, keys)), signal)) {
    const fields = compared.columns.map(() => new Uint8Array())
    for (const [at, index] of places.entries()) fields[index] = new TextEncoder().encode(String(row[at + 1]))
    const key = String(row[0])
    const full: FullRow = { fields, file: null, unchanged: null, late: false, sign: 1 }
    const known = rows.get(key)
    if (known === undefined) rows.set(key, [full])
    else known.push(full)
  }
  return rows
}

async function* textRows(warehouse: Warehouse, sql: string, signal: AbortSignal): AsyncGenerator<readonly unknown[]> {
  const { batches } = await warehouse.query(sql, signal)
  for await (const batch of batches) {
    const vectors = batch.schema.fields.map((_, index) => batch.getChildAt(index))
    for (let row = 0; row < batch.numRows; row++) yield vectors.map((vector): unknown => vector?.get(row))
  }
}
