import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import type { Environment, ObjectStore } from '../../connectors/ports.ts'
import { baseKey, changesKey } from '../../integrations/land/log/keys.ts'
import { openWarehouseAt } from '../../orchestration/query-at.ts'
import { at, LAKE, LOAN, loanSchema, NEVER, openTestLog, quietEnvironment, rowAt } from '../support/lake.ts'
import { lakeRow, writeLakeFile } from '../support/lake-files.ts'
import { queryRows } from '../support/query-rows.ts'

describe('openWarehouseAt', () => {
  let directory: string
  let store: ObjectStore
  let environment: Environment
  let first: number
  let second: number
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portage-at-'))
    environment = { ...quietEnvironment(), stateDir: join(directory, 'state') }
    store = await openFilesystemStore(join(directory, 'lake'), environment)
    const log = await openTestLog(store)
    await log.claim(NEVER)
    const schema = loanSchema()
    const origin = { commit: 2, writer: log.writer, part: 0, extension: 'parquet' } as const
    const base = await writeLakeFile(store, baseKey(LAKE, LOAN, origin), schema, 'base', [
      lakeRow('r', at(10), { id: 1n, status: 'active' }),
    ])
    const plan = [{ id: '0', from: null, to: null, by: 'ctid' }]
    const snapshot = { generation: 1, start: { storage: '1', plan }, done: { '0': at(10) }, complete: true }
    const tables = { [LOAN]: { schema, snapshot, added: [base] } }
    first = (await log.append(() => ({ kind: 'snapshot', position: at(10), tables }), NEVER)).number
    const key = changesKey(LAKE, LOAN, '2026-01-01', { ...origin, commit: 3 })
    const changes = await writeLakeFile(store, key, schema, 'changes', [lakeRow('u', rowAt(11, 1), { id: 1n, status: 'closed' })])
    const added = { [LOAN]: { added: [changes] } }
    second = (await log.append(() => ({ kind: 'changes', position: at(12), tables: added }), NEVER)).number
  })
  afterAll(() => rm(directory, { recursive: true }))

  const place = (number: number) => ({ store, ...LAKE, at: number, schema: 'loans' })

  test('it shows the tables as of each commit and leaves nothing behind', async () => {
    for (const [commit, row] of [
      [first, '1 | active'],
      [second, '1 | closed'],
    ] as const) {
      await using warehouse = await openWarehouseAt(place(commit), environment, NEVER)
      expect(await queryRows(warehouse, 'select * from loans.loan')).toEqual([row])
    }
    expect(await readdir(join(environment.stateDir, 'at'))).toEqual([])
  })

  test('a commit that does not exist is told', async () => {
    await expect(openWarehouseAt(place(second + 1), environment, NEVER)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
