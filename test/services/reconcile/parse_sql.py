"""Parses each statement of a JSON list in a dialect; fails at the first that the dialect does not have. Arguments: dialect, file."""
import json
import sys

import sqlglot

with open(sys.argv[2], encoding='utf-8') as file:
    statements = json.load(file)
for statement in statements:
    (tree,) = sqlglot.parse(statement, dialect=sys.argv[1], error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(tree, sqlglot.exp.Select), tree
print(json.dumps({'parsed': len(statements)}))
