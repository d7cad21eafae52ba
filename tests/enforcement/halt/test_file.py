"""What is halted survives on disk; a file nobody can read halts everything; every change makes valid records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.enforcement.halt import file
from clyra_proxy.enforcement.halt.book import Change, HaltBook, Order
from clyra_proxy.enforcement.halt.evidence import events_of
from clyra_proxy.enforcement.halt.model import EVERYTHING, Actor, Cause, Channel, Measured, Phase, Place, Scope
from recorder.record import satisfies, schema_of

ANN = Actor("ann", "os")
BOT = Place(Scope.AGENT, "bot")
TRIPPED = Order(
    Cause.GENAI,
    Channel.AUTOMATIC,
    "spike",
    lasting_s=60,
    probes=1,
    rule="halt.injections",
    measured=Measured("injections", 12, 10, 60, 20),
)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    book = HaltBook()
    book.halt(BOT, TRIPPED, 5.0)
    book.halt(EVERYTHING, Order(Cause.MANUAL, Channel.CLI, "r", ANN), 6.0)
    book.resume(EVERYTHING, ANN, Channel.CLI, "done", 7.0)
    waiting: list[tuple[str, dict[str, Any]]] = [("pef.halt", {"halt": "x"})]
    file.save(tmp_path, book.all, waiting)
    kept = file.load(tmp_path)
    assert kept.halts == book.all
    assert kept.unrecorded == (("pef.halt", {"halt": "x"}),)
    assert (tmp_path / file.FILE).stat().st_mode & 0o777 == 0o600


def test_no_file_is_nothing_halted(tmp_path: Path) -> None:
    assert file.load(tmp_path) == file.Kept()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format":2,"halts":[],"unrecorded":[]}',
        b'{"format":1,"halts":[{}],"unrecorded":[]}',
        b'{"format":1,"halts":[],"unrecorded":[1]}',
        b"\xff\xfe",
        b"[" * 200_000,
    ],
)
def test_a_damaged_file_halts_everything_and_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / file.FILE).write_bytes(content)
    kept = file.load(tmp_path)
    assert kept.damaged
    assert [(halt.place, halt.phase) for halt in kept.halts] == [(EVERYTHING, Phase.HALTED)]
    (aside,) = tmp_path.glob("halts.json.damaged-*")
    assert aside.read_bytes() == content


def test_a_link_to_nothing_is_no_missing_file(tmp_path: Path) -> None:
    (tmp_path / file.FILE).symlink_to(tmp_path / "nothing")
    assert [halt.place for halt in file.peek(tmp_path)] == [EVERYTHING]
    assert file.load(tmp_path).damaged


def changes() -> list[Change]:
    book, made = HaltBook(), []
    made.append(book.halt(BOT, TRIPPED, 0.0))
    made += book.tick(60.0)
    made.append(book.probed(BOT, 2, good=False, now=61.0))
    made.append(book.halt(BOT, Order(Cause.MANUAL, Channel.API, "x\ny" * 600, Actor("a" * 300, "hmac")), 62.0))
    made.append(book.override(BOT, ANN, Channel.CLI, "export", 500.0, 63.0))
    made.append(book.override(BOT, ANN, Channel.CLI, "longer", 600.0, 64.0))
    made += book.tick(600.0)
    made.append(book.override(BOT, ANN, Channel.CLI, "again", 900.0, 601.0))
    made.append(book.resume(BOT, ANN, Channel.CLI, "done", 602.0))
    return [change for change in made if change is not None]


def test_every_change_is_valid_evidence() -> None:
    told = [event for change in changes() for event in events_of(change, generation=3, cut=2, took_ms=7)]
    for typ, data in told:
        schema = {**schema_of(typ)["properties"]["data"]}
        assert satisfies(json.loads(json.dumps(data)), schema), (typ, data)
    assert [data["change"] for typ, data in told if typ == "pef.halt"] == [
        "halt",
        "probe",
        "halt",
        "extend",
        "override",
        "override",
        "halt",
        "override",
        "resume",
    ]
    assert [data["change"] for typ, data in told if typ == "pef.bypass"] == [
        "begin",
        "extend",
        "expired",
        "begin",
        "end",
    ]


def test_a_manual_change_always_has_a_reason() -> None:
    book = HaltBook()
    change = book.halt(EVERYTHING, Order(Cause.MANUAL, Channel.SIGNAL, ""), 0.0)
    assert change is not None
    ((_, data),) = events_of(change)
    assert data["reason"]
