import { describe, expect, test } from 'vitest'
import type { Commit, LogState, TableCommit } from '../../../integrations/land/log/commit.ts'
import { decodeLiveList, encodeLiveList } from '../../../integrations/land/log/encode.ts'
import { applyCommit, EMPTY_STATE, namedKeys } from '../../../integrations/land/log/fold.ts'
import { shownFiles, shownTable } from '../../../integrations/land/log/shown.ts'
import { heldTables } from '../../../integrations/register/held-tables.ts'
import { at, entry, LOAN, loanSchema } from '../../support/lake.ts'

const writer = 'r0123456789ab'
const log = { writer, state: () => EMPTY_STATE }

function apply(state: LogState, table: TableCommit, rest: Partial<Commit> = {}): LogState {
  return applyCommit(state, {
    protocol: { minReader: 1, minWriter: 1 },
    number: state.number + 1,
    kind: 'maintenance',
    integration: 'loans',
    writer,
    createdAt: '2026-01-01T00:00:00.000Z',
    previous: state.position,
    position: state.position,
    source: null,
    through: null,
    tables: { [LOAN]: table },
    counts: { transactions: 0, changes: 0, rejects: 0 },
    by: 'host:1',
    ...rest,
  })
}

const loan = (state: LogState) => {
  const table = state.tables[LOAN]
  if (table === undefined) throw new Error('no table')
  return table
}
const version = (number: number, since: number, columns = ['id', 'status']) => ({
  ...loanSchema(number, columns),
  since: at(since),
})
const chunk = { id: 'a', from: null, to: null, by: 'ctid' }
const files = { base: entry(log, 'base', 10), old: entry(log, 'changes', 11) }
const copied = apply(apply(EMPTY_STATE, { schema: version(1, 0) }), {
  snapshot: { generation: 1, start: { storage: 's', plan: [chunk] }, done: { a: at(10) }, complete: true },
  added: [files.base],
})
const live = apply(copied, { added: [files.old] })
const widened = ['id', 'status', 'more']
const held = apply(live, { schema: version(2, 20, widened), held: at(20) })

describe('what warehouses show of a table', () => {
  test('a version that comes without "held" is accepted by itself and the live state is shown', () => {
    const state = apply(live, { schema: version(2, 20, widened) })
    expect(loan(state)).toMatchObject({ accepted: 2, shown: null, gone: null })
    expect(shownTable(loan(state))).toMatchObject({ schema: { version: 2 }, until: null, changes: [files.old] })
    expect(shownFiles(loan(state))).toEqual([])
    expect(heldTables(state)).toEqual([])
  })

  test('a held version keeps schema, base and changes as they were, whatever lands, until it is accepted', () => {
    const later = entry(log, 'changes', 21)
    const state = apply(held, { added: [later] })
    expect(loan(state)).toMatchObject({ accepted: 1, changes: [files.old, later] })
    expect(shownTable(loan(state))).toMatchObject({ schema: { version: 1 }, changes: [files.old], until: at(20) })
    expect(heldTables(state)).toEqual([{ table: LOAN, shown: 1, newest: 2, since: at(20), changes: ['column "more" added'] }])
    const accepted = apply(state, { accepted: 2 })
    expect(shownTable(loan(accepted))).toMatchObject({ schema: { version: 2 }, changes: [files.old, later], until: null })
  })

  test('rows of the old shape that arrive late are shown; rows that compaction rewrites are not shown twice', () => {
    const late = entry(log, 'changes', 15, 25)
    const merged = entry(log, 'changes', 11, 25)
    const arrived = apply(held, { added: [late] })
    expect(shownTable(loan(arrived))?.changes).toEqual([files.old, late])
    const compacted = apply(arrived, { removed: [files.old.key, late.key], added: [merged] })
    expect(loan(compacted).changes).toEqual([merged])
    expect(shownTable(loan(compacted))?.changes).toEqual([files.old, late])
    expect([...namedKeys(compacted)].toSorted()).toEqual([files.base, files.old, late, merged].map(({ key }) => key).toSorted())
    expect(shownFiles(loan(compacted))).toEqual([files.base, files.old, late])
    expect(shownTable(loan(apply(compacted, { accepted: 2 })))?.changes).toEqual([merged])
  })

  test('further versions stay behind the first hold; accepting takes the newest and only the newest', () => {
    const twice = apply(held, { schema: version(3, 30, [...widened, 'again']), held: at(30) })
    expect(loan(twice)).toMatchObject({ accepted: 1, shown: { version: 1, until: at(20) } })
    expect(heldTables(twice)[0]?.changes).toEqual(['column "more" added', 'column "again" added'])
    expect(() => apply(twice, { accepted: 2 })).toThrow('accepts version 2; the newest is 3')
    expect(loan(apply(twice, { accepted: 3 })).shown).toBeNull()
  })

  test('the position of a hold only ever sinks', () => {
    const lower = apply(held, { held: at(18) })
    expect(loan(lower).shown?.until).toBe(at(18))
    expect(loan(apply(lower, { held: at(19) })).shown?.until).toBe(at(18))
  })

  test('a new base under a hold is not shown; accepted before it is complete, the old state stays until then', () => {
    const start = { generation: 2, start: { storage: 's2', plan: [chunk] }, done: {}, complete: false }
    const copying = apply(live, { schema: version(2, 20, widened), held: at(20), snapshot: start })
    const base = entry(log, 'base', 30)
    const done = { generation: 2, done: { a: at(30) }, complete: true }
    const complete = apply(copying, { snapshot: done, added: [base] })
    expect(loan(complete).base?.files).toEqual([base])
    expect(shownTable(loan(complete))?.base.files).toEqual([files.base])
    expect(shownTable(loan(apply(complete, { accepted: 2 })))?.base.files).toEqual([base])
    const early = apply(copying, { accepted: 2 })
    expect(heldTables(early)).toEqual([])
    expect(shownTable(loan(early))).toMatchObject({ schema: { version: 1 }, base: { files: [files.base] } })
    expect(shownTable(loan(apply(early, { snapshot: done, added: [base] })))).toMatchObject({
      schema: { version: 2 },
      base: { files: [base] },
    })
  })

  test('a version that needs new rows is not shown before they have been copied, although it is accepted', () => {
    const start = { generation: 2, start: { storage: 's2', plan: [chunk] }, done: {}, complete: false }
    const copying = apply(live, { schema: version(2, 20, widened), snapshot: start })
    expect(loan(copying)).toMatchObject({ accepted: 2, shown: { version: 1, until: at(20) } })
    const base = entry(log, 'base', 30)
    const complete = apply(copying, { snapshot: { generation: 2, done: { a: at(30) }, complete: true }, added: [base] })
    expect(loan(complete).shown).toBeNull()
  })

  test('a table that was never accepted is not shown, before and after its first copy', () => {
    const added = apply(EMPTY_STATE, { schema: version(1, 5), held: at(5) })
    expect([loan(added).accepted, shownTable(loan(added))]).toEqual([0, null])
    const step = { generation: 1, start: { storage: 's', plan: [chunk] }, done: { a: at(10) }, complete: true }
    const state = apply(added, { snapshot: step, added: [files.base] })
    expect(shownTable(loan(state))).toBeNull()
    expect(heldTables(state)).toMatchObject([{ shown: 0, changes: ['table added'] }])
    expect(shownTable(loan(apply(state, { accepted: 1 })))?.base.files).toEqual([files.base])
  })

  test('a table that is gone waits as it is; a new version takes it back; dropping forgets it', () => {
    const gone = apply(live, { gone: at(40) })
    expect(heldTables(gone)).toEqual([{ table: LOAN, shown: 1, newest: 1, since: null, changes: ['table dropped'] }])
    expect(shownTable(loan(gone))?.changes).toEqual([files.old])
    expect(loan(apply(gone, { schema: version(2, 50, widened) })).gone).toBeNull()
    expect(apply(gone, { dropped: true }).tables).toEqual({})
  })

  test('a live list keeps all of it, and one from before there were holds shows everything', () => {
    const list = { protocol: { minReader: 1, minWriter: 1 }, integration: 'loans', state: held }
    expect(decodeLiveList('k', encodeLiveList(list)).state).toEqual(held)
    const { accepted: _, shown: __, gone: ___, ...table } = loan(held)
    const old = { ...list, state: { ...held, tables: { [LOAN]: table } } }
    const read = decodeLiveList('k', new TextEncoder().encode(JSON.stringify(old)))
    expect(read.state.tables[LOAN]).toMatchObject({ accepted: 2, shown: null, gone: null })
  })
})
