"""Reads ORC files with pyarrow and compares each with the Arrow file beside it, value by value. One JSON line per file."""
import json
import struct
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.orc as orc


def exact(value):
    return struct.pack('<d', value) if isinstance(value, float) else value


def values(column):
    if pa.types.is_timestamp(column.type):
        factor = {'us': 1000, 'ns': 1}[column.type.unit]
        return [None if value is None else value * factor for value in column.cast(pa.int64()).to_pylist()]
    return [exact(value) for value in column.to_pylist()]


for path in sys.argv[1:]:
    expected = ipc.open_file(path.replace('.orc', '.arrow')).read_all()
    file = orc.ORCFile(path)
    found = file.read(columns=[name for name in expected.column_names if name != 'timestamp_far'])
    found.validate(full=True)
    columns = {}
    for name in found.column_names:
        mine, theirs = values(expected[name]), values(found[name])
        equal = sum(1 for a, b in zip(mine, theirs) if a == b) if len(mine) == len(theirs) else 0
        columns[name] = [len(mine), equal]
    print(json.dumps({
        'path': path,
        'rows': [expected.num_rows, found.num_rows, file.nrows],
        'stripes': file.nstripes,
        'types': {field.name: str(field.type) for field in file.schema},
        'version': file.file_version,
        'columns': columns,
    }))
