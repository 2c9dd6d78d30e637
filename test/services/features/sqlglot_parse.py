"""Parses SQL scripts with sqlglot in a dialect; prints per script how many statements it has. Ends with the parser's own message."""
import json
import sys

import sqlglot
from sqlglot import exp

dialect, *paths = sys.argv[1:]
for path in paths:
    with open(path, encoding='utf-8') as file:
        text = file.read()
    # The body of a function is text to the statement around it: it is parsed by itself as well.
    bodies = text.split('$$')[1::2]
    statements = []
    for sql in [text, *bodies]:
        for statement in sqlglot.parse(sql, read=dialect, error_level=sqlglot.ErrorLevel.RAISE):
            if statement is None:
                continue
            if isinstance(statement, exp.Command):
                raise SystemExit('%s: not understood: %s' % (path, statement.sql()[:200]))
            statements.append(type(statement).__name__)
    print(json.dumps({'statements': statements}))
