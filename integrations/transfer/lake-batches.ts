/** Rows of any reader as the batches of a lake table: the metadata columns in front. Pure. */
import type { Data, RecordBatch } from 'apache-arrow'
import { OPS, type RowBatch, type SourceTable } from '../../connectors/change.ts'
import type { LogicalType } from '../../connectors/logical-type.ts'
import type { TableBatch } from '../../connectors/tables.ts'
import { baseBatch, changeBatch, positionAt } from '../land/made-batch.ts'
import { widened } from './widen-batch.ts'

export type LakeRows = {
  readonly table: SourceTable
  /** Types of the reader's columns, in the order of the table's. */
  readonly types: readonly LogicalType[]
  /** Place of all rows of this transfer. */
  readonly place: number
}

/** Rows of a new base: all at the transfer's cut. */
export function baseRows({ table, types, place }: LakeRows, { batch, release }: TableBatch): RowBatch {
  const length = batch.numRows
  const cut = positionAt(place)
  const rows = baseBatch(table, place, values(batch, table, types), length)
  return { table, part: 'base', batch: rows, date: null, firstPosition: cut, lastPosition: cut, release }
}

/** Rows that are added: inserts at positions of their own, `ordinal` the first one's (from 1). */
export function insertedRows({ table, types, place }: LakeRows, rowsOfTable: TableBatch, ordinal: number, at: Date): RowBatch {
  const { batch, release } = rowsOfTable
  const length = batch.numRows
  return {
    table,
    part: 'changes',
    batch: changeBatch(table, { op: OPS.insert, place, ordinal, at }, values(batch, table, types), length),
    date: at.toISOString().slice(0, 10),
    firstPosition: positionAt(place, ordinal),
    lastPosition: positionAt(place, ordinal + length - 1),
    release,
  }
}

function values(batch: RecordBatch, table: SourceTable, types: readonly LogicalType[]): readonly Data[] {
  return table.columns.map((column, index) =>
    widened(batch.data.children[index] as Data, types[index] ?? column.type, column.type),
  )
}
