CREATE SCHEMA IF NOT EXISTS "RAW" COMMENT = 'External tables and views of Portage';

CREATE FILE FORMAT IF NOT EXISTS "RAW"."PORTAGE__LOANS__PARQUET" TYPE = PARQUET BINARY_AS_TEXT = FALSE NULL_IF = ();

CREATE FILE FORMAT IF NOT EXISTS "RAW"."PORTAGE__LOANS__ORC" TYPE = ORC NULL_IF = ();

CREATE STAGE IF NOT EXISTS "RAW"."PORTAGE__LOANS__LAKE" URL = 's3://bank/lake/' STORAGE_INTEGRATION = "LAKE" COMMENT = 'The lake of Portage''s integration "loans"';

ALTER STAGE "RAW"."PORTAGE__LOANS__LAKE" SET URL = 's3://bank/lake/' STORAGE_INTEGRATION = "LAKE";

GRANT USAGE ON SCHEMA "RAW" TO ROLE "ANALYST";

GRANT USAGE ON SCHEMA "RAW" TO ROLE "Data Team";

CREATE EXTERNAL TABLE IF NOT EXISTS "RAW"."LOAN__BASE_4" (
  "_OP" VARCHAR AS (value:"_op"::VARCHAR),
  "_POSITION" VARCHAR AS (value:"_position"::VARCHAR),
  "_SOURCE_COMMITTED_AT" TIMESTAMP_NTZ(6) AS ((CASE TYPEOF(value:"_source_committed_at")
  WHEN 'INTEGER'       THEN TO_TIMESTAMP_NTZ(value:"_source_committed_at"::NUMBER, 6)
  WHEN 'TIMESTAMP_NTZ' THEN value:"_source_committed_at"::TIMESTAMP_NTZ
  WHEN 'TIMESTAMP_LTZ' THEN CONVERT_TIMEZONE('UTC', value:"_source_committed_at"::TIMESTAMP_LTZ)::TIMESTAMP_NTZ
END)::TIMESTAMP_NTZ(6)),
  "_UNCHANGED" VARCHAR AS (value:"_unchanged"::VARCHAR),
  "ID" NUMBER(19,0) AS (value:"id"::NUMBER(19,0)),
  "STATUS" VARCHAR AS (value:"status"::VARCHAR),
  "AMOUNT" NUMBER(12,2) AS (value:"amount"::NUMBER(12,2)),
  "DOC" VARCHAR AS (value:"doc"::VARCHAR),
  "VALUE__1" TIMESTAMP_NTZ(6) AS ((CASE TYPEOF(value:"value")
  WHEN 'INTEGER'       THEN TO_TIMESTAMP_NTZ(value:"value"::NUMBER, 6)
  WHEN 'TIMESTAMP_NTZ' THEN value:"value"::TIMESTAMP_NTZ
  WHEN 'TIMESTAMP_LTZ' THEN CONVERT_TIMEZONE('UTC', value:"value"::TIMESTAMP_LTZ)::TIMESTAMP_NTZ
END)::TIMESTAMP_NTZ(6))
)
LOCATION = @"RAW"."PORTAGE__LOANS__LAKE"/raw/loans/public.loan/base/
REFRESH_ON_CREATE = FALSE
AUTO_REFRESH = FALSE
FILE_FORMAT = (FORMAT_NAME = '"RAW"."PORTAGE__LOANS__PARQUET"')
COMMENT = 'Files of public.loan, registered one by one; never refresh it. {"portage":1,"integration":"loans","table":"public.loan","commit":4}';

CREATE EXTERNAL TABLE IF NOT EXISTS "RAW"."LOAN__CHANGES_4" (
  "_OP" VARCHAR AS (value:"_op"::VARCHAR),
  "_POSITION" VARCHAR AS (value:"_position"::VARCHAR),
  "_SOURCE_COMMITTED_AT" TIMESTAMP_NTZ(6) AS ((CASE TYPEOF(value:"_source_committed_at")
  WHEN 'INTEGER'       THEN TO_TIMESTAMP_NTZ(value:"_source_committed_at"::NUMBER, 6)
  WHEN 'TIMESTAMP_NTZ' THEN value:"_source_committed_at"::TIMESTAMP_NTZ
  WHEN 'TIMESTAMP_LTZ' THEN CONVERT_TIMEZONE('UTC', value:"_source_committed_at"::TIMESTAMP_LTZ)::TIMESTAMP_NTZ
END)::TIMESTAMP_NTZ(6)),
  "_UNCHANGED" VARCHAR AS (value:"_unchanged"::VARCHAR),
  "ID" NUMBER(19,0) AS (value:"id"::NUMBER(19,0)),
  "STATUS" VARCHAR AS (value:"status"::VARCHAR),
  "AMOUNT" NUMBER(12,2) AS (value:"amount"::NUMBER(12,2)),
  "DOC" VARCHAR AS (value:"doc"::VARCHAR),
  "VALUE__1" TIMESTAMP_NTZ(6) AS ((CASE TYPEOF(value:"value")
  WHEN 'INTEGER'       THEN TO_TIMESTAMP_NTZ(value:"value"::NUMBER, 6)
  WHEN 'TIMESTAMP_NTZ' THEN value:"value"::TIMESTAMP_NTZ
  WHEN 'TIMESTAMP_LTZ' THEN CONVERT_TIMEZONE('UTC', value:"value"::TIMESTAMP_LTZ)::TIMESTAMP_NTZ
END)::TIMESTAMP_NTZ(6)),
  "__DATE" DATE AS (TO_DATE(SUBSTR(SPLIT_PART(METADATA$FILENAME, '/changes/date=', 2), 1, 10), 'YYYY-MM-DD'))
)
PARTITION BY ("__DATE")
LOCATION = @"RAW"."PORTAGE__LOANS__LAKE"/raw/loans/public.loan/changes/
REFRESH_ON_CREATE = FALSE
AUTO_REFRESH = FALSE
FILE_FORMAT = (FORMAT_NAME = '"RAW"."PORTAGE__LOANS__PARQUET"')
COMMENT = 'Files of public.loan, registered one by one; never refresh it. {"portage":1,"integration":"loans","table":"public.loan","commit":4}';

ALTER EXTERNAL TABLE "RAW"."LOAN__BASE_4" ADD FILES ('00000000000000000002-r1/part-00000.parquet');

SELECT METADATA$FILENAME AS "FILE", COUNT(*) AS "ROWS", COUNT("_OP") AS "C0", COUNT("_POSITION") AS "C1", COUNT("_SOURCE_COMMITTED_AT") AS "C2", COUNT("_UNCHANGED") AS "C3", COUNT("ID") AS "C4", COUNT("STATUS") AS "C5", COUNT("AMOUNT") AS "C6", COUNT("DOC") AS "C7", COUNT("VALUE__1") AS "C8"
FROM "RAW"."LOAN__BASE_4"
WHERE METADATA$FILENAME IN ('lake/raw/loans/public.loan/base/00000000000000000002-r1/part-00000.parquet')
GROUP BY METADATA$FILENAME;

ALTER EXTERNAL TABLE "RAW"."LOAN__CHANGES_4" ADD FILES ('date=2026-01-01/00000000000000000003-r1.parquet');

SELECT METADATA$FILENAME AS "FILE", COUNT(*) AS "ROWS", COUNT("_OP") AS "C0", COUNT("_POSITION") AS "C1", COUNT("_SOURCE_COMMITTED_AT") AS "C2", COUNT("_UNCHANGED") AS "C3", COUNT("ID") AS "C4", COUNT("STATUS") AS "C5", COUNT("AMOUNT") AS "C6", COUNT("DOC") AS "C7", COUNT("VALUE__1") AS "C8"
FROM "RAW"."LOAN__CHANGES_4"
WHERE METADATA$FILENAME IN ('lake/raw/loans/public.loan/changes/date=2026-01-01/00000000000000000003-r1.parquet')
AND "__DATE" IN ('2026-01-01'::DATE)
GROUP BY METADATA$FILENAME;

CREATE OR REPLACE VIEW "RAW"."LOAN__CURRENT" COMMENT = 'Rules of public.loan; select from loan instead. {"portage":1,"integration":"loans","table":"public.loan"}' AS
select
  "ID" as "ID",
  "STATUS" as "STATUS",
  "AMOUNT" as "AMOUNT",
  "DOC" as "DOC",
  case when "_POSITION" < '0001-0000000000000005-00000000' and "_OP" not in ('d', 't') then CAST('2020-01-01 00:00:00.000000' AS TIMESTAMP_NTZ(6)) else "VALUE" end as "VALUE"
from (
  select b."_OP", b."_POSITION", b."ID", b."STATUS", b."AMOUNT", b."DOC", b."VALUE"
  from (SELECT "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE__1" AS "VALUE" FROM "RAW"."LOAN__BASE_4") b
  left join (
    select distinct "ID" as "_KEY_0", 1 as "_HIT"
    from (SELECT "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE__1" AS "VALUE" FROM "RAW"."LOAN__CHANGES_4") s
    where "_POSITION" > '0001-0000000000000010-00000000' and "_OP" <> 't'
  ) k on b."ID" is not distinct from k."_KEY_0"
  cross join (
    select max("_POSITION") as "_FLOOR"
    from (SELECT "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE__1" AS "VALUE" FROM "RAW"."LOAN__CHANGES_4") s
    where "_POSITION" > '0001-0000000000000010-00000000' and "_OP" = 't'
  ) f
  where k."_HIT" is null and f."_FLOOR" is null
  union all
  select "_OP", "_POSITION", "ID", "STATUS", "AMOUNT", "DOC", "VALUE"
  from (
    select c."_OP", c."_POSITION", c."ID", c."STATUS", c."AMOUNT", c."DOC", c."VALUE", row_number() over (partition by c."ID" order by c."_POSITION" desc) as "_RANK"
    from (
      select "_OP", "_POSITION", "ID", "STATUS", "AMOUNT", "DOC", "VALUE"
      from (SELECT "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE__1" AS "VALUE" FROM "RAW"."LOAN__CHANGES_4") s
      where "_POSITION" > '0001-0000000000000010-00000000' and "_OP" <> 't'
    ) c
    cross join (
      select max("_POSITION") as "_FLOOR"
      from (SELECT "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE__1" AS "VALUE" FROM "RAW"."LOAN__CHANGES_4") s
      where "_POSITION" > '0001-0000000000000010-00000000' and "_OP" = 't'
    ) f
    where (f."_FLOOR" is null or c."_POSITION" > f."_FLOOR")
  ) l
  where "_RANK" = 1 and "_OP" <> 'd'
) r;

CREATE OR REPLACE VIEW "RAW"."LOAN__HISTORY" COMMENT = 'Rules of public.loan; select from loan instead. {"portage":1,"integration":"loans","table":"public.loan"}' AS
select
  "_OP",
  "_POSITION",
  "_SOURCE_COMMITTED_AT" as "_SOURCE_COMMITTED_AT",
  "_UNCHANGED",
  "ID" as "ID",
  "STATUS" as "STATUS",
  "AMOUNT" as "AMOUNT",
  "DOC" as "DOC",
  case when "_POSITION" < '0001-0000000000000005-00000000' and "_OP" not in ('d', 't') then CAST('2020-01-01 00:00:00.000000' AS TIMESTAMP_NTZ(6)) else "VALUE" end as "VALUE"
from (
  select "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE"
  from (SELECT "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE__1" AS "VALUE" FROM "RAW"."LOAN__BASE_4") s
  union all
  select "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE"
  from (SELECT "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", "DOC", "VALUE__1" AS "VALUE" FROM "RAW"."LOAN__CHANGES_4") s
) h;

CREATE VIEW "RAW"."LOAN" (
  "ID",
  "STATUS" COMMENT 'the loan''s state',
  "AMOUNT",
  "DOC",
  "VALUE"
)
COMMENT = 'Loans of clients {"portage":1,"integration":"loans","table":"public.loan","version":3,"relation":"loan"}'
AS SELECT "ID", "STATUS", "AMOUNT", COALESCE(TRY_PARSE_JSON("DOC"), TO_VARIANT("DOC")) AS "DOC", "VALUE" FROM "RAW"."LOAN__CURRENT";

GRANT SELECT ON VIEW "RAW"."LOAN" TO ROLE "ANALYST";

CREATE VIEW "RAW"."LOAN_CHANGES" (
  "_OP",
  "_POSITION",
  "_SOURCE_COMMITTED_AT",
  "_UNCHANGED",
  "ID",
  "STATUS" COMMENT 'the loan''s state',
  "AMOUNT",
  "DOC",
  "VALUE"
)
COMMENT = 'Every change to rows of public.loan. {"portage":1,"integration":"loans","table":"public.loan","version":3,"relation":"loan"}'
AS SELECT "_OP", "_POSITION", "_SOURCE_COMMITTED_AT", "_UNCHANGED", "ID", "STATUS", "AMOUNT", COALESCE(TRY_PARSE_JSON("DOC"), TO_VARIANT("DOC")) AS "DOC", "VALUE" FROM "RAW"."LOAN__HISTORY";

GRANT SELECT ON VIEW "RAW"."LOAN_CHANGES" TO ROLE "ANALYST";
