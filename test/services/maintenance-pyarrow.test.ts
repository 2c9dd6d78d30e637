/** Someone else's reader, written from ARCHITECTURE.md alone, finds the same rows and history behind compaction, and the rows behind a shorter history. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { TableName } from '../../connectors/change.ts'
import { openFilesystemStore } from '../../connectors/filesystem/store.ts'
import { loadState } from '../../integrations/land/log/read.ts'
import { dropHistory } from '../../integrations/maintain/drop-history.ts'
import { LAKE, runCapture } from '../integrations/capture/capture-harness.ts'
import { EVENT_BAG, LOAN_TABLE } from '../integrations/capture/killed-capture.ts'
import { book, compact, DAY_MS, maintaining, sweepAt } from '../integrations/maintain/maintained-book.ts'
import { python } from '../support/python.ts'

const READER = fileURLToPath(new URL('reader/read_lake.py', import.meta.url))

type Table = {
  readonly rows: unknown
  readonly history: readonly (readonly [op: string, position: string, ...rest: unknown[]])[]
}
type Rebuilt = { readonly commit: number; readonly tables: Readonly<Record<string, Table>> }

test('rows and history are the same at every commit, renewed and shortened', { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'portage-lake-'))
  const rebuild = async (...args: string[]): Promise<Rebuilt> => {
    const { stdout } = await python(READER, [directory, LAKE.integration, '--prefix', LAKE.prefix, ...args])
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Rebuilt
  }
  try {
    const { database, store } = await book(await openFilesystemStore(directory, { now: () => new Date() }))
    const early = (await loadState(store, LAKE, { signal: AbortSignal.timeout(10_000) })).position
    const before = await rebuild('--newest')
    const outcomes = await compact(store)
    expect(outcomes.every(({ renewed, merged }) => renewed !== null && merged.files > 0)).toBe(true)
    const after = await rebuild('--newest')
    expect(after.commit).toBeGreaterThan(before.commit)
    for (const table of [LOAN_TABLE, EVENT_BAG]) {
      expect(after.tables[table]?.rows).toEqual(before.tables[table]?.rows)
      expect(after.tables[table]?.history).toEqual(before.tables[table]?.history)
    }
    expect((await rebuild('--at', String(before.commit))).tables).toEqual(before.tables)
    database.commit((t) => {
      t.update(LOAN_TABLE, { id: 19 }, { b: 1 })
      t.insert(EVENT_BAG, { x: 1 })
      t.delete(EVENT_BAG, { x: 2 })
    })
    await runCapture(database, store)
    const changed = await rebuild('--newest')
    for (const table of [LOAN_TABLE, EVENT_BAG]) await dropHistory(table as TableName, early, await maintaining(store))
    await sweepAt(store, DAY_MS)
    const shortened = await rebuild('--newest')
    for (const table of [LOAN_TABLE, EVENT_BAG]) {
      expect(shortened.tables[table]?.rows).toEqual(changed.tables[table]?.rows)
      const later = (history: Table['history'] = []) => history.filter(([, position]) => position > (early ?? ''))
      expect(later(shortened.tables[table]?.history)).toEqual(later(changed.tables[table]?.history))
      expect(later(changed.tables[table]?.history).length).toBeGreaterThan(0)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
