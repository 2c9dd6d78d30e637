"""Writes timestamps and their text as ORC with Spark, session and JVM in the same zone: every 53 hours from 1901 on, and a fraction."""
import sys

from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master('local[1]').appName('orc').config('spark.ui.enabled', 'false')
    .config('spark.sql.session.timeZone', 'America/New_York').config('spark.sql.catalogImplementation', 'in-memory')
    .config('spark.driver.host', '127.0.0.1').config('spark.driver.bindAddress', '127.0.0.1').getOrCreate()
)
spark.sparkContext.setLogLevel('ERROR')
rows = spark.range(20000).selectExpr('timestamp_micros((id * 53 * 3600 - 2177000000) * 1000000 + id * 7) as t')
rows.selectExpr('t', "date_format(t, \"yyyy-MM-dd'T'HH:mm:ss.SSSSSS\") as text").coalesce(1).write.mode('overwrite').orc(sys.argv[1])
spark.stop()
