"""Writes the Arrow files of a directory as ORC with Spark (Java), in every codec named."""
import glob
import os
import sys

import pyarrow.ipc as ipc
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

directory, *codecs = sys.argv[1:]
spark = (
    SparkSession.builder.master('local[1]').appName('orc').config('spark.ui.enabled', 'false')
    .config('spark.sql.session.timeZone', 'UTC').config('spark.sql.catalogImplementation', 'in-memory')
    .config('spark.sql.parquet.datetimeRebaseModeInRead', 'CORRECTED')
    .config('spark.driver.host', '127.0.0.1').config('spark.driver.bindAddress', '127.0.0.1').getOrCreate()
)
spark.sparkContext.setLogLevel('ERROR')

for path in sorted(glob.glob(os.path.join(directory, '*.arrow'))):
    parquet = path.replace('.arrow', '.parquet')
    pq.write_table(ipc.open_file(path).read_all(), parquet, coerce_timestamps='us')
    frame = spark.read.parquet(parquet)
    for codec in codecs:
        target = path.replace('.arrow', '-' + codec)
        frame.coalesce(1).write.mode('overwrite').option('compression', codec).orc(target)
spark.stop()
