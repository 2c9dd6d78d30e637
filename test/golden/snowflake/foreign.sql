-- a table without partitions

CREATE EXTERNAL TABLE "DB"."RAW"."VISITS" (
  "ID" NUMBER(19,0) AS (value:"id"::NUMBER(19,0)),
  "FLAG" BOOLEAN AS (value:"flag"::BOOLEAN),
  "SMALL" NUMBER(5,0) AS (value:"small"::NUMBER(5,0)),
  "AMOUNT" NUMBER(12,2) AS (value:"amount"::NUMBER(12,2)),
  "SHARE" VARCHAR AS (value:"share"::VARCHAR),
  "RATIO" FLOAT AS (value:"ratio"::FLOAT),
  "LABEL" VARCHAR AS (value:"label"::VARCHAR),
  "BYTES" BINARY AS (TO_BINARY(value:"bytes"::VARCHAR, 'HEX')),
  "DAY" DATE AS (value:"day"::DATE),
  "SEEN" TIMESTAMP_NTZ(6) AS ((CASE TYPEOF(value:"seen")
  WHEN 'INTEGER'       THEN TO_TIMESTAMP_NTZ(value:"seen"::NUMBER, 6)
  WHEN 'TIMESTAMP_NTZ' THEN value:"seen"::TIMESTAMP_NTZ
  WHEN 'TIMESTAMP_LTZ' THEN CONVERT_TIMEZONE('UTC', value:"seen"::TIMESTAMP_LTZ)::TIMESTAMP_NTZ
END)::TIMESTAMP_NTZ(6)),
  "TAGS" VARIANT AS (value:"tags"::VARIANT)
)
LOCATION = @"DB"."RAW"."LAKE"/
REFRESH_ON_CREATE = FALSE
AUTO_REFRESH = FALSE
FILE_FORMAT = (FORMAT_NAME = "DB"."RAW"."ORC")
COMMENT = '{"linked":"Table \\"raw.visits\\" of connection \\"hive\\"","format":"orc","stage":"s3://bucket/","partitionBy":[],"columns":{"ID":"f74b13c8957c","FLAG":"3ab42a612cc0","SMALL":"62bfa2825abc","AMOUNT":"db536ad91ae3","SHARE":"951f4c13200f","RATIO":"bb0611b980d5","LABEL":"4f949e50e8c4","BYTES":"e2c25a2e5814","DAY":"451b9b29711e","SEEN":"33b4290aec0b","TAGS":"062d7a8bd767"}}';

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" ADD FILES ('visits/000000_0', 'visits/odd''name');

-- the same, with a file written again, one gone, one new, and other columns

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "ID";

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "AMOUNT";

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "SHARE";

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "RATIO";

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "LABEL";

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "BYTES";

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "DAY";

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "SEEN";

ALTER TABLE "DB"."RAW"."VISITS" DROP COLUMN "TAGS";

ALTER TABLE "DB"."RAW"."VISITS" ADD COLUMN "AMOUNT" NUMBER(14,2) AS (value:"amount"::NUMBER(14,2));

ALTER TABLE "DB"."RAW"."VISITS" ADD COLUMN "FRESH" VARCHAR AS (value:"fresh"::VARCHAR);

COMMENT ON TABLE "DB"."RAW"."VISITS" IS '{"linked":"Table \\"raw.visits\\" of connection \\"hive\\"","format":"orc","stage":"s3://bucket/","partitionBy":[],"columns":{"FLAG":"3ab42a612cc0","SMALL":"62bfa2825abc","AMOUNT":"648cf2235fcb","FRESH":"f993cc240800"}}';

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" ADD FILES ('visits/000000_0', 'visits/000001_0');

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" REMOVE FILES ('visits/odd''name');

-- files whose columns have other names, or none

CREATE EXTERNAL TABLE "DB"."RAW"."VISITS" (
  "ID" NUMBER(19,0) AS (COALESCE(value:"_col0", value:"id", value:"ID")::NUMBER(19,0)),
  "FLAG" BOOLEAN AS (COALESCE(value:"_col1", value:"flag")::BOOLEAN)
)
LOCATION = @"DB"."RAW"."LAKE"/
REFRESH_ON_CREATE = FALSE
AUTO_REFRESH = FALSE
FILE_FORMAT = (FORMAT_NAME = "DB"."RAW"."ORC")
COMMENT = '{"linked":"Table \\"raw.visits\\" of connection \\"hive\\"","format":"orc","stage":"s3://bucket/","partitionBy":[],"columns":{"ID":"2a556b924909","FLAG":"d857ef6cedd6"}}';

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" ADD FILES ('visits/a', 'visits/b', 'visits/c');

-- partitions

CREATE EXTERNAL TABLE "DB"."RAW"."VISITS" (
  "DT" DATE AS (NULLIF(PARSE_JSON(METADATA$EXTERNAL_TABLE_PARTITION):"DT"::VARCHAR, '__HIVE_DEFAULT_PARTITION__')::DATE),
  "HOUR" NUMBER(10,0) AS (NULLIF(PARSE_JSON(METADATA$EXTERNAL_TABLE_PARTITION):"HOUR"::VARCHAR, '__HIVE_DEFAULT_PARTITION__')::NUMBER(10,0)),
  "ID" NUMBER(19,0) AS (value:"id"::NUMBER(19,0)),
  "FLAG" BOOLEAN AS (value:"flag"::BOOLEAN)
)
PARTITION BY ("DT", "HOUR")
LOCATION = @"DB"."RAW"."LAKE"/
PARTITION_TYPE = USER_SPECIFIED
REFRESH_ON_CREATE = FALSE
AUTO_REFRESH = FALSE
PATTERN = '(.*/)?[^_./][^/]*'
FILE_FORMAT = (FORMAT_NAME = "DB"."RAW"."ORC")
COMMENT = '{"linked":"Table \\"raw.visits\\" of connection \\"hive\\"","format":"orc","stage":"s3://bucket/","partitionBy":["DT","HOUR"],"columns":{"DT":"bb939006e1d5","HOUR":"e80d47c5bd00","ID":"f74b13c8957c","FLAG":"3ab42a612cc0"}}';

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" ADD PARTITION ("DT" = '2026-01-01', "HOUR" = '1') LOCATION 'visits/dt=2026-01-01/hour=1/';

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" ADD PARTITION ("DT" = 'it''s \\ é', "HOUR" = '__HIVE_DEFAULT_PARTITION__') LOCATION 'visits/dt=2026-01-02/hour=__HIVE_DEFAULT_PARTITION__/';

-- the same, with a file more, a partition gone and one new

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" ADD PARTITION ("DT" = '2026-01-01', "HOUR" = '1') LOCATION 'visits/dt=2026-01-01/hour=1/';

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" ADD PARTITION ("DT" = '2026-01-03', "HOUR" = '0') LOCATION 'visits/dt=2026-01-03/hour=0/';

ALTER EXTERNAL TABLE "DB"."RAW"."VISITS" DROP PARTITION LOCATION 'visits/dt=2026-01-02/hour=__HIVE_DEFAULT_PARTITION__/';
