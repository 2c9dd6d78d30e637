"""Writes the same tables with pyarrow's ORC writer and as Arrow files: every codec, both versions, with and without dictionaries."""
import datetime
import decimal
import math
import os
import random
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.orc as orc

random.seed(5)
decimal.getcontext().prec = 60


def nulls(pattern):
    return {
        'none': lambda i: False,
        'all': lambda i: True,
        'alternating': lambda i: i % 2 == 0,
        'runs': lambda i: (i // 37) % 3 == 0,
    }[pattern]


def digits(precision, scale, i):
    limit = 10 ** precision - 1
    return decimal.Decimal([limit, -limit, 0, 1, -1, i][i % 6]).scaleb(-scale)


COLUMNS = {
    'boolean': (pa.bool_(), lambda i: random.random() < 0.5),
    'tinyint': (pa.int8(), lambda i: [-128, 127, 0, i % 100][i % 4]),
    'smallint': (pa.int16(), lambda i: [-32768, 32767, 0, i % 1000][i % 4]),
    'int': (pa.int32(), lambda i: [-2**31, 2**31 - 1, 0, i][i % 4]),
    'int_rising': (pa.int32(), lambda i: i * 3),
    'bigint': (pa.int64(), lambda i: [-2**63, 2**63 - 1, 0, -1, i * 1000003][i % 5]),
    'bigint_outliers': (pa.int64(), lambda i: random.randrange(2**50) if random.random() < 0.02 else random.randrange(100)),
    'bigint_negative_outliers': (pa.int64(), lambda i: -random.randrange(2**45) if random.random() < 0.03 else random.randrange(50) - 25),
    'bigint_random': (pa.int64(), lambda i: random.randrange(-2**63, 2**63)),
    'bigint_repeats': (pa.int64(), lambda i: i // 7),
    'float': (pa.float32(), lambda i: [math.nan, math.inf, -math.inf, -0.0, 0.0, 1.5][i % 6]),
    'double': (pa.float64(), lambda i: [math.nan, math.inf, -math.inf, -0.0, 0.0, random.random(), 5e-324][i % 7]),
    'string': (pa.string(), lambda i: ['', 'a', 'ü' * (i % 5), '日本', 'str%d' % i][i % 5]),
    'string_few': (pa.string(), lambda i: random.choice(['A', 'BB', 'CCC', ''])),
    'binary': (pa.binary(), lambda i: bytes([i & 255, 0, 255][:i % 4])),
    'decimal_9_2': (pa.decimal128(9, 2), lambda i: digits(9, 2, i)),
    'decimal_38_10': (pa.decimal128(38, 10), lambda i: digits(38, 10, i)),
    'decimal_38_38': (pa.decimal128(38, 38), lambda i: digits(38, 38, i)),
    'date': (pa.date32(), lambda i: [-719162, -141428, -141427, 2932896, 0, i][i % 6]),
    'timestamp': (pa.timestamp('ns'), lambda i: [-9223372035854000999, 9223372035854000001, -1500000000, -1000001000, i * 86400000000001, 0][i % 6]),
    'instant': (pa.timestamp('ns', 'UTC'), lambda i: i * 86400000000001 - 5 * 10**17),
    'list': (pa.list_(pa.int64()), lambda i: [None if k % 3 == 1 else i * k for k in range(i % 4)]),
    'struct': (pa.struct([('x', pa.int32()), ('y', pa.string())]), lambda i: {'x': i if i % 3 else None, 'y': 'v%d' % (i % 9)}),
    'map': (pa.map_(pa.string(), pa.int64()), lambda i: [('k%d' % k, i * k) for k in range(i % 3)]),
    'nested': (pa.list_(pa.list_(pa.struct([('a', pa.int32())]))), lambda i: [[{'a': i}] * (i % 2)] * (i % 3)),
    'name.with.dots': (pa.int32(), lambda i: i),
}


def table(rows, pattern):
    null = nulls(pattern)
    return pa.table({
        name: pa.array([None if null(i) else make(i) for i in range(rows)], kind)
        if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind))
        else pa.array([None if null(i) else make(i) for i in range(rows)], pa.int32() if pa.types.is_date(kind) else pa.int64()).cast(kind)
        for name, (kind, make) in COLUMNS.items()
    })


directory = sys.argv[1]
CODECS = ['uncompressed', 'snappy', 'zlib', 'lz4', 'zstd']
for rows in [0, 1, 511, 512, 513, 10000, 10001, 25000]:
    for pattern in ['none', 'all', 'alternating', 'runs']:
        data = table(rows, pattern)
        every = rows in (513, 10001)
        for codec in CODECS if every else ['zstd']:
            for version in ['0.12', '0.11'] if every else ['0.12']:
                for dictionary in [0.0, 1.0] if every else [1.0]:
                    name = os.path.join(directory, '-'.join(map(str, [rows, pattern, codec, version, dictionary])))
                    orc.write_table(
                        data, name + '.orc', compression=codec, file_version=version, compression_block_size=65536,
                        dictionary_key_size_threshold=dictionary, stripe_size=200000 if rows == 25000 else 64 << 20,
                    )
                    with ipc.new_file(name + '.arrow', data.schema) as writer:
                        writer.write_table(data)

os.makedirs(os.path.join(directory, 'union'))
union = pa.UnionArray.from_dense(
    pa.array([0, 1, 0, 1], pa.int8()), pa.array([0, 0, 1, 1], pa.int32()), [pa.array([5, 6], pa.int32()), pa.array(['a', 'bc'])])
orc.write_table(pa.table({'u': union}), os.path.join(directory, 'union', 'union.orc'))
