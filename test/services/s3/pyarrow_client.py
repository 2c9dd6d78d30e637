"""pyarrow's file system (AWS SDK for C++) against an S3 endpoint. Arguments: host and port, bucket. Keys from the environment."""
import os
import sys

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

HOST, BUCKET = sys.argv[1:]
S3 = fs.S3FileSystem(endpoint_override=HOST, scheme="http", region="us-east-1", allow_bucket_creation=True, allow_bucket_deletion=True)
table = pa.table({"id": list(range(200_000)), "part": [number % 3 for number in range(200_000)]})
pq.write_table(table, f"{BUCKET}/arrow/plain ä.parquet", filesystem=S3)
assert pq.read_table(f"{BUCKET}/arrow/plain ä.parquet", filesystem=S3).equals(table)
ds.write_dataset(table, f"{BUCKET}/arrow/set", format="parquet", partitioning=ds.partitioning(pa.schema([("part", pa.int64())]), flavor="hive"), filesystem=S3)
read = ds.dataset(f"{BUCKET}/arrow/set", format="parquet", partitioning="hive", filesystem=S3).to_table(filter=ds.field("part") == 2)
assert sorted(read["id"].to_pylist()) == [number for number in range(200_000) if number % 3 == 2]
data = os.urandom(23 * 1024 * 1024)
with S3.open_output_stream(f"{BUCKET}/arrow/large") as out:
    for start in range(0, len(data), 1024 * 1024):
        out.write(data[start : start + 1024 * 1024])
with S3.open_input_file(f"{BUCKET}/arrow/large") as file:
    assert file.size() == len(data)
    assert file.read_at(10, 20 * 1024 * 1024) == data[20 * 1024 * 1024 :][:10]
    assert file.read() == data
S3.copy_file(f"{BUCKET}/arrow/large", f"{BUCKET}/arrow/copy of large")
S3.move(f"{BUCKET}/arrow/copy of large", f"{BUCKET}/arrow/moved")
names = [info.path for info in S3.get_file_info(fs.FileSelector(f"{BUCKET}/arrow", recursive=False))]
assert sorted(names) == sorted(f"{BUCKET}/arrow/{name}" for name in ["large", "moved", "plain ä.parquet", "set"]), names
S3.delete_dir(f"{BUCKET}/arrow")
assert S3.get_file_info(f"{BUCKET}/arrow/large").type == fs.FileType.NotFound
S3.create_dir("made-by-arrow")
S3.delete_dir("made-by-arrow")
print("ok")
