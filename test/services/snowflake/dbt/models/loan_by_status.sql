{{ config(materialized='table') }}
select s.status, s.label, count(l.id) as loans, coalesce(sum(l.amount), 0)::number(18,2) as amount
from {{ ref('loan_status') }} s
left join {{ ref('stg_loan') }} l on l.status = s.status
group by s.status, s.label
