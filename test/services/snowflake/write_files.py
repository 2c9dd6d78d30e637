"""Parquet and ORC files as pyarrow writes them, to be shown as external tables; prints what they hold."""
import datetime as dt
import decimal
import json
import sys

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq

out = sys.argv[1]
instants = [dt.datetime(1969, 12, 31, 23, 59, 58, 500000), dt.datetime(2026, 2, 28, 1, 2, 3, 456789), None]
table = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "Small": pa.array([-128, 127, None], pa.int16()),
        "ratio": pa.array([0.5, -1e300, None], pa.float64()),
        "amount": pa.array([decimal.Decimal("-1.10"), decimal.Decimal("9999999999.99"), None], pa.decimal128(12, 2)),
        "word": pa.array(["ü, \\N", "", None]),
        "flag": pa.array([True, False, None]),
        "day": pa.array([dt.date(1582, 10, 4), dt.date(9999, 12, 31), None]),
        "seen": pa.array(instants, pa.timestamp("us", "UTC")),
        "bytes": pa.array([b"\x00\xff", b"", None]),
        "tags": pa.array([["x", "y"], [], None], pa.list_(pa.string())),
        "place": pa.array([{"City": "Ås", "zip": 1}, {"City": None, "zip": 2}, None]),
    }
)
pq.write_table(table, f"{out}/flat.parquet", compression="snappy")
orc.write_table(table, f"{out}/flat.orc", compression="zlib")
plain = table.select(["id", "seen", "word"])
pq.write_table(plain, f"{out}/int96.parquet", use_deprecated_int96_timestamps=True)
pq.write_table(plain.rename_columns(["_col0", "_col1", "_col2"]), f"{out}/unnamed.parquet")
orc.write_table(plain.rename_columns(["_col0", "_col1", "_col2"]), f"{out}/unnamed.orc")
print(json.dumps({"ids": table["id"].to_pylist(), "tags": table["tags"].to_pylist(), "place": table["place"].to_pylist()}))
