/** Every column type through `portage reconcile`: PostgreSQL's own rendering, our reader's, and DuckDB's are one text. */
import { expect, test } from 'vitest'
import type { ReconcileReport } from '../../../integrations/reconcile/report.ts'
import { TYPED_COLUMNS, TYPED_ROWS, TYPED_TABLE_TYPES, typedInserts, typedTableSql } from '../../support/typed-table.ts'
import { type Job, openJob } from '../main-job/job.ts'

async function report(at: Job, ...options: readonly string[]): Promise<ReconcileReport> {
  const { code, stdout, stderr } = await at.run('reconcile', '--json', ...options)
  if (!stdout.startsWith('{')) throw new Error(`reconcile ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as ReconcileReport
}

/** What is wrong, if anything, without the rows. */
const wrong = ({ tables }: ReconcileReport) =>
  tables
    .filter(({ verdict }) => verdict !== 'equal')
    .map(({ table, reason, sides }) => [
      table,
      reason,
      sides.map(({ name, verdict, differences, floats }) => [
        name,
        verdict,
        floats,
        [...new Set(differences.flatMap(({ kind, columns }) => [kind, ...columns]))],
      ]),
    ])

test('every type and extreme is equal in the source, the files and DuckDB, computed by each for itself', async () => {
  await using at = await openJob()
  await at.db.query(TYPED_TABLE_TYPES)
  for (const sql of typedTableSql('public.typed', TYPED_COLUMNS)) await at.db.query(sql)
  await at.catchUp()
  for (const sql of typedInserts('public.typed', 1000, TYPED_COLUMNS)) await at.db.query(sql)
  await at.db.query('update public.typed set touched = 1 where id < 3')
  await at.catchUp()
  const plain = await report(at)
  expect(wrong(plain)).toEqual([])
  expect(plain.tables[0]).toMatchObject({ sourceRows: 2 * (TYPED_ROWS + 1), columns: { compared: TYPED_COLUMNS.length + 2 } })
  expect(wrong(await report(at, '--deep'))).toEqual([])
}, 90_000)
