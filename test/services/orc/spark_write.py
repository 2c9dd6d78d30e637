"""
Writes the Arrow files of a directory as ORC with Spark (Java), in every codec named: `<codec>/case=<name>/part-….orc`, of an empty
file `<codec>-empty/…`, and with small stripes `<codec>-stripes/case=<name>/…`. One Spark job writes all files of a codec.
"""
import glob
import os
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

directory, *codecs = sys.argv[1:]
spark = (
    SparkSession.builder.master('local[1]').appName('orc').config('spark.ui.enabled', 'false')
    .config('spark.sql.session.timeZone', 'UTC').config('spark.sql.catalogImplementation', 'in-memory')
    .config('spark.sql.parquet.datetimeRebaseModeInRead', 'CORRECTED').config('spark.sql.sources.partitionColumnTypeInference.enabled', 'false')
    .config('spark.driver.host', '127.0.0.1').config('spark.driver.bindAddress', '127.0.0.1').getOrCreate()
)
spark.sparkContext.setLogLevel('ERROR')

SMALL_STRIPES = {'orc.stripe.size': '100000', 'orc.rows.between.memory.checks': '5000'}


def frame_of(tables, name):
    """All tables in one, each row with its case and its place; in that order."""
    parts = []
    for case, table in tables:
        rows = table.num_rows
        parts.append(table.append_column('_row', pa.array(range(rows), pa.int32())).append_column('case', pa.array([case] * rows, pa.string())))
    parquet = os.path.join(directory, name + '.parquet')
    pq.write_table(pa.concat_tables(parts), parquet, coerce_timestamps='us')
    return spark.read.parquet(parquet).coalesce(1).sortWithinPartitions('case', '_row').drop('_row')


tables = [
    (os.path.basename(path)[:-len('.arrow')], ipc.open_file(path).read_all()) for path in sorted(glob.glob(os.path.join(directory, '*.arrow')))
]
stripes = frame_of([each for each in tables if each[0].endswith('-stripes')], 'stripes')
ordinary = frame_of([each for each in tables if each[1].num_rows > 0 and not each[0].endswith('-stripes')], 'ordinary')
for codec in codecs:
    target = os.path.join(directory, codec)
    ordinary.write.option('compression', codec).partitionBy('case').orc(target)
    ordinary.where('false').drop('case').write.option('compression', codec).orc(target + '-empty')
    stripes.write.options(compression=codec, **SMALL_STRIPES).partitionBy('case').orc(target + '-stripes')
spark.stop()
