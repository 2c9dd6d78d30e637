"""
Runs statements in Spark over the rows of one Parquet file, shown as the view `vector`. Arguments: the file, a JSON file with a list
of statements. One JSON line per statement: its rows.
"""
import json
import sys

from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master('local[1]').appName('checksum').config('spark.ui.enabled', 'false')
    .config('spark.sql.session.timeZone', 'UTC').config('spark.sql.catalogImplementation', 'in-memory')
    .config('spark.sql.shuffle.partitions', '1')
    .config('spark.driver.host', '127.0.0.1').config('spark.driver.bindAddress', '127.0.0.1').getOrCreate()
)
spark.sparkContext.setLogLevel('ERROR')
spark.read.parquet(sys.argv[1]).createOrReplaceTempView('vector')
with open(sys.argv[2], encoding='utf-8') as file:
    statements = json.load(file)
for statement in statements:
    print(json.dumps([list(row) for row in spark.sql(statement).collect()]))
spark.stop()
