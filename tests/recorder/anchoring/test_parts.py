"""The parts of anchoring one by one: settings, what is due, what is kept, what goes into a bundle, what is reported."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from recorder import note
from recorder.anchoring import report, schedule, settings
from recorder.anchoring.bundled import MAX_SIZES, anchor_members, merged, thinned, with_lines
from recorder.anchoring.errors import AnchorError, AnchorSettingsError
from recorder.anchoring.placed import Placed, Receipt, Tip, place_name, receipt_of
from recorder.anchoring.report import Failure
from recorder.anchoring.round_line import to_line
from recorder.anchoring.rounds import Round
from recorder.anchoring.settings import FolderTarget
from recorder.anchoring.shelf import Shelf
from recorder.cosignature import WITNESS_TYPE, Vkey, cosign
from recorder.keys import LocalKey
from recorder.statement import TREE_END
from tests.support.processes import run

KEY = LocalKey.of(Ed25519PrivateKey.generate())
VKEY = str(Vkey("w.example/1", KEY.public, WITNESS_TYPE))
WITNESS = {"kind": "witness", "name": "w1", "url": "https://w.example", "vkey": VKEY}


def tip(size: int) -> Tip:
    return Tip.of(note.sign_checkpoint("log.example/a", size, size.to_bytes(32), KEY))


def line(size: int, at: int = 1_767_000_000) -> bytes:
    return cosign(tip(size).text, "w.example/1", KEY, at)


# -- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        WITNESS,
        WITNESS | {"authority": "/etc/ca.pem"},
        {"kind": "rfc3161", "name": "t", "url": "http://tsa.example/r", "certificate": "/etc/tsa.pem"},
        {"kind": "git", "name": "g", "path": "/srv/clone", "remote": "origin"},
        {"kind": "object", "name": "o", "url": "s3://bucket/prefix", "endpoint": "http://minio:9000"},
        {"kind": "folder", "name": "f", "path": "/mnt/worm"},
        {"kind": "warehouse", "name": "d", "dsn_env": "DSN", "table": "audit.clyra_anchor"},
    ],
)
def test_sound_targets_are_taken_and_kept(tmp_path: Path, target: dict[str, Any]) -> None:
    path = tmp_path / "anchors.json"
    settings.add(path, target)
    [found] = settings.load(path).targets
    assert found.name == target["name"]
    with pytest.raises(AnchorSettingsError, match="same name"):
        settings.add(path, target)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "fax"},
        {"kind": "git"},
        {"name": "W1"},
        {"name": ""},
        {"url": "ftp://w.example"},
        {"url": "file:///etc/passwd"},
        {"vkey": "w.example/1+00000000+AAAA"},
        {"vkey": VKEY.replace("w.example/1", "w.example/2")},
        {"extra": 1},
    ],
)
def test_a_wrong_target_is_refused_with_its_place(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(AnchorSettingsError, match="targets/0"):
        settings.add(tmp_path / "anchors.json", WITNESS | change)
    assert not (tmp_path / "anchors.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"dsn_env": ""},
        {"dsn_env": "DSN", "dsn_file": "/etc/dsn"},
        {"dsn_env": "DSN", "table": "a; DROP TABLE b"},
        {"dsn_env": "dsn"},
    ],
)
def test_a_warehouse_names_one_secret_and_a_plain_table(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(AnchorSettingsError):
        settings.add(tmp_path / "anchors.json", {"kind": "warehouse", "name": "d"} | change)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"intervall_s": 60}', '{"interval_s": 0}', '{"targets": null}', '{"need": -1}']
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "anchors.json"
    path.write_text(text)
    with pytest.raises(AnchorSettingsError):
        settings.load(path)


def test_a_secret_is_read_from_a_private_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "dsn"
    secret.write_text("host=here\n")
    secret.chmod(0o600)
    told = settings.WarehouseTarget(name="d", dsn_file=secret)
    assert told.dsn() == "host=here"
    secret.chmod(0o644)
    with pytest.raises(Exception, match="can be read by others"):
        told.dsn()
    monkeypatch.setenv("THE_DSN", "host=there")
    assert settings.WarehouseTarget(name="d", dsn_env="THE_DSN").dsn() == "host=there"
    monkeypatch.delenv("THE_DSN")
    with pytest.raises(AnchorSettingsError):
        settings.WarehouseTarget(name="d", dsn_env="THE_DSN").dsn()


# -- what is due ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "last", "since", "due"),
    [
        (10, 10, float("inf"), True),
        (10, 10, 59.9, False),
        (10, 10, 60.0, True),
        (10_009, 10, 1.0, False),
        (10_010, 10, 1.0, True),
    ],
)
def test_a_round_is_due_by_time_or_growth(size: int, last: int, since: float, due: bool) -> None:
    assert schedule.is_due(settings.Settings(), size, last, since) is due


def log_of(*types: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE records(seq INTEGER PRIMARY KEY, line BLOB)")
    rows = [(seq, json.dumps({"typ": typ}).encode()) for seq, typ in enumerate(types)]
    connection.executemany("INSERT INTO records VALUES(?,?)", rows)
    return connection


@pytest.mark.parametrize(
    ("types", "start", "news"),
    [
        ([], 0, False),
        (["sys.genesis"], 0, True),
        (["sys.genesis", "sys.anchor", "def.anchor"], 1, False),
        (["sys.genesis", "sys.anchor", "pef.http_call"], 1, True),
        (["sys.genesis", "sys.anchor", "sys.anchor", "sys.config", "sys.anchor"], 1, True),
        (["sys.anchor"] * 600, 1, True),
    ],
)
def test_only_anchors_are_no_news(types: list[str], start: int, news: bool) -> None:
    connection = log_of(*types)
    assert schedule.has_news(connection, start, len(types)) is news
    targets = [FolderTarget(name="one", path=Path("/a")), FolderTarget(name="two", path=Path("/b"))]
    found = schedule.behind(connection, len(types), targets, {"one": start, "two": len(types)})
    assert [target.name for target in found] == (["one"] if news else [])


# -- the shelf and the bundle --------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "anchors.db")


def test_the_shelf_keeps_what_came_back_and_why_something_did_not(shelf: Shelf, tmp_path: Path) -> None:
    shelf.keep(8, tip(8).raw, "w1", Placed("witness", line(8), 100))
    shelf.note_failure("w2", 120, "away", alarm=False)
    shelf.note_failure("w1", 130, "another history", alarm=True)
    state = shelf.target("w1")
    assert (state.size, state.at, state.failed_at, state.alarm) == (8, 100, 130, True)
    assert shelf.target("w2").size == 0
    assert shelf.target("w3") == shelf.target("w4")
    shelf.keep(9, tip(9).raw, "w1", Placed("witness", line(9), 140))
    assert (shelf.target("w1").error, shelf.target("w1").alarm) == ("", False)
    other = Shelf.reading(tmp_path / "anchors.db")
    assert other is not None
    assert other.sizes(0, 8) == [8]
    assert other.sizes(8, 20) == [9]
    with pytest.raises(sqlite3.OperationalError):
        other.note_failure("w1", 1, "", alarm=False)
    assert Shelf.reading(tmp_path / "none.db") is None


def test_members_are_those_of_the_window_and_fit_its_end(shelf: Shelf) -> None:
    receipt = receipt_of("git", tip(8), "repo")
    shelf.keep(5, tip(5).raw, "w1", Placed("witness", line(5), 1))
    shelf.keep(8, tip(8).raw, "w1", Placed("witness", line(8), 2))
    shelf.keep(8, tip(8).raw, "tsa", Placed("rfc3161", b"token", 2))
    shelf.keep(8, tip(8).raw, "repo", Placed("git", receipt.to_bytes(), 2))
    shelf.keep(9, tip(9).raw, "w1", Placed("witness", line(9), 3))
    found = anchor_members(shelf, 5, 8, tip(8).raw)
    assert found == {
        "anchors/8.cosig": tip(8).raw + line(8),
        "anchors/8.tsr": b"token",
        "anchors/8.wh.json": receipt.to_bytes(),
        TREE_END: tip(8).raw + line(8),
    }
    other = note.sign_checkpoint("log.example/a", 8, bytes(32), KEY)
    assert TREE_END not in anchor_members(shelf, 5, 8, other)
    assert anchor_members(None, 0, 8, other) == {}


@given(st.lists(st.integers(1, 10**9), unique=True, max_size=2000).map(sorted), st.integers(1, 300))
def test_of_many_sizes_the_newest_and_even_steps_are_kept(sizes: list[int], limit: int) -> None:
    kept = thinned(sizes, limit)
    assert len(kept) <= limit
    assert kept == sorted(set(kept) & set(sizes))
    assert not sizes or kept[-1] == sizes[-1]
    assert len(sizes) > limit or kept == sizes
    assert len(thinned(sizes)) <= MAX_SIZES


def test_lines_are_added_once_and_a_note_stays_within_its_bounds() -> None:
    raw = with_lines(tip(3).raw, [line(3), line(3)])
    assert raw == tip(3).raw + line(3)
    assert with_lines(raw, [line(3)]) == raw
    many = with_lines(raw, [line(3, at) for at in range(100)])
    assert len(note.parse_checkpoint(many).signatures) == note.MAX_SIGNATURES


def test_merging_unites_notes_of_one_text_and_keeps_what_is_there() -> None:
    name = "anchors/3.cosig"
    old, new = tip(3).raw + line(3, 1), tip(3).raw + line(3, 2)
    assert merged({name: old}, {name: new})[name] == old + line(3, 2)
    assert merged({name: old}, {name: tip(4).raw + line(4)})[name] == old
    assert merged({"anchors/3.tsr": b"old"}, {"anchors/3.tsr": b"new", "anchors/4.tsr": b"more"}) == {
        "anchors/3.tsr": b"old",
        "anchors/4.tsr": b"more",
    }


# -- receipts and reports ------------------------------------------------------------------------------------------


def test_a_round_becomes_records_and_a_line_and_back() -> None:
    receipt = receipt_of("git", tip(8), "repo#branch", "c0ffee", 1_767_000_000_000_000)
    done = Round(tip(8))
    done.placed = [("repo", Placed("git", receipt.to_bytes(), 5)), ("w1", Placed("witness", line(8), 6))]
    done.failures = [Failure("w2", "witness", "rolled back", True)]
    found = report.from_line(to_line(done, 60, 1, asked=True))
    assert found is not None
    assert (found.size, found.cosigned, found.complete, found.asked) == (8, 1, False, True)
    (anchor, told), (drop, where) = found.records
    assert (anchor, drop) == ("sys.anchor", "def.anchor")
    assert [one["kind"] for one in told["anchors"]] == ["git", "witness"]
    assert where["version"] == "c0ffee"
    assert report.from_line(to_line(Round(tip(8)), 60, 1, asked=False)).records == ()  # type: ignore[union-attr]
    assert report.from_line(report.NOTHING) is None
    with pytest.raises(ValueError, match="not a round"):
        report.from_line(b"{}\n")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"nonsense",
        b'{"kind":"git","location":"x","origin":"o","root":"00","size":1,"v":"def-anchor/0"}',
        b'{"kind":"fax","location":"x","origin":"o","root":"' + b"0" * 64 + b'","size":1,"v":"def-anchor/0"}',
        b'{"kind":"git","location":"x","origin":"o","root":"' + b"0" * 64 + b'","size":0,"v":"def-anchor/0"}',
        b'{"kind":"git","location":"x","origin":"o","root":"' + b"0" * 64 + b'","size":true,"v":"def-anchor/0"}',
        b'{"kind":"git","location":"x","origin":"o","root":"' + b"0" * 64 + b'","size":1,"v":"def-anchor/1"}',
        b'{"kind":"git","location":"","origin":"o","root":"' + b"0" * 64 + b'","size":1,"v":"def-anchor/0"}',
        b'{"kind":"git","location":"x","origin":"o","root":"' + b"0" * 64 + b'","size":1,"v":"def-anchor/0","w":1}',
        b'{"v":"def-anchor/0","kind":"git","location":"x","origin":"o","root":"' + b"0" * 64 + b'","size":1}',
    ],
)
def test_a_receipt_of_another_form_is_refused(raw: bytes) -> None:
    with pytest.raises(AnchorError):
        Receipt.parse(raw)


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_two_logs_never_share_a_file_name(one: str, other: str) -> None:
    assert (place_name(one) == place_name(other)) == (one == other)
    assert Path(place_name(one)).name == place_name(one)
    assert not place_name(one).startswith((".", "-"))


def test_the_recorder_itself_loads_no_network_library() -> None:
    """What asks others runs in a process of its own, whose memory and start the recorder does not pay for."""
    told = "import sys, recorder.run; print([name for name in ('httpx', 'pydantic', 'psycopg', 'botocore', "
    told += "'rfc3161_client', 'recorder.anchoring.rounds') if name in sys.modules])"
    done = run([sys.executable, "-c", told], check=True)
    assert done.stdout.strip() == "[]"
