"""Rebuilds the tables of a Portage lake from its files, knowing ARCHITECTURE.md and pyarrow and nothing else.

    read_lake.py LAKE INTEGRATION [--prefix P] [--at N | --newest] [--digest] [--table T]

LAKE is the directory of the object store. Prints one JSON line per commit (every commit, unless told otherwise):

    {"commit", "position", "kind", "tables": {name: {"columns", "boundary", "through", "rows", "history"}}}

rows: the current rows, sorted, each a list of canonical texts; null until the table's first snapshot is complete.
history: base rows and all change rows in position order: [op, position, committed_at, unchanged, values].
Any rule of the log or the files that does not hold ends the program with a message.
"""
import argparse
import hashlib
import json
import pathlib
import re
import struct
import sys
from collections import Counter
from decimal import Decimal
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

METADATA = ["_op", "_position", "_source_committed_at", "_unchanged"]


def fail(message):
    sys.exit(f"read_lake: {message}")


def expect(holds, message):
    if not holds:
        fail(message)


# ------------------------------------------------------------------------------------------------ the commit log


def read_commits(lake, prefix, integration):
    directory = lake / prefix / "_portage" / quote(integration, safe="-_.") / "log"
    expect(directory.is_dir(), f"there is no log at {directory}")
    names = sorted(path.name for path in directory.iterdir() if re.fullmatch(r"\d{20}\.json", path.name))
    for number, name in enumerate(names, start=1):
        expect(int(name[:20]) == number, f"commit {number} is missing")
        commit = json.loads((directory / name).read_bytes())
        expect(commit["protocol"]["minReader"] <= 1, f"commit {number} needs a newer reader")
        expect(commit["number"] == number and commit["integration"] == integration, f"commit {number} names another")
        yield commit


def fold(state, commit):
    """Applies a commit to {"position", "tables"}; see ARCHITECTURE.md, "From commits to live files"."""
    expect(commit["previous"] == state["position"], f"commit {commit['number']} does not start where its predecessor ended")
    state["position"] = commit["position"]
    for name, change in commit["tables"].items():
        if change.get("dropped"):
            state["tables"].pop(name, None)
            if "schema" not in change:
                continue
        table = state["tables"].setdefault(name, {"schema": None, "versions": {}, "base": None, "pending": None, "changes": []})
        fold_table(table, change, f"commit {commit['number']}, table {name}")


def fold_table(table, change, subject):
    if "schema" in change:
        table["schema"] = change["schema"]
        table["versions"][change["schema"]["version"]] = change["schema"]
    removed = set(change.get("removed", []))
    base = table["base"] or {}
    lists = [table["changes"], base.get("files", []), (base.get("renewed") or {}).get("files", []), (table["pending"] or {}).get("files", [])]
    live = [file["key"] for files in lists for file in files]
    expect(removed <= set(live), f"{subject} removes a file that is not live")
    for files in lists:
        files[:] = [file for file in files if file["key"] not in removed]
    added = change.get("added", [])
    keys = [file["key"] for file in added]
    expect(len(set(keys)) == len(keys) and not set(keys) & (set(live) - removed), f"{subject} adds a file twice")
    table["changes"] += [file for file in added if file["part"] == "changes"]
    base_files = [file for file in added if file["part"] == "base"]
    step = change.get("snapshot")
    if step is None:
        fold_base(table, change, base_files, subject)
        return
    if "start" in step:
        table["pending"] = {"generation": step["generation"], "plan": step["start"]["plan"], "done": {}, "files": []}
    pending = table["pending"]
    expect(pending is not None and pending["generation"] == step["generation"], f"{subject} continues an unknown snapshot")
    pending["done"].update(step["done"])
    pending["files"] += base_files
    if step["complete"]:
        expect(set(pending["done"]) == {chunk["id"] for chunk in pending["plan"]}, f"{subject} completes half a snapshot")
        cuts = sorted(pending["done"].values())
        table["base"] = {"boundary": cuts[0], "through": cuts[-1], "files": pending["files"]}
        table["pending"] = None


def fold_base(table, change, base_files, subject):
    """What maintenance does to a base; the files that it replaces are already gone."""
    base = table["base"]
    if base is None:
        expect(not base_files and "renewed" not in change and "history" not in change, f"{subject} adds base files without a base")
    elif "renewed" in change:
        expect(not (base.get("renewed") or {}).get("files"), f"{subject} keeps files of an older renewed base")
        base["renewed"] = {"boundary": change["renewed"]["boundary"], "files": base_files}
    elif "history" in change:
        begin = change["history"]["from"]
        expect(not base["files"], f"{subject} keeps base files from before its history")
        expect(all(file["minPosition"] > begin for file in table["changes"]), f"{subject} keeps changes from before its history")
        base["files"], base["boundary"], base["through"] = base_files, begin, begin
        if base.get("renewed") and base["renewed"]["boundary"] <= begin:
            expect(not base["renewed"]["files"], f"{subject} keeps an overtaken renewed base")
            del base["renewed"]
    else:
        base["files"] += base_files


def check_live_list(lake, prefix, integration, number, state):
    """A live list, where there is one, must say what the fold says."""
    path = lake / prefix / "_portage" / quote(integration, safe="-_.") / "live" / f"{number:020d}.json"
    if not path.is_file():
        return
    live = json.loads(path.read_bytes())
    expect(live["protocol"]["minReader"] <= 1, f"live list {number} needs a newer reader")

    def summary(tables):
        def keys(files):
            return sorted(file["key"] for file in files)

        return {
            name: (
                table["schema"],
                keys(table["changes"]),
                table["base"] and (table["base"]["boundary"], keys(table["base"]["files"])),
                table["base"] and table["base"].get("renewed") and (table["base"]["renewed"]["boundary"], keys(table["base"]["renewed"]["files"])),
                table["pending"] and (table["pending"]["generation"], table["pending"]["done"], keys(table["pending"]["files"])),
            )
            for name, table in tables.items()
        }

    expect(live["state"]["number"] == number and live["state"]["position"] == state["position"], f"live list {number} is of another commit")
    expect(summary(live["state"]["tables"]) == summary(state["tables"]), f"live list {number} differs from the commits before it")


# ---------------------------------------------------------------------------------------------------- data files


class Files:
    """Decoded files by key; each is checked against its entry once."""

    def __init__(self, lake):
        self.lake = lake
        self.decoded = {}

    def rows(self, entry, subject):
        key = entry["key"]
        if key not in self.decoded:
            self.decoded[key] = self.decode(entry, subject)
        return self.decoded[key]

    def decode(self, entry, subject):
        path = self.lake / entry["key"]
        expect(path.is_file(), f"{subject}: live file {entry['key']} does not exist")
        data = path.read_bytes()
        expect(len(data) == entry["size"], f"{subject}: {entry['key']} has another size than its entry")
        expect(hashlib.sha256(data).hexdigest() == entry["sha256"], f"{subject}: {entry['key']} has another checksum than its entry")
        table = pq.read_table(pa.BufferReader(data))
        expect(table.num_rows == entry["rows"], f"{subject}: {entry['key']} has another number of rows than its entry")
        expect(table.column_names[:4] == METADATA, f"{subject}: {entry['key']} does not begin with the metadata columns")
        columns = {name: (table.schema.field(name).type, values_of(table.column(name))) for name in table.column_names}
        positions = columns["_position"][1]
        expect(min(positions) == entry["minPosition"] and max(positions) == entry["maxPosition"], f"{subject}: {entry['key']} has other positions than its entry")
        return table.num_rows, columns


def values_of(column):
    """Python values; dates and timestamps stay integers, because Python's own end with the year 9999."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    return column.to_pylist()


# --------------------------------------------------------------------------------------------- canonical renderings


def date_text(days):
    shifted = days + 719468
    era, day_of_era = divmod(shifted, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return f"{sign}{abs(year):04d}-{month:02d}-{day:02d}"


def timestamp_text(micros):
    days, rest = divmod(micros, 86_400_000_000)
    seconds, fraction = divmod(rest, 1_000_000)
    return f"{date_text(days)} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:06d}"


def canonical(value, file_type, kind, scale):
    """One value as text; floats as the hex digits of their bits."""
    if value is None:
        return None
    if kind == "bool":
        return "t" if value else "f"
    if kind in ("int16", "int32", "int64"):
        return str(value)
    if kind == "float32":
        return struct.pack(">f", value).hex()
    if kind == "float64":
        return struct.pack(">d", value).hex()
    if kind == "decimal":
        return f"{Decimal(value):.{scale}f}"
    if kind == "binary":
        return value.hex()
    if kind == "date":
        return date_text(value)
    if kind == "timestamp":
        return timestamp_text(value)
    expect(kind == "utf8", f"unknown kind {kind}")
    if isinstance(value, str):
        return value
    return timestamp_text(value) if pa.types.is_timestamp(file_type) else str(value)


def initial_text(text, kind):
    if text is None:
        return None
    if kind == "float32":
        return struct.pack(">f", float(text)).hex()
    return struct.pack(">d", float(text)).hex() if kind == "float64" else text


# ------------------------------------------------------------------------------------------------ from files to rows


class Row:
    __slots__ = ("op", "position", "committed_at", "unchanged", "values")

    def __init__(self, op, position, committed_at, unchanged, values):
        self.op, self.position, self.committed_at, self.unchanged, self.values = op, position, committed_at, unchanged, values

    def history(self):
        committed_at = None if self.committed_at is None else timestamp_text(self.committed_at)
        return [self.op, self.position, committed_at, self.unchanged, self.values]


def rows_of(files, entry, schema, subject):
    """The file's rows with the columns that the schema has now, as canonical texts."""
    count, columns = files.rows(entry, subject)
    op, position, committed_at, unchanged = (columns[name][1] for name in METADATA)
    keyed_delete = bool(schema["key"]) and schema["identity"] != "full"
    rendered = []
    for column in live_columns(schema):
        kind, scale = column["type"]["kind"], column["type"].get("scale")
        file_type, values = columns.get(column["physical"], (None, None))
        texts = [None] * count if values is None else [canonical(value, file_type, kind, scale) for value in values]
        initial = column.get("initial")
        if initial is not None:
            text = initial_text(initial["text"], kind)
            for row in range(count):
                image = op[row] != "t" and not (op[row] == "d" and keyed_delete)
                if image and position[row] < initial["before"]:
                    texts[row] = text
        rendered.append(texts)
    for row in range(count):
        yield Row(op[row], position[row], committed_at[row], unchanged[row], [texts[row] for texts in rendered])


def live_columns(schema):
    return [column for column in schema["columns"] if not column.get("dropped")]


def rebuild(files, table, subject):
    """Current rows (None before the first snapshot is complete) and history of a table."""
    schema, base = table["schema"], table["base"]
    base_rows = [row for entry in (base or {"files": []})["files"] for row in rows_of(files, entry, schema, subject)]
    change_rows = [row for entry in table["changes"] for row in rows_of(files, entry, schema, subject)]
    change_rows.sort(key=lambda row: row.position)
    for before, after in zip(change_rows, change_rows[1:]):
        expect(before.position < after.position, f"{subject}: the change at {after.position} is in two live files")
    expect(all(row.op == "r" for row in base_rows), f"{subject}: a base file holds a change")
    history = [row.history() for row in sorted(base_rows, key=lambda row: (row.position, str(row.values))) + change_rows]
    if base is None:
        return None, history
    renewed = base.get("renewed")
    if renewed is not None:
        base_rows = [row for entry in renewed["files"] for row in rows_of(files, entry, schema, subject)]
        expect(all(row.op in "rcu" and row.position <= renewed["boundary"] for row in base_rows), f"{subject}: a renewed base holds other rows than those current at its boundary")
    changes = [row for row in change_rows if row.position > (renewed or base)["boundary"]]
    truncated = max((row.position for row in changes if row.op == "t"), default="")
    rows = [row for row in base_rows + changes if row.op != "t" and row.position > truncated]
    names = [column["physical"] for column in live_columns(schema)]
    key = [names.index(name) for name in schema["key"]]
    current = newest_by_key(rows, key, subject) if key else bag(rows, subject)
    return sorted(current, key=lambda values: [(text is not None, text or "") for text in values]), history


def newest_by_key(rows, key, subject):
    newest = {}
    for row in rows:
        identity = tuple(row.values[index] for index in key)
        known = newest.get(identity)
        if known is not None:
            expect(known.position != row.position, f"{subject}: a key stands twice at {row.position}")
        if known is None or known.position < row.position:
            newest[identity] = row
    return [row.values for row in newest.values() if row.op != "d"]


def bag(rows, subject):
    count = Counter()
    for row in rows:
        count[tuple(row.values)] += -1 if row.op == "d" else 1
    expect(min(count.values(), default=0) >= 0, f"{subject}: more deletes than rows of one value")
    return [list(values) for values in count.elements()]


# ------------------------------------------------------------------------------------------------------- the output


def digest(rows):
    if rows is None:
        return None
    total = hashlib.sha256()
    for row in rows:
        total.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return {"count": len(rows), "sha256": total.hexdigest()}


def describe(files, state, commit, options):
    tables = {}
    for name, table in sorted(state["tables"].items()):
        if options.table is not None and name != options.table:
            continue
        rows, history = rebuild(files, table, f"commit {commit['number']}, table {name}")
        shown = digest if options.digest else lambda found: found
        tables[name] = {
            "columns": [column["name"] for column in live_columns(table["schema"])],
            "boundary": table["base"] and table["base"]["boundary"],
            "through": table["base"] and table["base"]["through"],
            "rows": shown(rows),
            "history": shown(history),
        }
    return {"commit": commit["number"], "position": state["position"], "kind": commit["kind"], "tables": tables}


def main():
    parser = argparse.ArgumentParser(description="Rebuilds the tables of a Portage lake")
    parser.add_argument("lake", type=pathlib.Path)
    parser.add_argument("integration")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--at", type=int)
    parser.add_argument("--newest", action="store_true")
    parser.add_argument("--digest", action="store_true")
    parser.add_argument("--table")
    options = parser.parse_args()
    files = Files(options.lake)
    state = {"position": None, "tables": {}}
    last = None
    for commit in read_commits(options.lake, options.prefix, options.integration):
        fold(state, commit)
        check_live_list(options.lake, options.prefix, options.integration, commit["number"], state)
        last = commit
        if options.at == commit["number"] or (options.at is None and not options.newest):
            print(json.dumps(describe(files, state, commit, options), ensure_ascii=False))
        if options.at == commit["number"]:
            return
    expect(options.at is None, f"commit {options.at} does not exist")
    if options.newest and last is not None:
        print(json.dumps(describe(files, state, last, options), ensure_ascii=False))


if __name__ == "__main__":
    main()
