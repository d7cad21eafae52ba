"""Row commitments: SQL in a real PostgreSQL and our own code agree on every type; proofs show one row and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import database
from recorder.errors import KeyFileError
from recorder.layout import Layout
from recorder.local import request_seal
from recorder.main import prepare
from recorder.merkle import leaf_hash, root_of
from recorder.snapshot import postgres as snapshots
from recorder.snapshot import statements
from recorder.snapshot.proof import RowProof, prove
from recorder.snapshot.row import Column, RowError, commit, root_of_rows, row_bytes, schema_digest, text_of
from recorder.snapshot.salt import create_salt, read_salt
from tests.support.clyra_command import clyra
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.recorder_process import running_recorder

SALT = bytes(range(32))
KINDS = {
    "bool": "boolean",
    "int": "bigint",
    "decimal": "numeric",
    "float": "double precision",
    "text": "text",
    "bytes": "bytea",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "uuid": "uuid",
}
COLUMNS = [Column(f'a {kind}\'s "column" %s', kind) for kind in KINDS]
TEXT = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=("Cs",)), max_size=30)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "decimal": st.decimals(allow_infinity=False, allow_nan=False, places=6)
    | st.sampled_from([Decimal("NaN"), Decimal("0.00"), Decimal("-0"), Decimal("1E+30"), Decimal("1e-20")]),
    "float": st.floats(),
    "text": TEXT,
    "bytes": st.binary(max_size=20),
    "date": st.dates(),
    "time": st.times(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(
        datetime(2, 1, 1),
        datetime(9998, 1, 1),
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
    ),
    "uuid": st.uuids(),
}
ROWS = st.lists(st.tuples(*(st.none() | VALUES[kind] for kind in KINDS)), max_size=8)


def texts_of(row: tuple[Any, ...]) -> list[str | None]:
    return [text_of(value, column.kind) for value, column in zip(row, COLUMNS, strict=True)]


def commitments_of(rows: list[tuple[Any, ...]]) -> list[bytes]:
    return sorted(commit(SALT, row_bytes(COLUMNS, texts_of(row))).commitment for row in rows)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as started:
        yield started


def create(server: PostgresServer) -> None:
    columns = ", ".join('"' + one.name.replace('"', '""') + '" ' + KINDS[one.kind] for one in COLUMNS)
    with psycopg.connect(server.owner) as owner:
        owner.execute("DROP TABLE IF EXISTS things")
        owner.execute(f"CREATE TABLE things ({columns})".encode())


def fill(server: PostgresServer, rows: list[tuple[Any, ...]]) -> None:
    with psycopg.connect(server.owner) as owner:
        owner.execute("TRUNCATE things")
        places = ", ".join(["%s"] * len(COLUMNS))
        for row in rows:
            owner.execute(f"INSERT INTO things VALUES ({places})", row)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_the_database_computes_what_we_define(server: PostgresServer, rows: list[tuple[Any, ...]]) -> None:
    create(server)
    fill(server, rows)
    kept = BytesIO()
    found = snapshots.take(server.owner, "things", SALT, kept)
    wanted = commitments_of(rows)
    assert kept.getvalue() == b"".join(wanted)
    assert (found.root, found.rows) == (root_of([leaf_hash(one) for one in wanted]), len(rows))
    assert list(found.columns) == COLUMNS
    assert found.table == "public.things"


SAMPLE = (True, 7, Decimal("12.50"), 1.5, "naïve\n:-", b"\x00\xff", date(2026, 2, 3), time(4, 5, 6, 7),
          datetime(2026, 2, 3, 4, 5, 6), datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), UUID(int=5))  # fmt: skip


def test_the_form_of_a_row_is_as_written() -> None:
    columns = [Column("id", "int"), Column("name", "text"), Column("gone", "text")]
    digest = schema_digest(columns)
    assert row_bytes(columns, ["7", "naïve", None]) == f"row/0\n{digest}\n1:7\n6:naïve\n-\n".encode()
    assert texts_of(SAMPLE) == [
        "true",
        "7",
        "12.5",
        "3ff8000000000000",
        "naïve\n:-",
        "00ff",
        "2026-02-03",
        "04:05:06.000007",
        "2026-02-03T04:05:06.000000",
        "2026-02-03T04:05:06.000000Z",
        "00000000-0000-0000-0000-000000000005",
    ]


@settings(max_examples=100)
@given(ROWS, ROWS)
def test_other_rows_have_another_root(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> None:
    same = sorted(map(repr, map(texts_of, one))) == sorted(map(repr, map(texts_of, other)))
    assert (root_of_rows(commitments_of(one)) == root_of_rows(commitments_of(other))) == same


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "int"), (1, "bool"), ("1", "int"), (1.0, "decimal"), (datetime(2026, 1, 1), "date"),
     (datetime(2026, 1, 1), "timestamptz"), (datetime(2026, 1, 1, tzinfo=UTC), "timestamp"), (1, "text"), (1, "other")],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(value: object, kind: str) -> None:
    with pytest.raises(RowError):
        text_of(value, kind)


def test_unsorted_commitments_are_refused() -> None:
    with pytest.raises(RowError):
        root_of_rows([b"\x02" * 32, b"\x01" * 32])


def test_types_without_a_form_count_as_their_text(server: PostgresServer) -> None:
    with psycopg.connect(server.owner) as owner:
        owner.execute("DROP TABLE IF EXISTS odd")
        owner.execute("CREATE TABLE odd (j jsonb, a int[], i interval, c char(5), v varchar(9))")
        owner.execute("""INSERT INTO odd VALUES ('{"b": 1, "a": [true]}', '{1,NULL}', '1 day 2 hours', 'x', 'y')""")
    columns = [Column(name, "text") for name in "jaicv"]
    row = row_bytes(columns, ['{"a": [true], "b": 1}', "{1,NULL}", "P1DT2H", "x", "y"])
    found = snapshots.take(server.owner, "odd", SALT)
    assert found.root == root_of([leaf_hash(commit(SALT, row).commitment)])


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9])
def test_a_proof_shows_one_row_and_any_change_breaks_it(tmp_path: Path, rows: int) -> None:
    columns = [Column("id", "int"), Column("name", "text")]
    table: list[list[str | None]] = [[str(number), f"name {number % 3}"] for number in range(rows)]
    sorted_ones = sorted(commit(SALT, row_bytes(columns, row)).commitment for row in table)
    leaves = tmp_path / "leaves"
    leaves.write_bytes(b"".join(sorted_ones))
    root, count = root_of_rows(sorted_ones)
    for row in table:
        proof = prove(leaves, columns, row, SALT)
        assert (proof.root, proof.rows) == (root, count)
        parsed = RowProof.parse(proof.to_bytes())
        parsed.check()
        assert SALT.hex() not in proof.to_bytes().decode()
        document = json.loads(proof.to_bytes())
        changes: list[dict[str, Any]] = [
            {"row": ["99", row[1]]},
            {"row": [row[0], None]},
            {"row_salt": "0" * 64},
            {"rows_root": "0" * 64},
            {"index": document["index"] + 1},
            {"proof": [*document["proof"], "0" * 64]},
            {"schema": [{"name": "id", "type": "int"}, {"name": "nome", "type": "text"}]},
        ]
        for change in changes:
            raw = json.dumps(document | change, separators=(",", ":"), sort_keys=True).encode()
            with pytest.raises(RowError):
                RowProof.parse(raw).check()
    with pytest.raises(RowError, match="not in the snapshot"):
        prove(leaves, columns, ["7", "nobody"], SALT)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_proof(raw: bytes) -> None:
    with pytest.raises(RowError):
        RowProof.parse(raw)


@pytest.mark.parametrize("dialect", statements.DIALECTS)
def test_every_dialect_has_a_query(dialect: str) -> None:
    columns = [one for one in COLUMNS if one.kind != "float"]
    text = statements.commitments(dialect, "db.schema.things", columns, SALT)
    assert SALT.hex() not in text
    assert text.count("db.schema.things") == 1
    for bad in ("things; DROP", "a b", ""):
        with pytest.raises(RowError):
            statements.commitments(dialect, bad, columns, SALT)
    with pytest.raises(RowError):
        statements.commitments(dialect, "things", columns, b"short")


def test_a_salt_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "rows" / "t.salt"
    made = create_salt(path)
    assert create_salt(path) == read_salt(path) == made
    path.chmod(0o644)
    with pytest.raises(KeyFileError):
        read_salt(path)
    path.chmod(0o600)
    path.write_text("nonsense")
    with pytest.raises(KeyFileError):
        read_salt(path)


def test_a_snapshot_is_recorded_sealed_and_a_row_proven_from_the_bundle(tmp_path: Path, server: PostgresServer) -> None:
    with psycopg.connect(server.owner) as owner:
        owner.execute("DROP TABLE IF EXISTS leads")
        owner.execute("CREATE TABLE leads (id bigint PRIMARY KEY, name text, amount numeric(12,2))")
        owner.execute("INSERT INTO leads SELECT n, 'lead ' || n, n * 1.10 FROM generate_series(1, 500) n")
    layout = Layout(tmp_path / "home")
    prepare(layout)
    leaves, proof = tmp_path / "leaves", tmp_path / "row.json"
    env = {"CLYRA_SNAPSHOT_DSN": server.owner}
    with running_recorder(layout.root):
        words = ("snapshot", "take", "--table", "leads", "--leaves", leaves, "--job", "nightly", "--json")
        done = clyra(*words, home=layout.root, env=env)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        words = ("snapshot", "prove", "--table", "leads", "--key", "id=7", "--leaves", leaves, "--out", proof)
        assert clyra(*words, home=layout.root, env=env).returncode == 0
        bundle = request_seal(layout.socket, None, None)["path"]
    with closing(database.open_for_reading(layout.database)) as connection:
        [line] = connection.execute("SELECT line FROM records WHERE seq = ?", (told["seq"],)).fetchone()
    data = json.loads(line)["data"]
    assert (data["row_count"], data["job"], data["coverage"]) == (500, "nightly", "full")
    checked = clyra("snapshot", "check", proof, "--bundle", bundle)
    assert checked.returncode == 0, checked.stderr
    assert "public.leads" in checked.stdout
    assert clyra("snapshot", "check", proof, "--root", data["rows_root"]).returncode == 0
    assert clyra("snapshot", "check", proof, "--root", "0" * 64).returncode == 1
    assert clyra("snapshot", "check", proof).returncode == 64
    proof.write_text(proof.read_text().replace("lead 7", "lead 8"))
    forged = clyra("snapshot", "check", proof, "--bundle", bundle)
    assert forged.returncode == 1
    assert "not proven" in forged.stderr
