/** Plays the workload against a database, one transaction after the other. I/O. */
import type { Client } from 'pg'
import type { Step } from './workload.ts'

export type WorkloadTotals = {
  readonly transactions: number
  /** Rows that the statements themselves touched; cascades and rolled-back rows are not counted, a truncate counts one. */
  readonly rows: number
}

export type WorkloadOptions = {
  readonly signal: AbortSignal
  /** Called before each transaction; awaiting it sets the pace. */
  readonly before?: (step: Step, totals: WorkloadTotals) => Promise<void> | void
}

/** Runs every step; a signal ends it between two transactions. */
export async function runWorkload(client: Client, steps: Iterable<Step>, options: WorkloadOptions): Promise<WorkloadTotals> {
  let transactions = 0
  let rows = 0
  for (const step of steps) {
    await options.before?.(step, { transactions, rows })
    if (options.signal.aborted) break
    await client.query('begin')
    let touched = 0
    for (const { sql, values } of step.statements) {
      const { rowCount, command } = await client.query(sql, values === undefined ? [] : [...values])
      touched += command === 'TRUNCATE' ? 1 : (rowCount ?? 0)
    }
    await client.query(step.rolledBack === true ? 'rollback' : 'commit')
    if (step.rolledBack === true) continue
    transactions += 1
    rows += touched
  }
  return { transactions, rows }
}
