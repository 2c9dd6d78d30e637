import { describe, expect, test } from 'vitest'
import { EMPTY_STATE } from '../../../integrations/land/log/fold.ts'
import type { FileLife, History } from '../../../integrations/maintain/file-lives.ts'
import { INTENT_DEAD_MS } from '../../../integrations/maintain/intent.ts'
import { judge, type Needs } from '../../../integrations/maintain/needed.ts'
import { LOAN } from '../../support/lake.ts'

const HOUR_MS = 3_600_000
const NOW = new Date('2026-06-01T12:00:00Z')
const ago = (hours: number): Date => new Date(NOW.getTime() - hours * HOUR_MS)
const NOBODY: Needs = { followers: [], pinned: [], keys: new Map() }

const life = (key: string, from: number, to: number | null, endedHoursAgo = 48): FileLife => ({
  key,
  table: LOAN,
  size: 10,
  from,
  to,
  endedAt: to === null ? null : ago(endedHoursAgo),
})

function history(lives: readonly FileLife[] = []): History {
  return {
    state: { ...EMPTY_STATE, number: 20, claim: 'rnow' },
    lives: new Map(lives.map((each) => [each.key, each])),
    claims: new Map([
      ['rold', 1],
      ['rnow', 9],
    ]),
    intents: new Map([
      ['mold', ago(48)],
      ['mnew', ago(0.1)],
    ]),
    shown: new Set(),
  }
}

const verdict = (
  key: string,
  writer: string | null,
  past: History,
  needs: Needs = NOBODY,
  modified = ago(48),
  graceHours = 24,
) => {
  const origin = writer === null ? null : { writer }
  const { action, reason } = judge({ key, size: 10, modified }, origin, past, needs, { now: NOW, graceMs: graceHours * HOUR_MS })
  return `${action}: ${reason}`
}

describe('a file that was live', () => {
  const past = history([life('live', 3, null), life('gone', 3, 7), life('fresh', 3, 7, 1)])

  test('stays while it is part of the newest state', () => {
    expect(verdict('live', 'rold', past)).toBe('live: part of the newest state')
  })

  test('goes when it was replaced before the grace period and nobody needs it', () => {
    expect(verdict('gone', 'rold', past)).toBe('delete: replaced by commit 7')
    expect(verdict('fresh', 'rold', past)).toBe('keep: within the grace period')
  })

  test('stays until every warehouse has passed the commit that replaced it', () => {
    const shows = (commit: number | null): Needs => ({
      ...NOBODY,
      followers: [
        { commit: 9, by: 'a' },
        { commit, by: 'b' },
      ],
    })
    expect(verdict('gone', 'rold', past, shows(6))).toBe('keep: b shows commit 6, before 7')
    expect(verdict('gone', 'rold', past, shows(2))).toBe('keep: b shows commit 2, before 7')
    expect(verdict('gone', 'rold', past, shows(7))).toBe('delete: replaced by commit 7')
    expect(verdict('gone', 'rold', past, shows(null))).toBe('keep: b cannot say what it shows')
  })

  test('stays while someone keeps to a commit that had it, and only then', () => {
    const keepsTo = (commit: number): Needs => ({ ...NOBODY, pinned: [{ commit, by: 'reader' }] })
    expect(verdict('gone', 'rold', past, keepsTo(3))).toBe('keep: reader keeps to commit 3')
    expect(verdict('gone', 'rold', past, keepsTo(6))).toBe('keep: reader keeps to commit 6')
    expect(verdict('gone', 'rold', past, keepsTo(2))).toMatch('delete')
    expect(verdict('gone', 'rold', past, keepsTo(7))).toMatch('delete')
  })

  test('stays when a table that is kept back needs it', () => {
    const needs = { ...NOBODY, keys: new Map([['gone', 'a held table']]) }
    expect(verdict('gone', 'rold', past, needs)).toBe('keep: needed by a held table')
  })
})

describe('a file that was never live', () => {
  test('of the run at work is never touched, however old', () => {
    expect(verdict('x', 'rnow', history())).toBe('keep: being written by the run at work')
    expect(verdict('x', 'rnow', history(), NOBODY, ago(9_999), 0)).toMatch('keep')
  })

  test('of a run or maintenance that the log does not know is never touched', () => {
    expect(verdict('x', 'rother', history(), NOBODY, ago(9_999))).toMatch('foreign')
    expect(verdict('x', 'mother', history(), NOBODY, ago(9_999))).toMatch('foreign')
    expect(verdict('x', null, history(), NOBODY, ago(9_999))).toMatch('foreign')
  })

  test('of a fenced run goes after the grace period', () => {
    expect(verdict('x', 'rold', history())).toMatch('delete: left by a run')
    expect(verdict('x', 'rold', history(), NOBODY, ago(1))).toMatch('keep')
  })

  test('of maintenance goes when its last intent is older than the grace period, and than an hour', () => {
    expect(verdict('x', 'mold', history())).toMatch('delete: left by maintenance')
    expect(verdict('x', 'mold', history(), NOBODY, ago(48), 72)).toMatch('keep')
    expect(verdict('x', 'mnew', history(), NOBODY, ago(48), 0)).toMatch('keep: being written')
    const silent = { ...history(), intents: new Map([['mnew', new Date(NOW.getTime() - INTENT_DEAD_MS - 1)]]) }
    expect(verdict('x', 'mnew', silent, NOBODY, ago(48), 0)).toMatch('delete')
  })
})
