/**
 * What an insurer's risk desk asks about a member. Visits and transactions belong to the member independently of each other:
 * neither multiplies the other.
 */
import {
  bool,
  count,
  days,
  distinct,
  elapsedDays,
  entity,
  featureView,
  id,
  instant,
  integer,
  last,
  max,
  money,
  ratio,
  sum,
  table,
  text,
} from '../builder.ts'

const member = entity('member', 'members')

const visits = table(
  'visits',
  {
    visit_id: id(),
    member_id: id(),
    date: instant('UTC'),
    diagnosis: text(),
    billed_amt: integer(),
    paid_amt: integer(),
    is_emergency: bool(),
    claim_status: text(),
  },
  { key: ['visit_id'] },
)

const transactions = table(
  'transactions',
  {
    txn_id: id(),
    member_id: id(),
    txn_date: instant('UTC'),
    category: text(),
    amount: money('USD', 2),
    is_international: bool(),
  },
  { key: ['txn_id'] },
)

export const memberRisk = featureView('member_risk', {
  entity: member,
  owner: 'risk',
  version: 1,
  root: visits.ownedBy(member, 'member_id'),
  children: { transactions: transactions.ownedBy(member, 'member_id') },
  effective: { visits: 'date', transactions: 'txn_date' },
  features: ({ visits, transactions, asOf }) => {
    const visited = visits.happened()
    const spent90 = transactions.within(days(90))
    return {
      'visits.count': count(visited),
      'emergency_visits_in_last_365_days.count': count(visits.where(visits.is_emergency.is(true)).within(days(365))),
      'diagnoses.count': distinct(visited.diagnosis),
      'days_since_last_visit.count': elapsedDays(asOf, max(visited.date)),
      'last_claim.status': last(visits.claim_status),
      'claims_paid.rate': ratio(sum(visited.paid_amt), sum(visited.billed_amt), { whenZero: null }),
      'spend_in_last_90_days.amount': sum(spent90.amount),
      'international_spend_in_last_90_days.rate': ratio(
        sum(spent90.where(spent90.is_international.is(true)).amount),
        sum(spent90.amount),
        { whenZero: null },
      ),
    }
  },
  nulls: {
    'days_since_last_visit.count': 'no visit yet',
    'last_claim.status': 'no visit yet',
    'claims_paid.rate': 'nothing billed',
    'international_spend_in_last_90_days.rate': 'nothing spent in window',
  },
})
