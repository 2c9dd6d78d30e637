-- the first registration

SHOW DATABASES

SHOW DATABASES

CREATE DATABASE IF NOT EXISTS `raw`

CREATE VIEW IF NOT EXISTS `raw`.`portage_ledger__loans` TBLPROPERTIES ('portage.integration'='6c6f616e73') AS SELECT 'its properties are what Portage registered here' AS `about`

CREATE EXTERNAL TABLE IF NOT EXISTS `raw`.`portage_files__loan__1` (
  `_op` STRING,
  `_position` STRING,
  `_source_committed_at` TIMESTAMP,
  `_unchanged` STRING,
  `id` BIGINT,
  `status` STRING
)
PARTITIONED BY (`portage_directory` STRING)
STORED AS PARQUET
LOCATION 'file:///lake/raw/loans/public.loan/hive/hive.raw'
TBLPROPERTIES ('external.table.purge'='false', 'discover.partitions'='false', 'portage.integration'='6c6f616e73')

ALTER TABLE `raw`.`portage_files__loan__1` ADD IF NOT EXISTS
  PARTITION (`portage_directory`='base-4-########') LOCATION 'file:///lake/raw/loans/public.loan/hive/hive.raw/base-4-########'
  PARTITION (`portage_directory`='changes-4-########') LOCATION 'file:///lake/raw/loans/public.loan/hive/hive.raw/changes-4-########'

DESCRIBE FORMATTED `raw`.`portage_files__loan__1` PARTITION (`portage_directory`='base-4-########')

DESCRIBE FORMATTED `raw`.`portage_files__loan__1` PARTITION (`portage_directory`='changes-4-########')

SELECT 'loan' AS `relation`, `portage_directory` AS `directory`, COUNT(*) AS `row_count` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('base-4-########', 'changes-4-########') GROUP BY `portage_directory`

CREATE EXTERNAL TABLE IF NOT EXISTS `raw`.`portage_files__visit__1` (
  `_op` STRING,
  `_position` STRING,
  `_source_committed_at` TIMESTAMP,
  `_unchanged` STRING,
  `id` BIGINT,
  `status` STRING
)
PARTITIONED BY (`portage_directory` STRING)
STORED AS PARQUET
LOCATION 'file:///lake/raw/loans/public.Visit/hive/hive.raw'
TBLPROPERTIES ('external.table.purge'='false', 'discover.partitions'='false', 'portage.integration'='6c6f616e73')

ALTER TABLE `raw`.`portage_files__visit__1` ADD IF NOT EXISTS
  PARTITION (`portage_directory`='base-4-########') LOCATION 'file:///lake/raw/loans/public.Visit/hive/hive.raw/base-4-########'

DESCRIBE FORMATTED `raw`.`portage_files__visit__1` PARTITION (`portage_directory`='base-4-########')

SELECT 'Visit' AS `relation`, `portage_directory` AS `directory`, COUNT(*) AS `row_count` FROM `raw`.`portage_files__visit__1` WHERE `portage_directory` IN ('base-4-########') GROUP BY `portage_directory`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

CREATE VIEW `raw`.`loan_changes` (`_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` COMMENT 'it\'s \\ where\u000athe loan `is`') TBLPROPERTIES ('portage.integration'='6c6f616e73') AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('base-4-########')) s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`
  from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########')) s
) h

CREATE VIEW `raw`.`loan` (`id`, `status` COMMENT 'it\'s \\ where\u000athe loan `is`') TBLPROPERTIES ('portage.integration'='6c6f616e73') AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('base-4-########')) b
  left join (
    select distinct `id` as `_key_0`, 1 as `_hit`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########')) s
    where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
  ) k on b.`id` <=> k.`_key_0`
  cross join (
    select max(`_position`) as `_floor`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########')) s
    where `_position` > '0001-0000000000000010-########' and `_op` = 't'
  ) f
  where k.`_hit` is null and f.`_floor` is null
  union all
  select `_op`, `_position`, `id`, `status`
  from (
    select c.`_op`, c.`_position`, c.`id`, c.`status`, row_number() over (partition by c.`id` order by c.`_position` desc) as `_rank`
    from (
      select `_op`, `_position`, `id`, `status`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########')) s
      where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
    ) c
    cross join (
      select max(`_position`) as `_floor`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########')) s
      where `_position` > '0001-0000000000000010-########' and `_op` = 't'
    ) f
    where (f.`_floor` is null or c.`_position` > f.`_floor`)
  ) l
  where `_rank` = 1 and `_op` <> 'd'
) r

CREATE VIEW `raw`.`visit_changes` (`_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` COMMENT 'it\'s \\ where\u000athe loan `is`') TBLPROPERTIES ('portage.integration'='6c6f616e73') AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__visit__1` WHERE `portage_directory` IN ('base-4-########')) s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`
  from (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS STRING) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
) h

CREATE VIEW `raw`.`visit` (`id`, `status` COMMENT 'it\'s \\ where\u000athe loan `is`') TBLPROPERTIES ('portage.integration'='6c6f616e73') AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__visit__1` WHERE `portage_directory` IN ('base-4-########')) s
      union all
      select `_op`, `_position`, `id`, `status`
      from (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS STRING) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
      where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
    ) a
    cross join (
      select max(`_position`) as `_floor`
      from (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS STRING) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
      where `_position` > '0001-0000000000000010-########' and `_op` = 't'
    ) f
    where (f.`_floor` is null or a.`_position` > f.`_floor`)
  ) s
) r
where `_op` <> 'd' and `_rank` > `_deletes`

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.table.6c6f616e'='1 6 e1a016f4721d5a91 {"v":1,"t":"7075626c69632e6c6f616e","i":"4c96ce31a5c645ba","f":"parquet","g":1,"c":2,"s":"8312b48c1f0586dc","b":["base-4-0ba70fa7",1,1,"5a96bb70fd7da8b4"],"r":null,"h":[["changes-4-af664809",1,1,"0001-0000000000000011-00000001",4096]],"o":"6561948cf0b20d33"}', 'portage.table.5669736974'='1 6 a1c41cc84cc806e3 {"v":1,"t":"7075626c69632e5669736974","i":"68a90152c04505f5","f":"parquet","g":1,"c":2,"s":"8312b48c1f0586dc","b":["base-4-b5b047a5",1,2,"f1864fd9f8ebd4b8"],"r":null,"h":[],"o":"4f53cda18c2baa0c"}')

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.commit'='4')

-- changes

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

SHOW PARTITIONS `raw`.`portage_files__loan__1`

ALTER TABLE `raw`.`portage_files__loan__1` ADD IF NOT EXISTS
  PARTITION (`portage_directory`='changes-6-########') LOCATION 'file:///lake/raw/loans/public.loan/hive/hive.raw/changes-6-########'

DESCRIBE FORMATTED `raw`.`portage_files__loan__1` PARTITION (`portage_directory`='changes-6-########')

SELECT 'loan' AS `relation`, `portage_directory` AS `directory`, COUNT(*) AS `row_count` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-6-########') GROUP BY `portage_directory`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

ALTER VIEW `raw`.`loan_changes` AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('base-4-########')) s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`
  from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
) h

ALTER VIEW `raw`.`loan` AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('base-4-########')) b
  left join (
    select distinct `id` as `_key_0`, 1 as `_hit`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
    where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
  ) k on b.`id` <=> k.`_key_0`
  cross join (
    select max(`_position`) as `_floor`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
    where `_position` > '0001-0000000000000010-########' and `_op` = 't'
  ) f
  where k.`_hit` is null and f.`_floor` is null
  union all
  select `_op`, `_position`, `id`, `status`
  from (
    select c.`_op`, c.`_position`, c.`id`, c.`status`, row_number() over (partition by c.`id` order by c.`_position` desc) as `_rank`
    from (
      select `_op`, `_position`, `id`, `status`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
      where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
    ) c
    cross join (
      select max(`_position`) as `_floor`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
      where `_position` > '0001-0000000000000010-########' and `_op` = 't'
    ) f
    where (f.`_floor` is null or c.`_position` > f.`_floor`)
  ) l
  where `_rank` = 1 and `_op` <> 'd'
) r

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.table.6c6f616e'='1 6 8ff06fed2b7d8726 {"v":1,"t":"7075626c69632e6c6f616e","i":"4c96ce31a5c645ba","f":"parquet","g":1,"c":2,"s":"8312b48c1f0586dc","b":["base-4-0ba70fa7",1,1,"5a96bb70fd7da8b4"],"r":null,"h":[["changes-4-af664809",1,1,"0001-0000000000000011-00000001",4096],["changes-6-2e681591",1,2,"0001-0000000000000013-00000001",1]],"o":"17caf76d3be5bbee"}')

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.commit'='6')

-- a column renamed, a column added

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

DESCRIBE `raw`.`portage_files__loan__1`

SHOW PARTITIONS `raw`.`portage_files__loan__1`

ALTER TABLE `raw`.`portage_files__loan__1` ADD COLUMNS (`größe__x_` STRING)

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

ALTER VIEW `raw`.`loan_changes` AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('base-4-########')) s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_`
  from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
) h

ALTER VIEW `raw`.`loan` AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('base-4-########')) b
  left join (
    select distinct `id` as `_key_0`, 1 as `_hit`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
    where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
  ) k on b.`id` <=> k.`_key_0`
  cross join (
    select max(`_position`) as `_floor`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
    where `_position` > '0001-0000000000000010-########' and `_op` = 't'
  ) f
  where k.`_hit` is null and f.`_floor` is null
  union all
  select `_op`, `_position`, `id`, `status`, `größe__x_`
  from (
    select c.`_op`, c.`_position`, c.`id`, c.`status`, c.`größe__x_`, row_number() over (partition by c.`id` order by c.`_position` desc) as `_rank`
    from (
      select `_op`, `_position`, `id`, `status`, `größe__x_`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
      where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
    ) c
    cross join (
      select max(`_position`) as `_floor`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
      where `_position` > '0001-0000000000000010-########' and `_op` = 't'
    ) f
    where (f.`_floor` is null or c.`_position` > f.`_floor`)
  ) l
  where `_rank` = 1 and `_op` <> 'd'
) r

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.table.6c6f616e'='1 7 171399f4385b8683 {"v":1,"t":"7075626c69632e6c6f616e","i":"4c96ce31a5c645ba","f":"parquet","g":1,"c":3,"s":"49acf7d2da99d357","b":["base-4-0ba70fa7",1,1,"5a96bb70fd7da8b4"],"r":null,"h":[["changes-4-af664809",1,1,"0001-0000000000000011-00000001",4096],["changes-6-2e681591",1,2,"0001-0000000000000013-00000001",1]],"o":"17caf76d3be5bbee"}')

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.commit'='7')

-- a renewed base

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

SHOW PARTITIONS `raw`.`portage_files__loan__1`

ALTER TABLE `raw`.`portage_files__loan__1` ADD IF NOT EXISTS
  PARTITION (`portage_directory`='renewed-9-########') LOCATION 'file:///lake/raw/loans/public.loan/hive/hive.raw/renewed-9-########'

DESCRIBE FORMATTED `raw`.`portage_files__loan__1` PARTITION (`portage_directory`='renewed-9-########')

SELECT 'loan' AS `relation`, `portage_directory` AS `directory`, COUNT(*) AS `row_count` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('renewed-9-########') GROUP BY `portage_directory`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

ALTER VIEW `raw`.`loan_changes` AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('base-4-########')) s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_`
  from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
) h

ALTER VIEW `raw`.`loan` AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('renewed-9-########')) b
  left join (
    select distinct `id` as `_key_0`, 1 as `_hit`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
    where `_position` > '0001-0000000000000013-########' and `_op` <> 't'
  ) k on b.`id` <=> k.`_key_0`
  cross join (
    select max(`_position`) as `_floor`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
    where `_position` > '0001-0000000000000013-########' and `_op` = 't'
  ) f
  where k.`_hit` is null and f.`_floor` is null
  union all
  select `_op`, `_position`, `id`, `status`, `größe__x_`
  from (
    select c.`_op`, c.`_position`, c.`id`, c.`status`, c.`größe__x_`, row_number() over (partition by c.`id` order by c.`_position` desc) as `_rank`
    from (
      select `_op`, `_position`, `id`, `status`, `größe__x_`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
      where `_position` > '0001-0000000000000013-########' and `_op` <> 't'
    ) c
    cross join (
      select max(`_position`) as `_floor`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__1` WHERE `portage_directory` IN ('changes-4-########', 'changes-6-########')) s
      where `_position` > '0001-0000000000000013-########' and `_op` = 't'
    ) f
    where (f.`_floor` is null or c.`_position` > f.`_floor`)
  ) l
  where `_rank` = 1 and `_op` <> 'd'
) r

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.table.6c6f616e'='1 7 ae56f287278573f2 {"v":1,"t":"7075626c69632e6c6f616e","i":"4c96ce31a5c645ba","f":"parquet","g":1,"c":3,"s":"49acf7d2da99d357","b":["base-4-0ba70fa7",1,1,"5a96bb70fd7da8b4"],"r":["renewed-9-948b0f12",1,1,"846ebdfb6331fe5a"],"h":[["changes-4-af664809",1,1,"0001-0000000000000011-00000001",4096],["changes-6-2e681591",1,2,"0001-0000000000000013-00000001",1]],"o":"17caf76d3be5bbee"}')

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.commit'='9')

-- another type, and the other table gone

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

ALTER VIEW `raw`.`loan_changes` AS
… (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS BINARY) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`
  from (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS BINARY) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
) h

ALTER VIEW `raw`.`loan` AS
… (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS BINARY) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) b
  left join (
    select distinct `id` as `_key_0`, 1 as `_hit`
    from (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS BINARY) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
    where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
  ) k on b.`id` <=> k.`_key_0`
  cross join (
    select max(`_position`) as `_floor`
    from (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS BINARY) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
    where `_position` > '0001-0000000000000010-########' and `_op` = 't'
  ) f
  where k.`_hit` is null and f.`_floor` is null
  union all
  select `_op`, `_position`, `id`, `status`
  from (
    select c.`_op`, c.`_position`, c.`id`, c.`status`, row_number() over (partition by c.`id` order by c.`_position` desc) as `_rank`
    from (
      select `_op`, `_position`, `id`, `status`
      from (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS BINARY) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
      where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
    ) c
    cross join (
      select max(`_position`) as `_floor`
      from (SELECT CAST(NULL AS STRING) AS `_op`, CAST(NULL AS STRING) AS `_position`, CAST(NULL AS TIMESTAMP) AS `_source_committed_at`, CAST(NULL AS STRING) AS `_unchanged`, CAST(NULL AS BIGINT) AS `id`, CAST(NULL AS BINARY) AS `status` FROM (SELECT 1 AS `one`) e WHERE 1 = 0) s
      where `_position` > '0001-0000000000000010-########' and `_op` = 't'
    ) f
    where (f.`_floor` is null or c.`_position` > f.`_floor`)
  ) l
  where `_rank` = 1 and `_op` <> 'd'
) r

DROP VIEW IF EXISTS `raw`.`visit`

DROP VIEW IF EXISTS `raw`.`visit_changes`

ALTER TABLE `raw`.`portage_files__visit__1` SET TBLPROPERTIES ('external.table.purge'='false')

DROP TABLE IF EXISTS `raw`.`portage_files__visit__1`

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.table.6c6f616e'='2 6 2fa0ebcdf551ea76 {"v":1,"t":"7075626c69632e6c6f616e","i":"4c96ce31a5c645ba","f":"parquet","g":2,"c":2,"s":"28e876892213537e","b":null,"r":null,"h":[],"o":"4f53cda18c2baa0c"}')

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.table.5669736974'='', 'portage.commit'='10')

-- described

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

DESCRIBE `raw`.`loan`

DESCRIBE `raw`.`loan_changes`

-- a dry run

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

CREATE EXTERNAL TABLE IF NOT EXISTS `raw`.`portage_files__loan__3` (
  `_op` STRING,
  `_position` STRING,
  `_source_committed_at` TIMESTAMP,
  `_unchanged` STRING,
  `id` BIGINT,
  `status` STRING,
  `größe__x_` STRING
)
PARTITIONED BY (`portage_directory` STRING)
STORED AS PARQUET
LOCATION 'file:///lake/raw/loans/public.loan/hive/hive.raw'
TBLPROPERTIES ('external.table.purge'='false', 'discover.partitions'='false', 'portage.integration'='6c6f616e73')

ALTER TABLE `raw`.`portage_files__loan__3` ADD IF NOT EXISTS
  PARTITION (`portage_directory`='base-11-########') LOCATION 'file:///lake/raw/loans/public.loan/hive/hive.raw/base-11-########'
  PARTITION (`portage_directory`='changes-11-########') LOCATION 'file:///lake/raw/loans/public.loan/hive/hive.raw/changes-11-########'

ALTER VIEW `raw`.`loan_changes` AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__3` WHERE `portage_directory` IN ('base-11-########')) s
  union all
  select `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_`
  from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__3` WHERE `portage_directory` IN ('changes-11-########')) s
) h

ALTER VIEW `raw`.`loan` AS
… (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__3` WHERE `portage_directory` IN ('base-11-########')) b
  left join (
    select distinct `id` as `_key_0`, 1 as `_hit`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__3` WHERE `portage_directory` IN ('changes-11-########')) s
    where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
  ) k on b.`id` <=> k.`_key_0`
  cross join (
    select max(`_position`) as `_floor`
    from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__3` WHERE `portage_directory` IN ('changes-11-########')) s
    where `_position` > '0001-0000000000000010-########' and `_op` = 't'
  ) f
  where k.`_hit` is null and f.`_floor` is null
  union all
  select `_op`, `_position`, `id`, `status`, `größe__x_`
  from (
    select c.`_op`, c.`_position`, c.`id`, c.`status`, c.`größe__x_`, row_number() over (partition by c.`id` order by c.`_position` desc) as `_rank`
    from (
      select `_op`, `_position`, `id`, `status`, `größe__x_`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__3` WHERE `portage_directory` IN ('changes-11-########')) s
      where `_position` > '0001-0000000000000010-########' and `_op` <> 't'
    ) c
    cross join (
      select max(`_position`) as `_floor`
      from (SELECT `_op`, `_position`, `_source_committed_at`, `_unchanged`, `id`, `status`, `größe__x_` FROM `raw`.`portage_files__loan__3` WHERE `portage_directory` IN ('changes-11-########')) s
      where `_position` > '0001-0000000000000010-########' and `_op` = 't'
    ) f
    where (f.`_floor` is null or c.`_position` > f.`_floor`)
  ) l
  where `_rank` = 1 and `_op` <> 'd'
) r

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.table.6c6f616e'='3 7 66958f980124bc20 {"v":1,"t":"7075626c69632e6c6f616e","i":"4c96ce31a5c645ba","f":"parquet","g":3,"c":3,"s":"49acf7d2da99d357","b":["base-11-9f48cbb5",1,1,"5a96bb70fd7da8b4"],"r":null,"h":[["changes-11-4422fa2e",1,3,"0001-0000000000000013-00000001",4096]],"o":"17caf76d3be5bbee"}')

ALTER VIEW `raw`.`portage_ledger__loans` SET TBLPROPERTIES ('portage.commit'='11')

ALTER TABLE `raw`.`portage_files__loan__1` SET TBLPROPERTIES ('external.table.purge'='false')

DROP TABLE IF EXISTS `raw`.`portage_files__loan__1`

-- checked

SHOW DATABASES

SET spark.sql.session.timeZone

SELECT java_method('java.util.TimeZone', 'getDefault') AS `zone`

-- removed

SHOW DATABASES

SHOW TABLES IN `raw`

SHOW TBLPROPERTIES `raw`.`portage_ledger__loans`

DROP VIEW IF EXISTS `raw`.`loan`

DROP VIEW IF EXISTS `raw`.`loan_changes`

ALTER TABLE `raw`.`portage_files__loan__1` SET TBLPROPERTIES ('external.table.purge'='false')

DROP TABLE IF EXISTS `raw`.`portage_files__loan__1`

DROP VIEW IF EXISTS `raw`.`portage_ledger__loans`
