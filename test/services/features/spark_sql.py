"""Makes tables from JSON lines, runs statements on Spark, and prints the rows of each query as one JSON list. Reads one JSON file."""
import decimal
import json
import sys

from pyspark.sql import SparkSession

with open(sys.argv[1], encoding='utf-8') as file:
    task = json.load(file)
spark = (
    SparkSession.builder.master('local[1]').appName('features').config('spark.ui.enabled', 'false')
    .config('spark.sql.session.timeZone', 'UTC').config('spark.sql.catalogImplementation', 'in-memory')
    .config('spark.sql.warehouse.dir', task['warehouse']).config('spark.sql.shuffle.partitions', '1')
    # Plans of many joins over few rows: what Spark would win by these takes minutes.
    .config('spark.sql.constraintPropagation.enabled', 'false').config('spark.sql.adaptive.enabled', 'false')
    .config('spark.sql.codegen.wholeStage', 'false').config('spark.sql.codegen.factoryMode', 'NO_CODEGEN')
    .config('spark.driver.host', '127.0.0.1').config('spark.driver.bindAddress', '127.0.0.1').getOrCreate()
)
spark.sparkContext.setLogLevel('ERROR')


def plain(value):
    return str(value) if isinstance(value, decimal.Decimal) else value


for name, table in task['tables'].items():
    texts = spark.read.schema(', '.join('`%s` string' % column for column, _ in table['columns'])).json(table['path'])
    texts.selectExpr(*['cast(`%s` as %s) as `%s`' % (column, kind, column) for column, kind in table['columns']]).write.saveAsTable(name)
for statement in task['statements']:
    spark.sql(statement)
# Every feature reads the histories again; their windows are computed once.
for name in task['cached']:
    spark.catalog.cacheTable(name)
for query in task['queries']:
    rows = spark.sql(query['sql'], args=query.get('args')).collect()
    print(json.dumps([{name: plain(value) for name, value in row.asDict().items()} for row in rows]))
spark.stop()
