"""Dropping checkpoints with real Git, a real PostgreSQL, a store that checks signatures, and a folder; and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from recorder.anchoring import folder, statements
from recorder.anchoring.errors import AnchorError, AnchorSettingsError, ContradictionError
from recorder.anchoring.git import Repository
from recorder.anchoring.objects import Bucket
from recorder.anchoring.placed import Receipt, Tip, place_name
from recorder.anchoring.warehouse import Postgres, receipt_of_row
from tests.support import object_store
from tests.support.object_store import ObjectStore
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import run
from tests.support.witness_process import SignedLog

ORIGIN = "log.example/main"


@pytest.fixture
def log() -> SignedLog:
    return SignedLog(ORIGIN, [sha256(bytes([number])).digest() for number in range(40)])


@pytest.fixture
def other(log: SignedLog) -> SignedLog:
    """Another history signed by the same key."""
    made = SignedLog(ORIGIN, log.leaves[::-1])
    made.key = log.key
    return made


def tip(log: SignedLog, size: int) -> Tip:
    return Tip.of(log.checkpoint(size))


def check(receipt: Receipt, log: SignedLog, size: int) -> None:
    assert (receipt.origin, receipt.size, receipt.root) == (ORIGIN, size, tip(log, size).root)
    assert Receipt.parse(receipt.to_bytes()) == receipt


# -- Git -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    run(["git", "init", "-q", "--bare", tmp_path / "remote.git"], check=True)
    return tmp_path / "remote.git"


def clone(remote: Path, path: Path) -> Path:
    run(["git", "clone", "-q", remote, path], check=True)
    return path


def commits(path: Path, branch: str = "clyra-anchors") -> list[str]:
    return run(["git", "-C", path, "log", "--format=%s", branch], check=True).stdout.splitlines()


def test_git_keeps_each_checkpoint_as_a_commit_and_pushes_it(tmp_path: Path, remote: Path, log: SignedLog) -> None:
    work = clone(remote, tmp_path / "work")
    (work / "file").write_text("someone is working here")
    (work / ".git/hooks/pre-push").write_text("#!/bin/sh\nexit 1\n")
    (work / ".git/hooks/pre-push").chmod(0o755)
    drop = Repository(work, remote="origin")
    for size in (3, 8, 8, 40):
        check(Receipt.parse(drop.drop(tip(log, size)).content), log, size)
    assert len(commits(remote)) == len(commits(work)) == 3
    assert run(["git", "-C", work, "status", "--porcelain"], check=True).stdout == "?? file\n"

    fresh = Repository(clone(remote, tmp_path / "auditor"), remote="origin")
    check(fresh.fetch(ORIGIN, None), log, 40)
    check(fresh.fetch(ORIGIN, 8), log, 8)
    newest = run(["git", "-C", remote, "rev-parse", "clyra-anchors"], check=True).stdout.strip()
    assert fresh.fetch(ORIGIN, 40).version == newest
    with pytest.raises(AnchorError):
        fresh.fetch(ORIGIN, 9)
    with pytest.raises(AnchorError):
        fresh.fetch("log.example/unknown", None)


def test_git_works_without_a_remote_and_in_a_bare_repository(remote: Path, log: SignedLog) -> None:
    drop = Repository(remote)
    drop.drop(tip(log, 5))
    check(drop.fetch(ORIGIN, None), log, 5)


def test_two_recorders_share_a_branch(tmp_path: Path, remote: Path, log: SignedLog) -> None:
    second = SignedLog("log.example/second", log.leaves)
    one = Repository(clone(remote, tmp_path / "one"), remote="origin")
    two = Repository(clone(remote, tmp_path / "two"), remote="origin")
    one.drop(tip(log, 5))
    two.drop(Tip.of(second.checkpoint(6)))
    one.drop(tip(log, 9))
    assert len(commits(remote)) == 3
    assert two.fetch(ORIGIN, None).size == 9


def test_a_rewritten_or_contradicting_branch_is_named(
    tmp_path: Path, remote: Path, log: SignedLog, other: SignedLog
) -> None:
    drop = Repository(clone(remote, tmp_path / "work"), remote="origin")
    drop.drop(tip(log, 9))
    for contradiction in (tip(log, 5), tip(other, 9)):
        with pytest.raises(ContradictionError):
            drop.drop(contradiction)
    forger = clone(remote, tmp_path / "forger")
    Repository(forger).drop(tip(other, 7))
    run(["git", "-C", forger, "push", "-q", "--force", "origin", "clyra-anchors"], check=True)
    with pytest.raises(ContradictionError, match="rewrote"):
        drop.drop(tip(log, 12))


def test_a_push_that_fails_is_an_error_and_made_good_later(tmp_path: Path, remote: Path, log: SignedLog) -> None:
    drop = Repository(clone(remote, tmp_path / "work"), remote="origin")
    remote.rename(tmp_path / "away.git")
    with pytest.raises(AnchorError):
        drop.drop(tip(log, 3))
    (tmp_path / "away.git").rename(remote)
    drop.drop(tip(log, 8))
    assert drop.fetch(ORIGIN, None).size == 8
    with pytest.raises(AnchorError):
        Repository(tmp_path / "nowhere").drop(tip(log, 3))


# -- folder --------------------------------------------------------------------------------------------------------


def test_a_folder_keeps_every_checkpoint_and_refuses_another_history(
    tmp_path: Path, log: SignedLog, other: SignedLog
) -> None:
    for size in (3, 8, 8):
        check(Receipt.parse(folder.drop(tmp_path, tip(log, size)).content), log, size)
    check(folder.fetch(tmp_path, ORIGIN, None), log, 8)
    check(folder.fetch(tmp_path, ORIGIN, 3), log, 3)
    assert (tmp_path / place_name(ORIGIN) / "0000000000000008.checkpoint").read_bytes() == log.checkpoint(8)
    with pytest.raises(ContradictionError):
        folder.drop(tmp_path, tip(other, 8))
    with pytest.raises(AnchorError):
        folder.drop(tmp_path / "missing", tip(log, 8))
    with pytest.raises(AnchorError):
        folder.fetch(tmp_path, ORIGIN, 7)


# -- object store --------------------------------------------------------------------------------------------------


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with object_store.serving() as serving:
        for name, value in serving.environment.items():
            monkeypatch.setenv(name, value)
        yield serving


def test_an_object_store_gets_signed_and_locked_objects(store: ObjectStore, log: SignedLog) -> None:
    bucket = Bucket("s3://evidence/clyra", store.url, object_store.REGION, retain_days=30)
    placed = bucket.drop(tip(log, 8))
    check(Receipt.parse(placed.content), log, 8)
    [(path, [version])] = store.objects.items()
    assert path == f"evidence/clyra/{place_name(ORIGIN)}/0000000000000008.checkpoint"
    assert (version.content, version.lock_mode, placed.version) == (log.checkpoint(8), "COMPLIANCE", "v1")
    until = datetime.fromisoformat(version.lock_until)
    assert timedelta(days=29) < until - datetime.now(UTC) <= timedelta(days=30)
    bucket.drop(tip(log, 30))
    check(bucket.fetch(ORIGIN, None), log, 30)
    check(bucket.fetch(ORIGIN, 8), log, 8)
    assert store.refused == []


def test_an_object_store_that_refuses_is_an_error(
    store: ObjectStore, log: SignedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket("s3://evidence", store.url, object_store.REGION)
    with pytest.raises(AnchorError):
        bucket.fetch(ORIGIN, None)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(AnchorError, match="SignatureDoesNotMatch"):
        bucket.drop(tip(log, 8))
    assert store.refused == ["SignatureDoesNotMatch"]
    assert store.objects == {}
    with pytest.raises(AnchorError):
        Bucket("s3://evidence", "http://127.0.0.1:1", object_store.REGION, timeout_s=1).drop(tip(log, 8))
    with pytest.raises(AnchorSettingsError):
        Bucket("http://evidence").drop(tip(log, 8))


# -- warehouse -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        with psycopg.connect(server.owner) as owner:
            owner.execute("CREATE ROLE clyra_recorder LOGIN")
        yield server


@pytest.fixture
def table(postgres: PostgresServer) -> Postgres:
    """The table as its owner makes it from our DDL, used by the recorder's role."""
    with psycopg.connect(postgres.owner) as owner:
        owner.execute("DROP TABLE IF EXISTS clyra_anchor")
        owner.execute(statements.create("postgres", "clyra_anchor"))
    return Postgres(postgres.dsn("clyra_recorder"))


def test_a_table_keeps_every_checkpoint(table: Postgres, log: SignedLog) -> None:
    for size in (3, 8, 8):
        check(Receipt.parse(table.drop(tip(log, size), b"token").content), log, size)
    check(table.fetch(ORIGIN, None), log, 8)
    check(table.fetch(ORIGIN, 3), log, 3)
    with pytest.raises(AnchorError):
        table.fetch(ORIGIN, 4)


def test_a_table_that_knows_another_history_is_named(table: Postgres, log: SignedLog, other: SignedLog) -> None:
    table.drop(tip(log, 9))
    for contradiction in (tip(other, 9), tip(log, 5)):
        with pytest.raises(ContradictionError):
            table.drop(contradiction)


def test_the_recorders_role_cannot_change_or_date_what_it_wrote(
    table: Postgres, log: SignedLog, postgres: PostgresServer
) -> None:
    table.drop(tip(log, 9))
    for statement in (
        "UPDATE clyra_anchor SET size = 8",
        "DELETE FROM clyra_anchor",
        "TRUNCATE clyra_anchor",
        "DROP TABLE clyra_anchor",
        "INSERT INTO clyra_anchor(origin, size, root, note, written_at) VALUES ('a', 1, repeat('0', 64), '', now())",
    ):
        with psycopg.connect(postgres.dsn("clyra_recorder")) as role, pytest.raises(psycopg.Error):
            role.execute(statement)


def test_the_printed_statements_do_the_same(table: Postgres, log: SignedLog, postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.dsn("clyra_recorder")) as role:
        for size in (4, 9, 9, 5):
            role.execute(statements.insert("postgres", "clyra_anchor", tip(log, size)))
        row = role.execute(statements.select("postgres", "clyra_anchor", ORIGIN)).fetchone()
        assert row is not None
        exported = json.loads(json.dumps(dict(zip(("origin", "size", "root", "note"), row, strict=False))))
    check(receipt_of_row(exported, "snowflake:account/clyra_anchor"), log, 9)
    assert table.fetch(ORIGIN, None).size == 9


@pytest.mark.parametrize("dialect", statements.DIALECTS)
def test_statements_hold_any_origin_as_a_literal(dialect: str, log: SignedLog) -> None:
    hostile = SignedLog("log.example/it's\\'", log.leaves)
    text = statements.insert(dialect, "audit.clyra_anchor", Tip.of(hostile.checkpoint(3)))
    quoted = "'log.example/it''s\\'''" if dialect == "postgres" else "'log.example/it\\'s\\\\\\''"
    assert text.count(quoted) == 2
    assert "audit.clyra_anchor" in statements.create(dialect, "audit.clyra_anchor")
    assert quoted in statements.select(dialect, "audit.clyra_anchor", hostile.origin)


@pytest.mark.parametrize("name", ["", "a b", "a;drop", 'a"b', "a.b.c.d", "1a", "a-b"])
def test_a_table_name_is_plain(name: str, log: SignedLog) -> None:
    with pytest.raises(AnchorSettingsError):
        statements.create("postgres", name)
    with pytest.raises((AnchorSettingsError, AnchorError)):
        Postgres("host=/nowhere", name).fetch(ORIGIN, None)


def test_a_warehouse_that_is_away_is_an_error_without_its_secret(tmp_path: Path, log: SignedLog) -> None:
    away = Postgres(f"host={tmp_path} user=u password=very-secret dbname=d", timeout_s=2)
    with pytest.raises(AnchorError) as caught:
        away.drop(tip(log, 3))
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"origin": ORIGIN, "size": 3},
        {"origin": ORIGIN, "size": "x", "root": "00" * 32},
        {"origin": ORIGIN, "size": 0, "root": "00" * 32},
        {"origin": ORIGIN, "size": 3, "root": "00"},
        {"origin": ORIGIN, "size": 3, "root": "00" * 32, "note": "nonsense"},
    ],
)
def test_a_row_that_is_no_anchor_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(AnchorError):
        receipt_of_row(row, "somewhere")


def test_a_row_that_disagrees_with_its_own_checkpoint_is_refused(log: SignedLog) -> None:
    note = log.checkpoint(9).decode()
    with pytest.raises(AnchorError, match="disagrees"):
        receipt_of_row({"origin": ORIGIN, "size": 8, "root": tip(log, 8).root.hex(), "note": note}, "x")
