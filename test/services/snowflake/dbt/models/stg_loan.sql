{{ config(materialized='view') }}
select id, client_id, amount, status, opened_on, updated_at
from {{ source('raw', 'loan') }}
