/** Which files are read of a table at a cut, and when none can be. */
import { expect, test } from 'vitest'
import type { TableSchema } from '../../../connectors/change.ts'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { FileEntry } from '../../../integrations/land/log/commit.ts'
import { comparedTable } from '../../../integrations/reconcile/compared-table.ts'
import { lakeView } from '../../../integrations/reconcile/lake-rows.ts'
import { at, entry, loanSchema, openTestLog } from '../../support/lake.ts'

const FORMER = loanSchema(1)
const SCHEMA: TableSchema = { ...loanSchema(2), id: '16999' }

async function view(files: { readonly base: readonly FileEntry[]; readonly changes?: readonly FileEntry[] }) {
  const source = { ...SCHEMA, storage: 's', definition: 'd', key: [1] }
  const comparable = comparedTable(source, SCHEMA)
  if ('reason' in comparable) throw new Error(comparable.reason)
  const base = { generation: 1, boundary: at(1), files: files.base }
  return lakeView(comparable.compared, { base, versions: { 1: FORMER, 2: SCHEMA } }, files.changes ?? [], at(9))
}

test('a table that was created anew is not compared with the rows of its namesake', async () => {
  const log = await openTestLog(openMemoryStore({ now: () => new Date(0) }))
  const [former, own, change] = [entry(log, 'base', 1), { ...entry(log, 'base', 1), schemaVersion: 2 }, entry(log, 'changes', 3)]
  const waits = { reason: 'the source has created it anew; it waits for its copy' }
  expect(await view({ base: [former] })).toEqual(waits)
  expect(await view({ base: [own], changes: [change] })).toEqual(waits)
  expect(await view({ base: [own], changes: [{ ...change, schemaVersion: 2 }] })).toMatchObject({ view: { base: [own] } })
  // Below the boundary: the copy came after it.
  const old = { ...change, minPosition: at(1), maxPosition: at(1) }
  expect(await view({ base: [own], changes: [old] })).toMatchObject({ view: { changes: [] } })
})
