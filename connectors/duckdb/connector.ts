import type { Connector } from '../ports.ts'
import { type DuckdbOptions, duckdbOptions } from './options.ts'
import { openDuckdbWarehouse } from './warehouse.ts'

/** DuckDB: a warehouse in one file on this machine. The library is loaded when the warehouse is first used. */
export const duckdb: Connector<DuckdbOptions> = {
  name: 'duckdb',
  options: duckdbOptions,
  openWarehouse: openDuckdbWarehouse,
}
