import { describe, expect, test } from 'vitest'
import type { Commit, LogState, TableCommit } from '../../../integrations/land/log/commit.ts'
import { applyCommit, EMPTY_STATE } from '../../../integrations/land/log/fold.ts'
import { at, entry, LOAN, loanSchema } from '../../support/lake.ts'

const writer = 'r0123456789ab'
const log = { writer, state: () => EMPTY_STATE }

function commit(state: LogState, table: TableCommit | null, rest: Partial<Commit> = {}): Commit {
  return {
    protocol: { minReader: 1, minWriter: 1 },
    number: state.number + 1,
    kind: 'changes',
    integration: 'loans',
    writer,
    createdAt: '2026-01-01T00:00:00.000Z',
    previous: state.position,
    position: state.position,
    source: null,
    through: null,
    tables: table === null ? {} : { [LOAN]: table },
    counts: { transactions: 0, changes: 0, rejects: 0 },
    by: 'host:1',
    ...rest,
  }
}

const claimed = applyCommit(EMPTY_STATE, commit(EMPTY_STATE, null, { kind: 'claim' }))
const apply = (state: LogState, table: TableCommit, rest: Partial<Commit> = {}) => applyCommit(state, commit(state, table, rest))
const chunk = (id: string) => ({ id, from: null, to: null, by: 'ctid' })
const start = (...ids: string[]) => ({ storage: 's1', plan: ids.map(chunk) })
const withSchema = apply(claimed, { schema: loanSchema() })
const loan = (state: LogState) => {
  const table = state.tables[LOAN]
  if (table === undefined) throw new Error('no table')
  return table
}

describe('fold of the log', () => {
  test('chunk files are not live until the snapshot is complete, then they are the base with the lowest position as boundary', () => {
    const files = [entry(log, 'base', 30), entry(log, 'base', 20), entry(log, 'base', 25)] as const
    let state = apply(withSchema, { snapshot: { generation: 1, start: start('a', 'b', 'c'), done: {}, complete: false } })
    state = apply(state, { snapshot: { generation: 1, done: { a: at(30) }, complete: false }, added: [files[0]] })
    state = apply(state, { snapshot: { generation: 1, done: { b: at(20) }, complete: false }, added: [files[1]] })
    expect(loan(state).base).toBeNull()
    expect(loan(state).pending?.done).toEqual({ a: at(30), b: at(20) })
    state = apply(state, { snapshot: { generation: 1, done: { c: at(25) }, complete: true }, added: [files[2]] })
    expect(loan(state)).toMatchObject({ storage: 's1', pending: null, base: { generation: 1, boundary: at(20), files } })
  })

  test('a later snapshot swaps the base and keeps the change files', () => {
    const [first, change, second] = [entry(log, 'base', 1), entry(log, 'changes', 2), entry(log, 'base', 5)]
    let state = apply(withSchema, {
      snapshot: { generation: 1, start: start('a'), done: { a: at(1) }, complete: true },
      added: [first],
    })
    state = apply(state, { added: [change] }, { position: at(3) })
    state = apply(state, { snapshot: { generation: 2, start: { storage: 's2', plan: [chunk('a')] }, done: {}, complete: false } })
    expect(loan(state).base?.files).toEqual([first])
    state = apply(state, { snapshot: { generation: 2, done: { a: at(5) }, complete: true }, added: [second] })
    expect(loan(state)).toMatchObject({
      storage: 's2',
      changes: [change],
      base: { generation: 2, boundary: at(5), files: [second] },
    })
  })

  test('a new generation voids the files of an incomplete one', () => {
    const [old, fresh] = [entry(log, 'base', 1), entry(log, 'base', 2)]
    let state = apply(withSchema, {
      snapshot: { generation: 1, start: start('a', 'b'), done: { a: at(1) }, complete: false },
      added: [old],
    })
    state = apply(state, { snapshot: { generation: 2, start: start('a'), done: { a: at(2) }, complete: true }, added: [fresh] })
    expect(loan(state).base?.files).toEqual([fresh])
  })

  test('maintenance removes and adds; schema versions stay, because the stream may still be at one that no file has', () => {
    const [one, two, merged] = [
      entry(log, 'changes', 1),
      entry(log, 'changes', 2),
      { ...entry(log, 'changes', 1, 2), schemaVersion: 2 },
    ]
    let state = apply(withSchema, { added: [one, two] })
    state = apply(state, { schema: loanSchema(2, ['id', 'status', 'note']) })
    expect(Object.keys(loan(state).versions)).toEqual(['1', '2'])
    state = apply(state, { removed: [one.key, two.key], added: [merged] }, { kind: 'maintenance', writer: 'm0' })
    expect(loan(state).changes).toEqual([merged])
    expect(Object.keys(loan(state).versions)).toEqual(['1', '2'])
  })

  test('a dropped table is gone and may come back from nothing', () => {
    const state = apply(apply(withSchema, { added: [entry(log, 'changes', 1)] }), { dropped: true })
    expect(state.tables).toEqual({})
    expect(loan(apply(state, { schema: loanSchema() })).changes).toEqual([])
  })

  test('counts add up and position, source and through are the newest', () => {
    const source = { system: '1', timeline: 1, database: 'd', version: 'v', epoch: 1 }
    const counts = { transactions: 1, changes: 5, rejects: 2 }
    let state = applyCommit(claimed, commit(claimed, null, { position: at(1), source, through: 'T', counts }))
    state = applyCommit(state, commit(state, null, { kind: 'heartbeat', position: at(9), source, through: 'T', counts }))
    expect(state).toMatchObject({
      number: 3,
      position: at(9),
      source,
      through: 'T',
      counts: { transactions: 2, changes: 10, rejects: 4 },
    })
  })

  const file = entry(log, 'changes', 1)
  const begun = apply(withSchema, { snapshot: { generation: 1, start: start('a'), done: {}, complete: false } })
  test.each<[string, () => LogState]>([
    ['follows commit', () => applyCommit(claimed, commit(claimed, null, { number: 5 }))],
    ['starts at position', () => applyCommit(claimed, commit(claimed, null, { previous: at(1) }))],
    [
      'goes back',
      () => [at(2), at(1)].reduce((state, position) => applyCommit(state, commit(state, null, { position })), claimed),
    ],
    ['while the log belongs to', () => applyCommit(claimed, commit(claimed, null, { writer: 'other' }))],
    ['while the log belongs to nobody', () => applyCommit(EMPTY_STATE, commit(EMPTY_STATE, null))],
    ['has no schema yet', () => apply(claimed, { added: [file] })],
    ['twice', () => apply(apply(withSchema, { added: [file] }), { added: [file] })],
    ['twice', () => apply(withSchema, { added: [file, file] })],
    ['of which 0 are live', () => apply(withSchema, { removed: ['raw/x'] })],
    ['schema version 7', () => apply(withSchema, { added: [{ ...file, schemaVersion: 7 }] })],
    ['positions in the wrong order', () => apply(withSchema, { added: [{ ...file, minPosition: at(9) }] })],
    ['brings schema version 3 after 1', () => apply(withSchema, { schema: loanSchema(3) })],
    ['moves or removes the physical column "status"', () => apply(withSchema, { schema: loanSchema(2, ['id', 'note']) })],
    ['two columns of one physical name', () => apply(withSchema, { schema: loanSchema(2, ['id', 'status', 'id']) })],
    ['outside a snapshot', () => apply(withSchema, { added: [entry(log, 'base', 1)] })],
    ['is not under way', () => apply(withSchema, { snapshot: { generation: 1, done: {}, complete: false } })],
    [
      'starts snapshot generation 1 after 1',
      () => apply(begun, { snapshot: { generation: 1, start: start('a'), done: {}, complete: false } }),
    ],
    ['is not in the plan', () => apply(begun, { snapshot: { generation: 1, done: { z: at(1) }, complete: false } })],
    ['with 0 of 1 chunks', () => apply(begun, { snapshot: { generation: 1, done: {}, complete: true } })],
    ['adds files to a table that it drops', () => apply(withSchema, { dropped: true, added: [file] })],
  ])('a commit is refused that %s', (problem, action) => {
    expect(action).toThrow(problem)
    expect(action).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
  })
})
