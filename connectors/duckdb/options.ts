/** Options of a DuckDB connection in connections.yaml. */
import { join } from 'node:path'
import { z } from 'zod'

/** `20 GiB`, `500MB`. */
const SIZE = /^(\d+(?:\.\d+)?) ?([MGT])(iB|B)$/

export const duckdbOptions = z.strictObject({
  path: z
    .string()
    .min(1)
    .optional()
    .describe('File of the views, relative to the working directory. Default: warehouse.duckdb in the state directory'),
  cache: z
    .string()
    .min(1)
    .optional()
    .describe('Directory for copies of lake objects, when the lake is not on this machine. Default: lake in the state directory'),
  cache_limit: z
    .string()
    .regex(SIZE, 'expected a size such as 20 GiB')
    .optional()
    .describe('What these copies may take together. Default: 20 GiB'),
  threads: z.int().min(1).optional().describe('Threads of a query. Default: one per core'),
  memory_limit: z
    .string()
    .regex(/^\d+(\.\d+)?\s*([KMGT]i?B|%)$/, 'expected a size such as 2GB or 50%')
    .optional()
    .describe('Memory of a query; more spills to disk. Default: 80 % of the machine'),
})

const UNITS: Readonly<Record<string, number>> = { M: 2, G: 3, T: 4 }
const DEFAULT_CACHE_BYTES = 20 * 1024 ** 3

export function cacheBytes({ cache_limit: limit }: DuckdbOptions): number {
  const match = limit === undefined ? null : SIZE.exec(limit)
  if (match === null) return DEFAULT_CACHE_BYTES
  const [, amount, unit = '', binary] = match
  return Math.floor(Number(amount) * (binary === 'iB' ? 1024 : 1000) ** (UNITS[unit] ?? 0))
}

export function cacheDirectory({ cache }: DuckdbOptions, stateDir: string): string {
  return cache ?? join(stateDir, 'lake')
}

export type DuckdbOptions = z.infer<typeof duckdbOptions>

export function viewsPath(options: DuckdbOptions, stateDir: string): string {
  return options.path ?? join(stateDir, 'warehouse.duckdb')
}
