"""pyarrow's turn in the ORC bench: `write ARROW TARGET CODEC` or `read FILE [COLUMN…]`; prints rows, CPU seconds and bytes."""
import json
import os
import resource
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.orc as orc

pa.set_cpu_count(1)
pa.set_io_thread_count(1)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


mode, path, *rest = sys.argv[1:]
if mode == 'write':
    target, codec = rest
    table = ipc.open_stream(path).read_all()
    # Its writer takes no dictionaries: plain columns, outside of the measured time.
    table = pa.table({
        name: table[name].cast(table[name].type.value_type) if pa.types.is_dictionary(table[name].type) else table[name]
        for name in table.column_names
    })
    before = cpu()
    orc.write_table(
        table, target, compression='uncompressed' if codec == 'none' else codec, compression_block_size=262144,
        stripe_size=64 << 20, dictionary_key_size_threshold=0.8,
    )
    rows = table.num_rows
else:
    target = path
    before = cpu()
    rows = orc.ORCFile(path).read(columns=rest or None).num_rows
print(json.dumps({'rows': rows, 'cpuSeconds': cpu() - before, 'bytes': os.path.getsize(target)}))
