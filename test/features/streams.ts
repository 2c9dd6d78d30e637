/** Random logs of the portfolio tables, and deliveries of them as an at-least-once stream makes them. */
import fc from 'fast-check'
import type { Line } from './oracle.ts'

/** Time zero of the streams; windows of the view are 2 days and 36 hours. */
export const START = Date.UTC(2026, 5, 30, 12)
const HOUR = 3_600_000
/** Window edges of what happens at `START`, and a millisecond to either side. */
export const EDGES = [0, 36 * HOUR, 48 * HOUR, 24 * HOUR].flatMap((edge) => [edge - 1, edge, edge + 1].map((ms) => START + ms))

const instants = fc.constantFrom(
  ...[-1, 0, 1, -HOUR, 36 * HOUR, 36 * HOUR + 1, -48 * HOUR, 48 * HOUR].map((ms) => new Date(START + ms).toISOString()),
)
const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { freq: 9 })
const yen = fc.constantFrom('0', '100', '-7', '2', '9007199254740991', '9007199254740993')
const dinar = fc.constantFrom('0', '1.5', '1.500', '0.001', '-2.25', '9007199254740.993', '12')
const clients = orNull(fc.constantFrom('c1', 'c1', 'c2'))
const accounts = fc.constantFrom('a1', 'a2')
const loans = fc.constantFrom('l1', 'l2', 'l3')

const shapes = {
  account: {
    key: fc.record({ id: accounts }),
    row: {
      client_id: clients,
      kind: orNull(fc.constantFrom('retail', 'business')),
      limit: orNull(yen),
      opened_at: orNull(instants),
    },
  },
  loan: {
    key: fc.record({ id: loans }),
    row: {
      account_id: orNull(accounts),
      amount: orNull(dinar),
      status: orNull(fc.constantFrom('active', 'paid', 'void', 'cancelled')),
      secured: orNull(fc.boolean()),
      term: orNull(fc.constantFrom('12', '13', '49', '50', '9007199254740993')),
      issued_at: orNull(instants),
    },
  },
  payment: {
    key: fc.record({ loan_id: loans, number: fc.constantFrom('1', '2', '3') }),
    row: { interest: orNull(dinar), status: orNull(fc.constantFrom('on_time', 'late', 'reversed')), paid_at: orNull(instants) },
  },
} as const

type TableName = keyof typeof shapes
type Wish = {
  readonly table: TableName
  readonly op: 'insert' | 'update' | 'delete' | 'truncate' | 'rename'
  readonly key: Readonly<Record<string, string>>
  readonly to: Readonly<Record<string, string>>
  readonly full: Readonly<Record<string, unknown>>
  readonly part: Readonly<Record<string, unknown>>
}

const wish = fc.constantFrom<TableName>('account', 'loan', 'loan', 'payment', 'payment', 'payment').chain(
  (table): fc.Arbitrary<Wish> =>
    fc.record({
      table: fc.constant(table),
      op: fc.constantFrom<Wish['op'][]>(
        ...(['insert', 'insert', 'insert', 'update', 'update', 'update', 'delete', 'rename'] as const),
        'truncate',
      ),
      key: shapes[table].key as fc.Arbitrary<Record<string, string>>,
      to: shapes[table].key as fc.Arbitrary<Record<string, string>>,
      full: fc.record(shapes[table].row as Record<string, fc.Arbitrary<unknown>>),
      part: fc.record(shapes[table].row as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [] }),
    }),
)

/** A log that a database could have written: what a wish asks for and the tables forbid becomes what they allow. */
function logOf(wishes: readonly Wish[], { renames }: { readonly renames: boolean }): Line[] {
  const present = new Map<string, Set<string>>()
  return wishes.map(({ table, op, key, to, full, part }, index): Line => {
    const keys = present.get(table) ?? new Set()
    present.set(table, keys)
    const name = JSON.stringify(key)
    const head = {
      // Passes 10 and 2^53.
      position: String(index < 8 ? 7n + BigInt(index) : 9_007_199_254_740_980n + BigInt(index)),
      committed_at: new Date(START - HOUR + index * 1000).toISOString(),
      table,
    }
    if (op === 'truncate' && index % 2 === 0) {
      keys.clear()
      return { ...head, op: 'truncate' }
    }
    if (!keys.has(name)) {
      keys.add(name)
      return { ...head, op: 'insert', key, row: full }
    }
    if (op === 'delete') {
      keys.delete(name)
      return { ...head, op, key }
    }
    if (op === 'rename' && renames && !keys.has(JSON.stringify(to))) {
      keys.delete(name)
      keys.add(JSON.stringify(to))
      return { ...head, op: 'update', key: to, old_key: key, row: part }
    }
    return { ...head, op: 'update', key, row: part }
  })
}

/** In order, now and then from an earlier place again. */
export const redelivered: fc.Arbitrary<Line[]> = fc
  .tuple(
    fc.array(wish, { maxLength: 40, size: 'max' }),
    fc.array(fc.tuple(fc.nat(39), fc.nat(39), fc.nat(8)), { maxLength: 8, size: 'max' }),
  )
  .map(([wishes, repeats]) => {
    const log = logOf(wishes, { renames: true })
    const delivered: Line[] = []
    log.forEach((line, index) => {
      delivered.push(line)
      for (const [after, from, count] of repeats) {
        if (after === index) delivered.push(...log.slice(Math.min(from, index), Math.min(from + count, index + 1)))
      }
    })
    return delivered
  })

/** In any order, with repeats. A changed key needs the row it had, so there is none here. */
export const shuffled: fc.Arbitrary<Line[]> = fc
  .array(wish, { maxLength: 30, size: 'max' })
  .map((wishes) => logOf(wishes, { renames: false }))
  .chain((log) => fc.tuple(fc.shuffledSubarray(log, { minLength: log.length }), fc.subarray(log)))
  .map(([all, again]) => [...all, ...again])
