"""snowflake-connector-python against the local endpoint. Arguments: port, file with a private key (PEM). Passwords and tokens
from the environment.

Prints one JSON object per check: {"check": name, "ok": true}, or "ok": false and the difference."""
import datetime
import json
import os
import sys
import traceback
from decimal import Decimal

import snowflake.connector as connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

PORT, PRIVATE_KEY = int(sys.argv[1]), sys.argv[2]
CHECKS = []
connector.paramstyle = "qmark"


def check(function):
    CHECKS.append(function)
    return function


def connect(**more):
    options = {"user": "ADA", "password": os.environ["ENDPOINT_PASSWORD"], "database": "DB", "schema": "PUBLIC", "warehouse": "WH"}
    options.update(more)
    return connector.connect(
        account="local",
        host="127.0.0.1",
        port=PORT,
        protocol="http",
        session_parameters={"TIMEZONE": "UTC", "QUERY_TAG": "python"},
        login_timeout=20,
        **{name: value for name, value in options.items() if value is not None},
    )


def same(found, expected):
    if found != expected or [type(each) for each in found] != [type(each) for each in expected]:
        raise AssertionError(f"expected {expected!r}, found {found!r}")


def refused(call, errno, sqlstate=None):
    try:
        call()
    except DatabaseError as error:
        same([error.errno, error.sqlstate if sqlstate else None], [errno, sqlstate])
        return
    raise AssertionError(f"expected error {errno}, found none")


@check
def four_ways_to_log_in():
    for options in (
        {},
        {"password": None, "authenticator": "SNOWFLAKE_JWT", "private_key_file": PRIVATE_KEY},
        {"password": None, "authenticator": "OAUTH", "token": os.environ["ENDPOINT_OAUTH"]},
        {"password": None, "authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": os.environ["ENDPOINT_PAT"]},
    ):
        with connect(**options) as session:
            same(list(session.cursor().execute("select current_user()").fetchone()), ["ADA"])


@check
def wrong_password():
    refused(lambda: connect(password="wrong"), 390100, "28000")


@check
def values():
    with connect() as session:
        row = session.cursor().execute(
            """select 9007199254740993, '99999999999999999999999999999999.9999'::number(36,4), 1.5::float, 'NULL', true,
               '0001-01-01'::date, '23:59:59.123456'::time, '2024-02-29 12:34:56.123456'::timestamp_ntz,
               to_binary('00FFA0', 'HEX'), parse_json('{"a": [1, null]}'), null::varchar"""
        ).fetchone()
        found = list(row)
        found[9] = json.loads(found[9])
        same(
            found,
            [
                9007199254740993,
                Decimal("99999999999999999999999999999999.9999"),
                1.5,
                "NULL",
                True,
                datetime.date(1, 1, 1),
                datetime.time(23, 59, 59, 123456),
                datetime.datetime(2024, 2, 29, 12, 34, 56, 123456),
                bytes.fromhex("00FFA0"),
                {"a": [1, None]},
                None,
            ],
        )


@check
def bindings():
    with connect() as session:
        row = session.cursor().execute("select ?, ?, ?", ("it's", 42, None)).fetchone()
        same(list(row), ["it's", 42, None])


@check
def statements_and_counts():
    with connect() as session:
        cursor = session.cursor()
        cursor.execute("create or replace table py_numbers (n number(38,0), t varchar)")
        cursor.execute("insert into py_numbers values (1, 'a'), (2, null), (3, 'c')")
        same([cursor.rowcount], [3])
        cursor.execute("delete from py_numbers where n = 3")
        same([cursor.rowcount], [1])
        cursor.execute("select n, t from py_numbers order by n")
        same(cursor.fetchall(), [(1, "a"), (2, None)])
        same([column.name for column in cursor.description], ["N", "T"])


@check
def transactions():
    with connect() as session:
        cursor = session.cursor()
        cursor.execute("create or replace table py_kept (n number(38,0))")
        cursor.execute("begin")
        cursor.execute("insert into py_kept values (1)")
        cursor.execute("rollback")
        same(list(cursor.execute("select count(*) from py_kept").fetchone()), [0])


@check
def chunks():
    with connect() as session:
        cursor = session.cursor()
        cursor.execute("create or replace table py_digits (d number(38,0))")
        cursor.execute("insert into py_digits values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
        cursor.execute(
            """select a.d * 1000 + b.d * 100 + c.d * 10 + e.d as n
               from py_digits a cross join py_digits b cross join py_digits c cross join py_digits e order by n"""
        )
        same([row[0] for row in cursor], list(range(10_000)))


@check
def asynchronous():
    with connect() as session:
        cursor = session.cursor()
        cursor.execute_async("select 7")
        cursor.get_results_from_sfqid(cursor.sfqid)
        same(list(cursor.fetchone()), [7])


@check
def errors():
    with connect() as session:
        refused(lambda: session.cursor().execute("selekt 1"), 1003, "42000")
        refused(lambda: session.cursor().execute("select * from nowhere"), 2003, "42S02")


@check
def renewal_and_faults():
    with connect() as session:
        for text in ("expired", "unavailable", "lost"):
            same(list(session.cursor().execute(f"select '{text}'").fetchone()), [text])


for each in CHECKS:
    try:
        each()
        print(json.dumps({"check": each.__name__, "ok": True}))
    except Exception:
        print(json.dumps({"check": each.__name__, "ok": False, "why": traceback.format_exc(limit=-3)}))
