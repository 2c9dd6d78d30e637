/** What an analyst asks of the loan book in Snowflake, each question with PostgreSQL's own answer beside it. Pure. */

export type Question = {
  readonly title: string
  readonly snowflake: string
  /** The same rows in the same order, as texts. */
  readonly postgres: string
}

/** `loan`: one that was made while the book was followed. */
export const analystQuestions = (schema: string, loan: number): readonly Question[] => [
  {
    title: 'a join, months and exact amounts',
    snowflake: `SELECT c.region, TO_VARCHAR(DATE_TRUNC('month', l.issued_at), 'YYYY-MM') AS month, COUNT(*) AS loans, SUM(l.amount) AS amount
FROM ${schema}.loan l JOIN ${schema}.client c ON c.id = l.client_id
WHERE l.issued_at >= '2026-04-01' AND l.status IN ('active', 'overdue') AND c.region IS NOT NULL
GROUP BY c.region, month ORDER BY amount DESC, c.region LIMIT 5`,
    postgres: /* sql */ `select c.region, to_char(l.issued_at at time zone 'UTC', 'YYYY-MM') as month, count(*)::text, sum(l.amount)::text
from loan l join client c on c.id = l.client_id
where l.issued_at >= '2026-04-01 00:00:00+00' and l.status in ('active', 'overdue') and c.region is not null
group by c.region, month order by sum(l.amount) desc, c.region collate "C" limit 5`,
  },
  {
    title: 'paths into JSON',
    snowflake: `SELECT attributes:channel::VARCHAR AS channel, COUNT(*) AS clients, MAX(attributes:score::NUMBER) AS best, MIN(attributes:tags[0]::VARCHAR) AS tag
FROM ${schema}.client WHERE attributes:channel IS NOT NULL GROUP BY channel ORDER BY clients DESC, channel`,
    postgres: /* sql */ `select attributes->>'channel' as channel, count(*)::text, max((attributes->>'score')::int)::text, min((attributes->'tags'->>0) collate "C")
from client where attributes->'channel' is not null group by attributes->>'channel' order by count(*) desc, (attributes->>'channel') collate "C"`,
  },
  {
    title: 'dates and decimals',
    snowflake: `SELECT status, COUNT(*) AS payments, SUM(principal + interest) AS paid, MAX(DATEDIFF('day', due_date, TO_DATE(paid_at))) AS days_late
FROM ${schema}.payment WHERE paid_at IS NOT NULL GROUP BY status ORDER BY status`,
    postgres: /* sql */ `select status, count(*)::text, sum(principal + interest)::text, max((paid_at at time zone 'UTC')::date - due_date)::text
from payment where paid_at is not null group by status order by status collate "C"`,
  },
  {
    title: 'the newest rate of each currency',
    snowflake: `SELECT currency, TO_VARCHAR(day, 'YYYY-MM-DD') AS day, rate
FROM ${schema}.exchange_rate QUALIFY ROW_NUMBER() OVER (PARTITION BY currency ORDER BY day DESC) = 1 ORDER BY currency`,
    postgres: /* sql */ `select distinct on (currency) currency, day::text, rate::text from exchange_rate order by currency, day desc`,
  },
  {
    title: `what became of loan ${loan}: its newest state in the history is the row`,
    snowflake: `SELECT status, amount, TO_VARCHAR(due_date, 'YYYY-MM-DD') AS due
FROM ${schema}.loan_changes WHERE id = ${loan} QUALIFY ROW_NUMBER() OVER (ORDER BY _position DESC) = 1`,
    postgres: /* sql */ `select status::text, amount::text, due_date::text from loan where id = ${loan}`,
  },
]

/** The history itself, which PostgreSQL does not have. */
export const historyQuestion = (schema: string, loan: number): string =>
  `SELECT _op, status, due_date, _source_committed_at, _position FROM ${schema}.loan_changes WHERE id = ${loan} ORDER BY _position`
