"""
Reads ORC files with Spark (Java) and compares each with an Arrow file, value by value. One JSON line per file. The argument is a
JSON file: lists of {path, arrow, predicates}; the files of one list have one schema and are read by one Spark job.
"""
import functools
import json
import struct
import sys

import pyarrow as pa
import pyarrow.compute as pc
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


@functools.lru_cache(maxsize=4)
def expected_table(path):
    return ipc.open_file(path).read_all()


def bits(column):
    """The column so that equal means equal: floats by their bits, times as their numbers."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    if pa.types.is_timestamp(kind):
        return array.cast(pa.int64())
    if pa.types.is_date(kind):
        return array.cast(pa.int32())
    if pa.types.is_float64(kind):
        return array.view(pa.int64())
    return array.view(pa.int32()) if pa.types.is_float32(kind) else array


def equal_values(mine, theirs):
    if len(mine) != len(theirs):
        return 0
    a, b = bits(mine), bits(theirs)
    try:
        if a.equals(b.cast(a.type)):
            return len(mine)
    except pa.ArrowException:
        pass
    return sum(1 for x, y in zip(arrow_values(mine), [plain(y) for y in b.to_pylist()]) if x == y)


def filtered(frame):
    """Row groups are skipped by our statistics, and every column's streams are entered at our positions."""
    every = [selected(field) for field in frame.schema.fields]
    counts = {}
    for predicate in PREDICATES:
        found = []
        for pushed in ['true', 'false']:
            spark.conf.set('spark.sql.orc.filterPushdown', pushed)
            found.append([plain(tuple(row)) for row in frame.where(predicate).select(every).collect()])
        counts[predicate] = [len(found[0]), len(found[1]), found[0] == found[1]]
    spark.conf.set('spark.sql.orc.filterPushdown', 'true')
    return counts


with open(sys.argv[1], encoding='utf-8') as file:
    jobs = json.load(file)
for job in jobs:
    frame = spark.read.orc([each['path'] for each in job])
    values = frame.select([selected(field) for field in frame.schema.fields] + [f.input_file_name().alias('_file')]).toArrow()
    names = values['_file'].combine_chunks().dictionary_encode()
    files = {name.split('://')[-1]: index for index, name in enumerate(names.dictionary.to_pylist())}
    for each in job:
        expected = expected_table(each['arrow'])
        index = files.get(each['path'], -1)
        rows = values.filter(pc.equal(names.indices, index))
        schema = spark.read.orc(each['path']).schema
        print(json.dumps({
            'path': each['path'],
            'rows': [expected.num_rows, rows.num_rows],
            'types': {field.name: field.dataType.simpleString() for field in schema.fields},
            'columns': {name: [expected.num_rows, equal_values(expected[name], rows[name])] for name in expected.column_names},
            'predicates': filtered(spark.read.orc(each['path'])) if each['predicates'] else {},
        }))
spark.stop()
