/** A view that uses everything the language has: three levels, a composite key, currencies of 0 and 3 decimals, nulls. */
import * as f from '../../features/builder.ts'

const client = f.entity('client')

const account = f.table('account', {
  id: f.id(),
  client_id: f.id(),
  kind: f.text('retail', 'business'),
  limit: f.money('JPY', 0),
  opened_at: f.instant('UTC'),
})

const loan = f.table('loan', {
  id: f.id(),
  account_id: f.id(),
  amount: f.money('KWD', 3),
  status: f.text(),
  secured: f.bool(),
  term: f.integer(),
  issued_at: f.instant('UTC'),
})

const payment = f.table(
  'payment',
  {
    loan_id: f.id(),
    number: f.id(),
    interest: f.money('KWD', 3),
    status: f.text('on_time', 'late', 'reversed'),
    paid_at: f.instant('UTC'),
  },
  { key: ['loan_id', 'number'] },
)

export const portfolio = f.featureView('portfolio', {
  entity: client,
  owner: 'risk',
  version: 3,
  root: account.ownedBy(client, 'client_id'),
  children: { loan: loan.childOf(account, 'account_id'), payment: payment.childOf(loan, 'loan_id') },
  effective: { loan: 'issued_at', payment: 'paid_at' },
  features: ({ account, loan, payment, asOf }) => {
    const retail = account.where(account.kind.is('retail'))
    const big = loan.of(retail).where(loan.amount.atLeast('1500'), loan.secured.isNot(true))
    const recent = loan.within(f.days(2))
    return {
      accounts: f.count(account),
      limit: f.sum(account.limit),
      first_opened: f.min(account.opened_at),
      big_loans: f.count(big),
      statuses: f.distinct(loan.anytime().status),
      longest_term: f.max(loan.anytime().where(loan.term.atMost('50')).term),
      shortest_term: f.min(loan.where(loan.term.above('12'), loan.term.below('50')).term),
      last_status: f.last(loan.status),
      last_amount: f.last(loan.where(loan.status.isNotIn('cancelled', 'void')).amount),
      interest: f.sum(payment.of(loan.of(retail)).interest),
      days_since_late: f.elapsedDays(asOf, f.max(payment.where(payment.status.is('late')).paid_at)),
      recent_profit: f.ratio(f.sum(payment.where(payment.status.isNot('reversed')).of(recent).interest), f.sum(recent.amount), {
        whenZero: null,
      }),
      late_share: f.ratio(f.count(payment.where(payment.status.is('late')).within(f.hours(36))), f.count(payment), {
        whenZero: 0,
      }),
      unsecured_unknown: f.count(loan.where(loan.secured.isNull(), loan.term.isPresent())),
    }
  },
  nulls: {
    first_opened: 'no account',
    longest_term: 'no loan with a term',
    shortest_term: 'no short loan',
    last_status: 'no loan yet',
    last_amount: 'no loan yet',
    days_since_late: 'never late',
    recent_profit: 'no recent loan',
  },
})
