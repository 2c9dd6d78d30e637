/** What maintenance may say in the log, and what is refused. */
import { describe, expect, test } from 'vitest'
import type { Position } from '../../../connectors/change.ts'
import type { Commit, FileEntry, LogState, TableCommit } from '../../../integrations/land/log/commit.ts'
import { decodeCommit, decodeLiveList, encodeCommit, encodeLiveList } from '../../../integrations/land/log/encode.ts'
import { applyCommit, EMPTY_STATE, namedKeys } from '../../../integrations/land/log/fold.ts'
import { at, entry, LOAN, loanSchema, rowAt } from '../../support/lake.ts'

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

const apply = (state: LogState, table: TableCommit | null, rest: Partial<Commit> = {}) =>
  applyCommit(state, commit(state, table, rest))
const maintain = (state: LogState, table: TableCommit | null, rest: Partial<Commit> = {}) =>
  apply(state, table, { kind: 'maintenance', writer: 'm0123456789ab', ...rest })
const plan = [{ id: 'a', from: null, to: null, by: 'ctid' }]
const snapshot = (generation: number, cut: Position) => ({
  generation,
  start: { storage: 's', plan },
  done: { a: cut },
  complete: true,
})

const [base, early, late] = [entry(log, 'base', 5), entry(log, 'changes', 6, 8), entry(log, 'changes', 12)]
/** A base read at 5, changes up to 13. */
const landed = [
  (state: LogState) => apply(state, null, { kind: 'claim' }),
  (state: LogState) => apply(state, { schema: loanSchema() }),
  (state: LogState) => apply(state, { snapshot: snapshot(1, at(5)), added: [base] }, { position: at(5) }),
  (state: LogState) => apply(state, { added: [early, late] }, { position: at(13) }),
].reduce((state, step) => step(state), EMPTY_STATE)

const copy = (minPosition: Position, maxPosition: Position): FileEntry => ({ ...entry(log, 'base', 1), minPosition, maxPosition })
const loan = (state: LogState) => state.tables[LOAN]

describe('a renewed base', () => {
  const first = copy(at(5), rowAt(8, 1))
  const renewed = maintain(landed, { renewed: { boundary: at(10) }, added: [first] })

  test('stands beside the base, which stays what it was', () => {
    expect(loan(renewed)?.base).toEqual({
      generation: 1,
      boundary: at(5),
      files: [base],
      renewed: { boundary: at(10), files: [first] },
    })
    expect(loan(renewed)?.changes).toEqual([early, late])
    expect(namedKeys(renewed)).toContain(first.key)
  })

  test('is replaced by a later one whose commit removes its files', () => {
    const second = copy(at(5), rowAt(12, 1))
    const again = maintain(renewed, { renewed: { boundary: at(13) }, added: [second], removed: [first.key] })
    expect(loan(again)?.base?.renewed).toEqual({ boundary: at(13), files: [second] })
    expect(() => maintain(renewed, { renewed: { boundary: at(13) }, added: [second] })).toThrow('keeps files of the one before')
  })

  test('may be empty, and vanishes with the base', () => {
    const empty = maintain(renewed, { renewed: { boundary: at(13) }, added: [], removed: [first.key] })
    expect(loan(empty)?.base?.renewed).toEqual({ boundary: at(13), files: [] })
    const fresh = entry(log, 'base', 14)
    const after = apply(renewed, { snapshot: snapshot(2, at(14)), added: [fresh] }, { position: at(14) })
    expect(loan(after)?.base).toEqual({ generation: 2, boundary: at(14), files: [fresh] })
  })

  test.each<[string, () => LogState, string]>([
    [
      'without a base',
      () =>
        maintain(apply(apply(EMPTY_STATE, null, { kind: 'claim' }), { schema: loanSchema() }), { renewed: { boundary: at(9) } }),
      'does not have',
    ],
    ['not after the base', () => maintain(landed, { renewed: { boundary: at(5) } }), 'not after'],
    ['with rows beyond it', () => maintain(landed, { renewed: { boundary: at(7) }, added: [first] }), 'rows beyond'],
    [
      'earlier than before',
      () => maintain(renewed, { renewed: { boundary: at(9) }, added: [], removed: [first.key] }),
      'at an earlier cut',
    ],
    [
      'and a shorter history at once',
      () => maintain(landed, { renewed: { boundary: at(9) }, history: { from: at(9) } }),
      'at once',
    ],
  ])('is refused %s', (_, attempt, message) => {
    expect(attempt).toThrow(message)
  })
})

describe('a history that begins later', () => {
  const rows = copy(at(5), rowAt(8, 1))
  const shorter: TableCommit = { history: { from: at(10) }, added: [rows], removed: [base.key, early.key] }

  test('has a base of its own and only later changes', () => {
    expect(loan(maintain(landed, shorter))).toMatchObject({
      base: { generation: 1, boundary: at(10), files: [rows] },
      changes: [late],
    })
  })

  test('keeps a renewed base beyond it and drops one that it overtakes', () => {
    const beyond = copy(at(5), rowAt(12, 1))
    const renewed = maintain(landed, { renewed: { boundary: at(13) }, added: [beyond] })
    expect(loan(maintain(renewed, shorter))?.base?.renewed).toEqual({ boundary: at(13), files: [beyond] })
    const early = copy(at(5), rowAt(8, 1))
    const overtaken = maintain(landed, { renewed: { boundary: at(9) }, added: [early] })
    expect(() => maintain(overtaken, shorter)).toThrow('beyond its renewed base')
    const removed = [...(shorter.removed ?? []), early.key]
    expect(loan(maintain(overtaken, { ...shorter, removed }))?.base?.renewed).toBeUndefined()
  })

  test.each<[string, TableCommit, string]>([
    ['before the base', { ...shorter, history: { from: at(5) } }, 'not after'],
    ['with the old base', { ...shorter, removed: [early.key] }, 'older base files'],
    ['with older changes', { ...shorter, removed: [base.key] }, 'changes from before'],
  ])('is refused %s', (_, change, message) => {
    expect(() => maintain(landed, change)).toThrow(message)
  })
})

test('vacuum says from which commit on states can be read; it never goes back', () => {
  const once = maintain(landed, null, { vacuumed: { below: 4 } })
  expect(once.vacuumed).toBe(4)
  expect(maintain(once, null, { vacuumed: { below: 2 } }).vacuumed).toBe(4)
  expect(maintain(once, null).vacuumed).toBe(4)
  expect(() => maintain(landed, null, { vacuumed: { below: 99 } })).toThrow('later than itself')
})

test('all of it survives being written', () => {
  const rows = copy(at(5), rowAt(8, 1))
  const said = commit(landed, { renewed: { boundary: at(10) }, added: [rows] }, { kind: 'maintenance', vacuumed: { below: 2 } })
  expect(decodeCommit('k', encodeCommit(said))).toEqual(said)
  const state = applyCommit(landed, said)
  const list = { protocol: said.protocol, integration: 'loans', state }
  expect(decodeLiveList('k', encodeLiveList(list)).state).toEqual(state)
})
