/** `portage query`: one statement on a warehouse, written out in one of five formats. */
import type { Warehouse } from '../connectors/ports.ts'
import { type QueryFormat, type QuerySink, WRITERS } from './format/query-writers.ts'

export type QueryRequest = {
  readonly warehouse: Pick<Warehouse, 'query'>
  readonly sql: string
  readonly format: QueryFormat
  readonly out: QuerySink
}

/** Streams the result; settles with its number of rows. Throws what `Warehouse.query` throws. */
export async function runQuery({ warehouse, sql, format, out }: QueryRequest, signal: AbortSignal): Promise<number> {
  return WRITERS[format](await warehouse.query(sql, signal), out)
}
