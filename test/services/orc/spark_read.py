"""Reads ORC files with Spark (Java) and compares each with the Arrow file beside it, value by value. One JSON line per file."""
import json
import struct
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t

spark = (
    SparkSession.builder.master('local[1]').appName('orc').config('spark.ui.enabled', 'false')
    .config('spark.sql.session.timeZone', 'UTC').config('spark.sql.catalogImplementation', 'in-memory')
    .config('spark.driver.host', '127.0.0.1').config('spark.driver.bindAddress', '127.0.0.1').getOrCreate()
)
spark.sparkContext.setLogLevel('ERROR')


PREDICATES = [
    'int_rising = 45000', 'int_rising > 60000 and int_rising <= 60300', 'double > 8000', "string = 'row 15005'", 'bigint_random is null',
    'decimal_9_2 > 200', 'date > date"2025-01-01"', 'instant < timestamp"1960-01-01 00:00:00"', 'not boolean and int_rising < 300',
]


def plain(value):
    if isinstance(value, float):
        # Java has one NaN.
        return 'nan' if value != value else struct.pack('<d', value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, dict):
        return tuple(sorted((plain(k), plain(v)) for k, v in value.items()))
    if isinstance(value, tuple) and not hasattr(value, '_fields') and not hasattr(value, '__fields__'):
        return tuple(plain(v) for v in value)
    if hasattr(value, '__fields__'):
        return tuple(sorted((k, plain(v)) for k, v in value.asDict().items()))
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def arrow_values(column):
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.int64()).to_pylist()
    if pa.types.is_date(kind):
        return column.cast(pa.int32()).to_pylist()
    if pa.types.is_map(kind):
        return [None if value is None else plain(dict(value)) for value in column.to_pylist()]
    return [plain(value) for value in column.to_pylist()]


def selected(field):
    name = '`%s`' % field.name
    if isinstance(field.dataType, t.TimestampType):
        return f.expr('unix_micros(%s)' % name).alias(field.name)
    if isinstance(field.dataType, t.DateType):
        return f.expr('unix_date(%s)' % name).alias(field.name)
    return f.col(name)


for path in sys.argv[1:]:
    expected = ipc.open_file(path.replace('.orc', '.arrow')).read_all()
    frame = spark.read.orc(path)
    rows = frame.select([selected(field) for field in frame.schema.fields]).collect()
    columns = {}
    for i, name in enumerate(expected.column_names):
        mine = arrow_values(expected[name])
        theirs = [plain(row[i]) for row in rows]
        equal = sum(1 for a, b in zip(mine, theirs) if a == b) if len(mine) == len(theirs) else 0
        columns[name] = [len(mine), equal]
    counts = {}
    if len(rows) > 20000:
        # Row groups are skipped by our statistics, and every column's streams are entered at our positions.
        every = [selected(field) for field in frame.schema.fields]
        for predicate in PREDICATES:
            found = []
            for pushed in ['true', 'false']:
                spark.conf.set('spark.sql.orc.filterPushdown', pushed)
                found.append([plain(tuple(row)) for row in frame.where(predicate).select(every).collect()])
            counts[predicate] = [len(found[0]), len(found[1]), found[0] == found[1]]
        spark.conf.set('spark.sql.orc.filterPushdown', 'true')
    print(json.dumps({
        'path': path,
        'rows': [expected.num_rows, len(rows)],
        'types': {field.name: field.dataType.simpleString() for field in frame.schema.fields},
        'columns': columns,
        'predicates': counts,
    }))
spark.stop()
