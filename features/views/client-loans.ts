/** The loan example: what a lender asks about a client before deciding. */
import { count, days, elapsedDays, entity, featureView, id, instant, max, money, ratio, sum, table, text } from '../builder.ts'

const client = entity('client')

const loan = table('loan', {
  id: id(),
  client_id: id(),
  amount: money('EUR', 2),
  status: text('application', 'active', 'paid', 'overdue', 'defaulted', 'cancelled'),
  issued_at: instant('UTC'),
})

const payment = table('payment', {
  id: id(),
  loan_id: id(),
  interest: money('EUR', 2),
  status: text('on_time', 'late', 'reversed'),
  paid_at: instant('UTC'),
})

export const clientLoans = featureView('client_loans', {
  entity: client,
  owner: 'risk',
  version: 1,
  root: loan.ownedBy(client, 'client_id'),
  children: { payment: payment.childOf(loan, 'loan_id') },
  effective: { loan: 'issued_at', payment: 'paid_at' },
  features: ({ loan, payment, asOf }) => {
    const received = payment.where(payment.status.isNot('reversed'))
    const issued90 = loan.where(loan.status.isIn('active', 'paid', 'overdue', 'defaulted')).within(days(90))
    return {
      'paid_loans.count': count(loan.where(loan.status.is('paid'))),
      'days_since_last_late_payment.count': elapsedDays(asOf, max(payment.where(payment.status.is('late')).paid_at)),
      'profit_in_last_90_days.rate': ratio(sum(received.of(issued90).interest), sum(issued90.amount), { whenZero: null }),
    }
  },
  nulls: {
    'days_since_last_late_payment.count': 'never late',
    'profit_in_last_90_days.rate': 'no issued loans in window',
  },
})
