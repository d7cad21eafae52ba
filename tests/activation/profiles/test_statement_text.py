"""ClickHouse over HTTP: statements in the body or the query, and data after `FORMAT`."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.activation.profiles.support import endpoint_of, head_of
from tests.activation.sql.support import judge, where

HOST = "https://a.clickhouse.cloud"
JUDGE = judge()


def rules(query: str, body: bytes) -> set[str]:
    line = f"POST {HOST}/?query={quote(query)}" if query else f"POST {HOST}/"
    head = head_of(line, "")
    batch = endpoint_of(line, head).read(head, body)
    return {one.rule for one in JUDGE.judge(batch.statements, batch.dialect, where())}


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("INSERT INTO t FORMAT JSONEachRow", b'{"a":1}\n{"a":"DROP TABLE t; --"}\n'),
        ("INSERT INTO db.t (a, `b c`) FORMAT Native", b"\x02\xff\x00binary"),
        ("", b"INSERT INTO t (a) FORMAT CSV\n1\n2\n"),
        ("", b'insert into "t" format TabSeparated\n1\t\xff\n'),
        ("INSERT INTO t VALUES", b"(1), (2)"),
        ("", b"SELECT 1 FORMAT JSON"),
    ],
)
def test_data_is_no_statement(query: str, body: bytes) -> None:
    assert rules(query, body) == set()


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("INSERT INTO FUNCTION url('http://x', CSV) FORMAT CSV", b"1\n"),
        ("INSERT INTO t SELECT 'FORMAT CSV' FROM url('http://x', CSV)", b""),
        ("DROP TABLE t FORMAT CSV", b"1\n"),
        ("SELECT 1 FORMAT CSV", b"; DROP TABLE t"),
        ("INSERT INTO t (a) SELECT * FROM file('/etc/passwd')", b" FORMAT CSV\n1"),
        ("", b"ALTER TABLE t DELETE WHERE 1 FORMAT CSV"),
    ],
)
def test_statements_are_judged_whatever_stands_after_them(query: str, body: bytes) -> None:
    assert rules(query, body)
