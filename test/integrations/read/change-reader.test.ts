import { expect, test } from 'vitest'
import { openMemoryStore } from '../../../connectors/memory/store.ts'
import type { FileEntry, LogState } from '../../../integrations/land/log/commit.ts'
import { openChangeReader } from '../../../integrations/read/change-reader.ts'
import { changeReaderContract, type Given, type Part } from '../../contracts/change-reader.ts'
import { loanSchema, quietEnvironment } from '../../support/lake.ts'
import { lakeRow, writeLakeFile } from '../../support/lake-files.ts'
import { tableState } from '../../support/table-state.ts'

const signal = new AbortController().signal

async function lakeOf(given: Given) {
  const store = openMemoryStore(quietEnvironment())
  const write = (part: 'base' | 'changes', parts: readonly Part[]): Promise<readonly FileEntry[]> =>
    Promise.all(parts.map(({ schema, rows }, index) => writeLakeFile(store, `${part}/${index}.parquet`, schema, part, rows)))
  const { schema, boundary, head } = given
  const base = { boundary, files: await write('base', given.base) }
  // Out of order, as a compaction may list them.
  const changes = (await write('changes', given.changes)).toReversed()
  const table = tableState(schema, base, { changes })
  const state: LogState = {
    number: 1,
    position: head,
    source: null,
    through: null,
    tables: { [schema.table]: table },
    counts: { transactions: 0, changes: 0, rejects: 0 },
    claim: null,
  }
  return { store, state, reader: openChangeReader({ store, state: async () => state }) }
}

changeReaderContract('lake', async (given) => {
  const { reader } = await lakeOf(given)
  return { reader, [Symbol.asyncDispose]: async () => {} }
})

test('a file that is gone or cut short is told by its key', async () => {
  const schema = loanSchema()
  const at = '0001-0000000000000001-00000000' as Given['boundary']
  const base = [{ schema, rows: [lakeRow('r', at, { id: 1n, status: 'a' })] }]
  const { store, reader } = await lakeOf({ schema, boundary: at, base, changes: [], head: at })
  await store.delete(['base/0.parquet'])
  const read = async () => {
    for await (const _ of reader.read({ table: schema.table, after: null, before: null }, signal));
  }
  await expect(read()).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringContaining('base/0.parquet') })
  await store.putIfAbsent('base/0.parquet', new TextEncoder().encode('PAR1 but not really'.repeat(100)))
  await expect(read()).rejects.toMatchObject({ message: expect.stringContaining('base/0.parquet') })
})
