import { expect, test } from 'vitest'
import type { Position, TableName } from '../../connectors/change.ts'
import { createLines } from '../../orchestration/progress.ts'
import { createBars, renderFrame } from '../../orchestration/progress-bars.ts'
import type { ProgressEvent } from '../../orchestration/run-types.ts'

const loan = 'public.loan' as TableName
const start = Date.UTC(2026, 2, 1, 12)

type Snapshot = Extract<ProgressEvent, { kind: 'snapshot' }>
const snapshot = (rows: number, done: number, over: Partial<Snapshot> = {}): Snapshot => ({
  kind: 'snapshot',
  table: loan,
  rows,
  total: 1000,
  chunks: { done, planned: 4 },
  complete: false,
  ...over,
})
const commit = (number: number, rows: number): ProgressEvent => ({
  kind: 'commit',
  number,
  commit: 'changes',
  position: 'p' as Position,
  through: null,
  tables: [{ table: loan, rows, files: 1, bytes: 2048 }],
  rejects: 0,
})
const follow = (current: boolean): ProgressEvent => ({
  kind: 'follow',
  transactions: 3,
  changes: 30,
  through: '2026-03-01T12:00:00.000Z',
  lagBytes: 4096,
  current,
})

test('without a terminal there is one line per step, and moving things speak at most every ten seconds', () => {
  let now = start
  const lines: string[] = []
  const { emit } = createLines(
    (line) => lines.push(line),
    () => new Date(now),
  )
  const at = (seconds: number, event: ProgressEvent): void => {
    now = start + seconds * 1000
    emit(event)
  }
  at(0, { kind: 'step', step: 'snapshot', detail: 'public.loan' })
  at(1, snapshot(100, 0))
  at(12, snapshot(400, 1))
  at(13, snapshot(500, 2))
  at(20, snapshot(1004, 4, { complete: true }))
  at(20, snapshot(1004, 4, { complete: true }))
  at(21, { kind: 'waiting', message: 'pid 7 holds a transaction' })
  at(22, commit(1, 10))
  at(23, follow(false))
  at(24, commit(2, 20))
  at(34, follow(false))
  at(45, follow(true))
  at(46, { kind: 'schema', table: loan, version: 2, changes: ['add column rate'] })
  at(47, { kind: 'registered', connection: 'duck', schema: 'loans', commit: 2, filesAdded: 2, filesRemoved: 0, held: [] })
  at(48, { kind: 'registered', connection: 'duck', schema: 'loans', commit: 3, filesAdded: 0, filesRemoved: 0, held: [] })
  at(49, { kind: 'rejects', table: loan, column: 'amount', rows: 1 })
  at(50, { kind: 'attempt', attempt: 1, error: 'connection\nlost', pauseMs: 400 })
  at(51, { kind: 'warning', message: 'late' })
  expect(lines).toMatchInlineSnapshot(`
    [
      "12:00:00 snapshot: public.loan",
      "12:00:12 snapshot public.loan: 400 of about 1,000 rows, chunk 1 of 4",
      "12:00:20 snapshot public.loan: 1,004 rows, complete",
      "12:00:21 waiting: pid 7 holds a transaction",
      "12:00:23 follow: 10 rows (2.0 KiB) in 1 commit, through 2026-03-01T12:00:00.000Z, 23 s ago, 4.0 KiB behind",
      "12:00:34 follow: 20 rows (2.0 KiB) in 1 commit, through 2026-03-01T12:00:00.000Z, 34 s ago, 4.0 KiB behind",
      "12:00:45 follow: 0 rows (0 B) in 0 commits, current",
      "12:00:46 schema public.loan: version 2 (add column rate)",
      "12:00:47 registered duck loans: commit 2, 2 files added, 0 removed",
      "12:00:49 REJECTED 1 row of public.loan because of column amount",
      "12:00:50 attempt 1 failed, next in 0.4 s: connection\\nlost",
      "12:00:51 WARNING: late",
    ]
  `)
})

test('bars never claim a table that is not complete, and never exceed the terminal', () => {
  const snapshots = new Map([
    ['a', { event: snapshot(1500, 3), startedAt: start }],
    ['b', { event: snapshot(10, 1, { total: null, table: 'public.payment' as TableName }), startedAt: start }],
  ])
  const state = { snapshots, follow: { transactions: 3, changes: 30, commits: 2, lag: 'current' } }
  expect(renderFrame(state, { columns: 100, now: start + 5000 })).toMatchInlineSnapshot(`
    [
      "████████████████████████  99 %  public.loan  1,500 rows · 300 rows/s · 0.1 s left",
      "██████░░░░░░░░░░░░░░░░░░  25 %  public.payment  10 rows · 2 rows/s · 15 s left",
      "follow  30 changes · 3 transactions · 2 commits · current",
    ]
  `)
  for (const line of renderFrame(state, { columns: 30, now: start })) expect([...line].length).toBeLessThan(30)
})

test('lasting lines go above the bars, which are erased at the end', () => {
  let screen = ''
  const bars = createBars({
    write: (text) => {
      screen += text
    },
    columns: () => 80,
    now: () => new Date(start),
  })
  bars.update(snapshot(100, 1))
  bars.line('something lasting')
  bars.update(snapshot(1000, 4, { complete: true }))
  bars.close()
  expect(screen).toContain('\u001b[1A\u001b[0Jsomething lasting\n')
  expect(screen.endsWith('\u001b[0J') || screen.endsWith('')).toBe(true)
})
