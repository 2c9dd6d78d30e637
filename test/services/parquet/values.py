"""Prints what pyarrow finds in Parquet files, exactly: values, types, statistics. One JSON line per file."""
import json
import struct
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def exact(value, kind):
    if value is None:
        return None
    if pa.types.is_float32(kind):
        return struct.pack('<f', value).hex()
    if pa.types.is_float64(kind):
        return struct.pack('<d', value).hex()
    if pa.types.is_binary(kind):
        return value.hex()
    if pa.types.is_decimal(kind):
        return format(value, 'f')
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return value
    return str(value)


def column(array):
    kind = array.type
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.int64())
    elif pa.types.is_date(kind):
        array = array.cast(pa.int32())
    return [exact(value, kind) for value in array.to_pylist()]


def chunk(meta):
    stats = meta.statistics
    ranged = stats is not None and stats.has_min_max
    return {
        'nulls': stats.null_count if stats is not None and stats.has_null_count else None,
        'ranged': ranged,
        'min': str(stats.min) if ranged else None,
        'max': str(stats.max) if ranged else None,
        'column_index': meta.has_column_index,
        'offset_index': meta.has_offset_index,
    }


for path in sys.argv[1:]:
    file = pq.ParquetFile(path, page_checksum_verification=False, coerce_int96_timestamp_unit='us')
    table = file.read()
    table.validate(full=True)
    meta = file.metadata
    print(json.dumps({
        'rows': meta.num_rows,
        'created_by': meta.created_by,
        'types': [str(field.type) for field in table.schema],
        'fields': [{k.decode(): v.decode() for k, v in (field.metadata or {}).items()} for field in table.schema],
        'columns': [column(array.combine_chunks()) for array in table.columns],
        'groups': [[chunk(meta.row_group(g).column(c)) for c in range(meta.num_columns)] for g in range(meta.num_row_groups)],
    }))
