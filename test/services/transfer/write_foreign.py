"""Parquet files as pyarrow and pandas write them: types that Portage has to map, and instants finer than it holds."""
import datetime as dt
import decimal
import sys

import pyarrow as pa
import pyarrow.parquet as pq

out = sys.argv[1]
at = dt.datetime(2025, 1, 1, 1, 2, 3, 4567)
table = pa.table(
    {
        "i8": pa.array([-128, None], pa.int8()),
        "u8": pa.array([255, None], pa.uint8()),
        "u32": pa.array([2**32 - 1, None], pa.uint32()),
        "u64": pa.array([2**64 - 1, None], pa.uint64()),
        "f32": pa.array([1.5, None], pa.float32()),
        "ms": pa.array([dt.datetime(2025, 1, 1, 1, 2, 3, 4000), None], pa.timestamp("ms")),
        "ns": pa.array([at, None], pa.timestamp("ns")),
        "utc": pa.array([at, None], pa.timestamp("us", "UTC")),
        "utc_ns": pa.array([at, None], pa.timestamp("ns", "Europe/Berlin")),
        "day": pa.array([dt.date(1, 1, 1), None]),
        "clock": pa.array([dt.time(1, 2, 3, 4), None], pa.time64("us")),
        "dec": pa.array([decimal.Decimal("-1.10"), None], pa.decimal128(38, 2)),
        "bin": pa.array([b"\x00\xff", None]),
        "word": pa.array(["ü,\n", None]).dictionary_encode(),
        "list": pa.array([[1, None], None]),
        "struct": pa.array([{"a": 1, "b": "x"}, None]),
        "flag": pa.array([True, None]),
    }
)
for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
    pq.write_table(table, f"{out}/{codec}.parquet", compression=codec)
pq.write_table(table.select(["ns"]), f"{out}/v2.parquet", data_page_version="2.0")
fine = [1_735_693_323_004_567_891]
pq.write_table(table.select(["ns"]), f"{out}/int96.parquet", use_deprecated_int96_timestamps=True)
fine_table = pa.table({"a": pa.array(fine, pa.timestamp("ns"))})
pq.write_table(fine_table, f"{out}/fine.parquet")
pq.write_table(fine_table, f"{out}/fine_int96.parquet", use_deprecated_int96_timestamps=True)
pq.write_table(pa.table({"a": pa.array(fine, pa.timestamp("ns", "UTC"))}), f"{out}/fine_utc.parquet")

big = decimal.Decimal("123456789012345678901234567890123456789012345678.90")
pq.write_table(pa.table({"id": [1], "a": pa.array([big], pa.decimal256(60, 2))}), f"{out}/wide_decimal.parquet")
nested = pa.array([[{"b": big}]], pa.list_(pa.struct([("b", pa.decimal256(60, 2))])))
pq.write_table(pa.table({"id": [1], "a": nested}), f"{out}/wide_nested.parquet")
pq.write_table(pa.table({"id": [1], "a": pa.array([1001], pa.time64("ns"))}), f"{out}/fine_time.parquet")
