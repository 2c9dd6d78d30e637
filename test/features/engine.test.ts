import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseChangeLines } from '../../features/change-lines.ts'
import type { FeatureView } from '../../features/definition.ts'
import { type Engine, openEngine } from '../../features/engine.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { BOOK_DAY, randomOf } from './loan-history.ts'
import { type Line, oracle } from './oracle.ts'
import { portfolio } from './portfolio-view.ts'
import { EDGES, redelivered, shuffled } from './streams.ts'

const ENTITIES = ['c1', 'c2', 'c3', 'nobody']

function feed(engine: Engine, view: FeatureView, lines: readonly Line[]): void {
  const { lines: parsed, problems } = parseChangeLines(view, lines.map((line) => JSON.stringify(line)).join('\n'), 'lines')
  expect(problems).toEqual([])
  for (const { event } of parsed) if (event !== null) engine.apply([event])
}

function expectOracle(view: FeatureView, deliveries: readonly Line[], engine = openEngine(view)): void {
  deliveries.forEach((line, index) => {
    feed(engine, view, [line])
    const known = deliveries.slice(0, index + 1)
    for (const entity of ENTITIES) {
      const asOf = EDGES[(index * 5 + entity.length) % EDGES.length] ?? 0
      expect(engine.read(entity, asOf)).toEqual(oracle(view, known, entity, asOf))
    }
  })
  for (const asOf of EDGES) {
    for (const entity of ENTITIES) expect(engine.read(entity, asOf)).toEqual(oracle(view, deliveries, entity, asOf))
  }
}

describe('the engine equals the brute-force evaluator', () => {
  test('after every event of a log with redeliveries', () => {
    fc.assert(
      fc.property(redelivered, (lines) => expectOracle(portfolio, lines)),
      { numRuns: 100 },
    )
  })

  test('when every entity is a large one', () => {
    fc.assert(
      fc.property(redelivered, (lines) => expectOracle(portfolio, lines, openEngine(portfolio, { manyRows: -1, tileRows: 2 }))),
      { numRuns: 60 },
    )
  })

  test('after every event of a log that arrives in any order', () => {
    fc.assert(
      fc.property(shuffled, (lines) => expectOracle(portfolio, lines)),
      { numRuns: 100 },
    )
  })
})

const DAY = 86_400_000
const T0 = '2026-06-30T12:00:00.000Z'

/** `+loan l1 {…}`: short lines for the worked examples. */
function script(
  steps: readonly (readonly [op: '+' | '~' | '-', table: 'loan' | 'payment', id: string, row?: Record<string, string>])[],
) {
  return steps.map(([op, table, key, row], index): Line => {
    const name = ({ '+': 'insert', '~': 'update', '-': 'delete' } as const)[op]
    const line = { position: String(index + 1), committed_at: T0, table, op: name, key: { id: key } }
    return row === undefined ? line : { ...line, row }
  })
}

const june = (day: string) => `2026-06-${day}T00:00:00Z`
const loan = (amount: string, status: string, issued_at: string, client_id = 'c1') => ({ client_id, amount, status, issued_at })
const payment = (interest: string, status: string, paid_at: string, loan_id = 'l1') => ({ loan_id, interest, status, paid_at })
const noon20 = '2026-06-20T12:00:00Z'

function answers(lines: readonly Line[], asOf = T0, entity = 'c1'): readonly unknown[] {
  const engine = openEngine(clientLoans)
  feed(engine, clientLoans, lines)
  const result = engine.read(entity, Date.parse(asOf))
  expect(result).toEqual(oracle(clientLoans, lines, entity, Date.parse(asOf)))
  const { numerator, denominator } = result.parts['profit_in_last_90_days.rate'] ?? {}
  return [result.values['paid_loans.count'], result.values['days_since_last_late_payment.count'], `${numerator}/${denominator}`]
}

describe('the loan example', () => {
  test('of nothing', () => {
    expect(answers([])).toEqual([0, null, '0/0'])
  })

  test('counts a paid loan and its interest', () => {
    const lines = script([
      ['+', 'loan', 'l1', loan('500.00', 'paid', '2026-05-01T09:00:00Z')],
      ['+', 'payment', 'p1', payment('60.00', 'on_time', '2026-06-01T10:00:00Z')],
    ])
    expect(answers(lines)).toEqual([1, null, '6000/50000'])
  })

  test('counts an amount once however many payments there are', () => {
    const lines = script([
      ['+', 'loan', 'l1', loan('1000', 'active', june('01'))],
      ['+', 'payment', 'p1', payment('10', 'on_time', june('02'))],
      ['+', 'payment', 'p2', payment('20', 'on_time', june('03'))],
      ['+', 'payment', 'p3', payment('30', 'on_time', june('04'))],
    ])
    expect(answers(lines)).toEqual([0, null, '6000/100000'])
  })

  test('takes a loan in when it becomes active', () => {
    const lines = script([
      ['+', 'loan', 'l1', loan('700', 'application', june('20'))],
      ['~', 'loan', 'l1', { status: 'active' }],
    ])
    expect(answers(lines.slice(0, 1))[2]).toBe('0/0')
    expect(answers(lines)[2]).toBe('0/70000')
  })

  test('takes a reversed payment back', () => {
    const lines = script([
      ['+', 'loan', 'l1', loan('1000', 'active', june('01'))],
      ['+', 'payment', 'p1', payment('25.00', 'late', noon20)],
      ['~', 'payment', 'p1', { status: 'reversed' }],
    ])
    expect(answers(lines.slice(0, 2))).toEqual([0, 10, '2500/100000'])
    expect(answers(lines)).toEqual([0, null, '0/100000'])
  })

  test('moves everything with a loan', () => {
    const lines = script([
      ['+', 'loan', 'l1', loan('500', 'paid', june('01'))],
      ['+', 'payment', 'p1', payment('50', 'late', noon20)],
      ['~', 'loan', 'l1', { client_id: 'c2' }],
    ])
    expect(answers(lines)).toEqual([0, null, '0/0'])
    expect(answers(lines, T0, 'c2')).toEqual([1, 10, '5000/50000'])
  })

  test('lets a payment wait for its loan', () => {
    const lines = script([
      ['+', 'payment', 'p1', payment('40', 'late', noon20)],
      ['+', 'loan', 'l1', loan('800', 'active', june('01'))],
    ])
    expect(answers(lines.slice(0, 1))).toEqual([0, null, '0/0'])
    expect(answers(lines)).toEqual([0, 10, '4000/80000'])
    const engine = openEngine(clientLoans)
    feed(engine, clientLoans, lines.slice(0, 1))
    expect(engine.statistics()).toMatchObject({ rows: 1, waiting: 1, entities: 0 })
  })

  test('has a window that is open at its start', () => {
    const issued = (at: string) => answers(script([['+', 'loan', 'l1', loan('1', 'active', at)]]))[2]
    expect(issued('2026-04-01T12:00:00.000Z')).toBe('0/0')
    expect(issued('2026-04-01T12:00:00.001Z')).toBe('0/100')
    expect(issued(T0)).toBe('0/100')
    expect(issued('2026-06-30T12:00:00.001Z')).toBe('0/0')
  })

  test('counts a payment by the clock alone', () => {
    const lines = script([
      ['+', 'loan', 'l1', loan('1', 'active', june('01'))],
      ['+', 'payment', 'p1', payment('0.50', 'late', '2026-07-05T00:00:00Z')],
    ])
    expect(answers(lines)).toEqual([0, null, '0/100'])
    expect(answers(lines, '2026-07-04T23:59:59.999Z')).toEqual([0, null, '0/100'])
    expect(answers(lines, '2026-07-05T00:00:00.000Z')).toEqual([0, 0, '50/100'])
    expect(answers(lines, '2026-07-05T23:59:59.999Z')[1]).toBe(0)
    expect(answers(lines, '2026-07-06T00:00:00.000Z')[1]).toBe(1)
  })

  test('divides integers once', () => {
    const engine = openEngine(clientLoans)
    const lines = script([
      ['+', 'loan', 'l1', loan('3.00', 'active', june('01'))],
      ['+', 'payment', 'p1', payment('0.10', 'on_time', june('02'))],
      ['+', 'payment', 'p2', payment('0.20', 'on_time', june('03'))],
    ])
    feed(engine, clientLoans, lines)
    expect(engine.read('c1', Date.parse(T0)).values['profit_in_last_90_days.rate']).toBe(0.1)
  })

  test('counts a paid loan that is not issued yet, but not in the window', () => {
    expect(answers(script([['+', 'loan', 'l1', loan('5', 'paid', '2026-08-01T00:00:00Z')]]))).toEqual([1, null, '0/0'])
  })

  test('forgets nothing that a redelivery could bring back', () => {
    const lines = script([
      ['+', 'loan', 'l1', loan('500', 'paid', june('01'))],
      ['-', 'loan', 'l1'],
    ])
    expect(answers([...lines, ...lines.slice(0, 1)])).toEqual([0, null, '0/0'])
    const engine = openEngine(clientLoans)
    feed(engine, clientLoans, lines)
    expect(engine.statistics().tombstones).toBe(1)
    engine.acknowledge(engine.position())
    expect(engine.statistics()).toEqual({ rows: 0, entities: 0, waiting: 0, tombstones: 0 })
  })
})

test('a large client is right after each of many loans that come, change, move and go', () => {
  const { lines, changes } = clientOfManyLoans(400)
  const engine = openEngine(clientLoans, { manyRows: 3, tileRows: 3 })
  changes.forEach(({ event }, index) => {
    if (event) engine.apply([event])
    const asOf = BOOK_DAY + ((index % 5) - 2) * 30 * DAY
    const client = index % 4 === 0 ? '2' : '1'
    expect(engine.read(client, asOf)).toEqual(oracle(clientLoans, lines.slice(0, index + 1), client, asOf))
  })
})

function clientOfManyLoans(steps: number) {
  const random = randomOf(17)
  const whole = (below: number) => Math.floor(random() * below)
  const present = new Set<string>()
  const lines = Array.from({ length: steps }, (_, index): Line => {
    const at = new Date(BOOK_DAY - whole(200) * DAY).toISOString()
    const position = String(index + 1)
    if (whole(3) === 0) {
      const id = `p${whole(60)}`
      const row = { loan_id: `l${whole(24)}`, interest: `${whole(90)}.50`, status: 'late', paid_at: at }
      const known = present.has(id)
      present.add(id)
      return { position, table: 'payment', op: known ? 'update' : 'insert', key: { id }, row }
    }
    const id = `l${whole(24)}`
    if (present.has(id) && whole(3) === 0) {
      present.delete(id)
      return { position, table: 'loan', op: 'delete', key: { id } }
    }
    const row = { client_id: whole(5) === 0 ? '2' : '1', amount: `${whole(900)}.00`, status: 'paid', issued_at: at }
    const known = present.has(id)
    present.add(id)
    return { position, table: 'loan', op: known ? 'update' : 'insert', key: { id }, row }
  })
  const parsed = parseChangeLines(clientLoans, lines.map((line) => JSON.stringify(line)).join('\n'), 'lines')
  expect(parsed.problems).toEqual([])
  return { lines, changes: parsed.lines }
}
