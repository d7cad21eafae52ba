"""`clyra anchor` and `clyra witness` as commands: configure, list, print SQL, fetch, and say what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorder.cosignature import WITNESS_TYPE, parse_vkey
from recorder.layout import Layout
from recorder.main import prepare
from tests.support.clyra_command import clyra

ORIGIN = "log.example/main"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    layout = Layout(tmp_path / "home")
    prepare(layout)
    return layout.root


def test_targets_are_added_listed_and_removed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    assert clyra("anchor", "add", "folder", "worm", tmp_path / "drop", home=home).returncode == 0
    done = clyra("anchor", "set", "--interval", "30", "--records", "500", "--need", "0", home=home)
    assert done.returncode == 0, done.stderr
    listed = clyra("anchor", "list", home=home).stdout
    assert "every 30 s or 500 records" in listed
    assert "nothing placed yet" in listed
    told = json.loads(clyra("anchor", "list", "--json", home=home).stdout)
    assert told["targets"][0]["name"] == "worm"
    assert told["vkeys"][0].startswith("clyra.local/log/")
    assert clyra("anchor", "remove", "worm", home=home).returncode == 0
    assert "No targets" in clyra("anchor", "list", home=home).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("remove", "nothing"), 64, "no target"),
        (("set",), 64, "Nothing to change"),
        (("add", "witness", "w", "https://w.example", "not-a-key"), 1, "vkey"),
        (("add", "warehouse", "d"), 1, "dsn_file or dsn_env"),
        (("now",), 1, "No recorder answers"),
        (("sql", "oracle"), 1, "Unknown warehouse"),
        (("sql", "postgres", "--table", "a b"), 1, "Not a name"),
        (("fetch", "ftp:x", "--origin", ORIGIN), 1, "Unknown source"),
        (("fetch", "folder:/nowhere", "--origin", ORIGIN), 1, "no such checkpoint"),
        (("fetch", "row:/nowhere", "--origin", ORIGIN), 1, "where the row was read"),
    ],
)
def test_what_cannot_be_done_is_said(home: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = clyra("anchor", *words, home=home)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_the_table_is_printed_for_every_warehouse(home: Path) -> None:
    for dialect in ("postgres", "snowflake", "bigquery"):
        assert "CREATE TABLE audit.anchors" in clyra("anchor", "sql", dialect, "--table", "audit.anchors").stdout


def test_a_row_that_a_warehouse_printed_becomes_an_anchor(tmp_path: Path) -> None:
    row = tmp_path / "row.json"
    row.write_text(json.dumps([{"ORIGIN": ORIGIN, "SIZE": 7, "ROOT": "ab" * 32}]))
    words = ("anchor", "fetch", f"row:{row}", "--origin", ORIGIN, "--location", "snowflake:acme/db.audit")
    done = clyra(*words)
    assert json.loads(done.stdout) == {
        "v": "def-anchor/0",
        "kind": "warehouse",
        "origin": ORIGIN,
        "size": 7,
        "root": "ab" * 32,
        "location": "snowflake:acme/db.audit",
    }
    assert clyra(*words, "--size", "8").returncode == 1


def test_a_witness_shows_its_key_and_refuses_another_name(tmp_path: Path) -> None:
    home = tmp_path / "w"
    shown = clyra("witness", "--home", home, "--name", "witness.example/a", "--show")
    assert parse_vkey(shown.stdout.strip(), WITNESS_TYPE).name == "witness.example/a"
    assert clyra("witness", "--home", home, "--show").stdout == shown.stdout
    for words, said in (
        (("--name", "witness.example/b", "--show"), "not witness.example/b"),
        (("--log", "nonsense", "--show"), "verifier key"),
        (("--listen", "nowhere"), "HOST:PORT"),
        (("--tls-cert", "a.pem"), "belong together"),
        (("--tls-cert", "/nowhere", "--tls-key", "/nowhere"), "TLS files"),
    ):
        done = clyra("witness", "--home", home, *words)
        assert done.returncode != 0
        assert said in done.stderr
    assert "needs a name" in clyra("witness", "--home", tmp_path / "new").stderr
    (home / "witness.key").chmod(0o644)
    assert "can be read by others" in clyra("witness", "--home", home, "--show").stderr
