import { describe, expect, test } from 'vitest'
import * as f from '../../features/builder.ts'
import { canonicalJson, definitionHash } from '../../features/canonical.ts'
import type { FeatureView } from '../../features/definition.ts'
import { DefinitionError, loadView } from '../../features/load-view.ts'
import { clientLoans } from '../../features/views/client-loans.ts'
import { memberRisk } from '../../features/views/member-risk.ts'
import { portfolio } from './portfolio-view.ts'

const VIEWS = [clientLoans, memberRisk, portfolio]

describe('the canonical JSON', () => {
  test.each(VIEWS)('of $name is a definition again, with the same hash', (view) => {
    const again = loadView(JSON.parse(canonicalJson(view)))
    expect(again).toEqual(view)
    expect(definitionHash(again)).toBe(definitionHash(view))
  })

  test('does not depend on the order in which members were written', () => {
    const turned = Object.fromEntries(Object.entries(clientLoans).toReversed()) as unknown as FeatureView
    expect(definitionHash(turned)).toBe(definitionHash(clientLoans))
    expect(canonicalJson({ b: [1, { d: null, c: 'ü"' }], a: true })).toBe('{"a":true,"b":[1,{"c":"ü\\"","d":null}]}')
  })

  test('of the loan view is what it was: a changed hash is another version', async () => {
    await expect(`${JSON.stringify(JSON.parse(canonicalJson(clientLoans)), null, 2)}\n`).toMatchFileSnapshot(
      '../golden/features/client_loans.json',
    )
    expect(definitionHash(clientLoans)).toBe('d83565c693ec80607465edd6dded90d2d094dc300b321769d16d5e0c712ce366')
  })
})

type Json = { [key: string]: Json } & Json[]

/** The loan view with one thing changed. */
function changed(change: (view: Json) => void): unknown {
  const copy = JSON.parse(canonicalJson(clientLoans)) as Json
  change(copy)
  return copy
}

const at = (view: Json, ...path: (string | number)[]): Json =>
  path.reduce<Json>((found, key) => found[key as string] as Json, view)
const set = (path: readonly (string | number)[], value: unknown) => (view: Json) => {
  const target = at(view, ...path.slice(0, -1)) as unknown as Record<string | number, unknown>
  target[path.at(-1) ?? ''] = value
}

describe('a definition is refused', () => {
  test.each<[string, (view: Json) => void, string]>([
    ['of another format', set(['format'], 'x'), 'format: '],
    ['with a member that nobody knows', set(['colour'], 'red'), 'view: Unrecognized key: "colour"'],
    ['with a name that is no identifier', set(['name'], 'a b'), 'name: expected a name of letters, digits and _'],
    [
      'with a column that is not there',
      set(['features', 0, 'value', 'of', 'where', 0, 'column'], 'state'),
      'features.paid_loans.count: source "loan" has no column "state"',
    ],
    [
      'with a status that never occurs',
      set(['features', 0, 'value', 'of', 'where', 0, 'values'], ['payd']),
      '"loan.status" is never "payd"',
    ],
    [
      'with a sum of text',
      set(['features', 2, 'value', 'ratio', 'denominator', 'column'], 'status'),
      'denominator: sum of text: expected integer, money',
    ],
    [
      'with two currencies in a ratio',
      set(['sources', 'loan', 'columns', 'amount', 'currency'], 'USD'),
      'a ratio needs one unit, found money(EUR,2) and money(USD,2)',
    ],
    ['with two scales of a currency', set(['sources', 'loan', 'columns', 'amount', 'scale'], 3), 'a ratio needs one unit'],
    [
      'with elapsed days since an amount',
      set(['features', 1, 'value', 'elapsedDays', 'since', 'column'], 'interest'),
      'elapsed days need an instant',
    ],
    [
      'with a window over rows without a time',
      set(['sources', 'loan', 'effective'], null),
      'has no effective time: a window needs one',
    ],
    ['with a window of nothing', set(['features', 0, 'value', 'of', 'withinMs'], 0), 'features.0.value'],
    [
      'with a restriction to rows that are no parents',
      set(['features', 0, 'value', 'of', 'of'], { rows: 'payment', where: [], happened: false, withinMs: null, of: null }),
      'that is not their parent',
    ],
    ['with a key that is no id', set(['sources', 'loan', 'key'], ['amount']), 'key column "amount" must be a column of kind id'],
    ['with a link that is no id', set(['sources', 'payment', 'link'], 'paid_at'), 'link "paid_at" must be a column of kind id'],
    ['with a parent that is not there', set(['sources', 'payment', 'parent'], 'lone'), 'parent "lone" is not a source'],
    ['with a circle', set(['sources', 'loan', 'parent'], 'payment'), 'is its own ancestor'],
    ['with a table twice', set(['sources', 'payment', 'table'], 'loan'), 'is already the table of source "loan"'],
    [
      'with a zone that has no fixed offset',
      set(['sources', 'loan', 'columns', 'issued_at', 'zone'], 'Europe/Riga'),
      'expected UTC or an offset',
    ],
    ['with an unexplained null', set(['nulls'], {}), 'can be null: say in `nulls` what null means'],
    ['with an explained value', set(['nulls', 'paid_loans.count'], 'none'), 'is never null'],
    ['with a feature twice', set(['features', 1, 'name'], 'paid_loans.count'), 'is defined twice'],
  ])('%s', (_, change, problem) => {
    expect(() => loadView(changed(change))).toThrow(DefinitionError)
    expect(() => loadView(changed(change))).toThrow(problem)
  })

  test('with all problems at once', () => {
    const two = changed((view) => {
      set(['sources', 'loan', 'link'], 'amount')(view)
      set(['sources', 'payment', 'effective'], 'status')(view)
    })
    expect(() => loadView(two)).toThrow(/has 2 problems/)
  })
})

const loan = f.table('loan', {
  id: f.id(),
  client_id: f.id(),
  amount: f.money('EUR', 2),
  dollars: f.money('USD', 2),
  status: f.text('active', 'paid'),
  issued_at: f.instant('UTC'),
  term: f.integer(),
})
const payment = f.table('payment', { id: f.id(), loan_id: f.id(), interest: f.money('EUR', 2), paid_at: f.instant('UTC') })
const client = f.entity('client')

test('what is wrong with columns and types does not compile', () => {
  const view = {
    entity: client,
    owner: 'risk',
    version: 1,
    root: loan.ownedBy(client, 'client_id'),
    children: { payment: payment.childOf(loan, 'loan_id') },
    effective: { loan: 'issued_at' },
  } as const
  const refused = (
    features: Parameters<typeof f.featureView<typeof view.root, typeof view.children, Record<string, never>>>[1]['features'],
  ) => features
  refused(({ loan, payment, asOf }) => {
    // @ts-expect-error there is no such column
    loan.amonut
    // @ts-expect-error text cannot be added up
    f.sum(loan.status)
    // @ts-expect-error the status is never that
    loan.status.is('payd')
    // @ts-expect-error a status is not true or false
    loan.status.is(true)
    // @ts-expect-error text has no order
    loan.status.atLeast('active')
    // @ts-expect-error euros by dollars
    f.ratio(f.sum(loan.amount), f.sum(loan.dollars), { whenZero: null })
    // @ts-expect-error euros by a count
    f.ratio(f.sum(loan.amount), f.count(loan), { whenZero: null })
    // @ts-expect-error a maximum is not a part of anything
    f.ratio(f.max(loan.amount), f.sum(loan.amount), { whenZero: null })
    // @ts-expect-error days since an amount
    f.elapsedDays(asOf, f.max(loan.amount))
    // @ts-expect-error loans are not children of payments
    loan.of(payment)
    // @ts-expect-error one must say what a division by zero is
    f.ratio(f.sum(payment.interest), f.sum(loan.amount))
    return {}
  })
  // @ts-expect-error an amount names no client
  loan.ownedBy(client, 'amount')
  // @ts-expect-error there is no such column
  payment.childOf(loan, 'lone_id')
  // @ts-expect-error a key is an id
  f.table('t', { a: f.text() }, { key: ['a'] })
  const timed = { ...view, features: ({ loan }: { loan: Parameters<typeof f.count>[0] }) => ({ n: f.count(loan) }) }
  const wrong = { loan: 'issued_at', payment: 'interest' } as const
  // @ts-expect-error the effective time is an instant
  expect(() => f.featureView('v', { ...timed, effective: wrong })).toThrow(
    'effective "interest" must be a column of kind instant',
  )
  expect(f.featureView('v', timed).features).toHaveLength(1)
})
