/** Whether the server is of the dialect that the connection says, told by its answer to `SET <name>`. Pure. */
import type { HiveClient } from './client/client.ts'

export type DialectProblem = { readonly what: string; readonly cure: string }

/** Hive answers in one column, `name=value`; Spark in two. Null: it is as the connection says, or does not say. */
export function dialectProblem(dialect: HiveClient['dialect'], rows: readonly (readonly unknown[])[]): DialectProblem | null {
  const width = rows[0]?.length
  const found = width === 1 ? 'hive' : width === 2 ? 'spark' : null
  if (found === null || found === dialect) return null
  const name = { hive: 'Hive', spark: 'Spark' }[found]
  return {
    what: `is ${name}, the connection says "dialect: ${dialect}"`,
    cure: `Set "dialect: ${found}" in config/connections.yaml: the two differ in statements, in how columns of files are found, and in what a TIMESTAMP is`,
  }
}
