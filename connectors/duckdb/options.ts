/** Options of a DuckDB connection in connections.yaml. */
import { join } from 'node:path'
import { z } from 'zod'

export const duckdbOptions = z.strictObject({
  path: z
    .string()
    .min(1)
    .optional()
    .describe('File of the views, relative to the working directory. Default: warehouse.duckdb in the state directory'),
  threads: z.int().min(1).optional().describe('Threads of a query. Default: one per core'),
  memory_limit: z
    .string()
    .regex(/^\d+(\.\d+)?\s*([KMGT]i?B|%)$/, 'expected a size such as 2GB or 50%')
    .optional()
    .describe('Memory of a query; more spills to disk. Default: 80 % of the machine'),
})

export type DuckdbOptions = z.infer<typeof duckdbOptions>

export function viewsPath(options: DuckdbOptions, stateDir: string): string {
  return options.path ?? join(stateDir, 'warehouse.duckdb')
}
