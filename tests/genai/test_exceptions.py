"""An exception covers what it was made for and nothing beside it."""

from __future__ import annotations

import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clyra_proxy.errors import PolicyError
from clyra_proxy.genai.exception_file import add_entries, remove_entry
from clyra_proxy.genai.exceptions import (
    ExceptionEntry,
    Exceptions,
    fingerprint,
    general_place,
    instant_of,
    load_exceptions,
    read_exceptions,
    same_place,
)
from clyra_proxy.genai.inspection import Caller, Inspection, Signal
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment, ToolCall

NOW = 1_790_000_000.0
SECRET = b"s" * 32


def entry(**changes: Any) -> ExceptionEntry:
    base = {
        "id": "ex-1",
        "rule": "injection.direct",
        "patterns": ["a.one", "a.two"],
        "path": "/messages/*/content",
        "agent": "crm",
        "route": "llm/chat",
        "destination": "api.example.com:443",
        "reason": "the ticket template says so",
        "person": "kim",
        "created": instant_of(NOW - 60),
        "expires": instant_of(NOW + 60),
    }
    return ExceptionEntry(**{**base, **changes})


SIGNAL = Signal(
    "injection.direct", path="/messages/3/content", detail={"patterns": "a.two", "provenance": "user", "kind": ""}
)
INSPECTION = Inspection(
    Conversation("openai-chat", Direction.REQUEST),
    Caller(agent="crm"),
    "api.example.com:443",
    "llm/chat",
    now=NOW,
)


def covered(made: ExceptionEntry, signal: Signal = SIGNAL, inspection: Inspection = INSPECTION) -> bool:
    return Exceptions([made]).suppress(signal, inspection) == made.id


def test_it_covers_what_it_names() -> None:
    assert covered(entry())
    assert covered(entry(agent="", route="", destination="", path="", patterns=None))


@pytest.mark.parametrize(
    "signal",
    [
        replace(SIGNAL, rule="injection.jailbreak"),
        replace(SIGNAL, path="/tools/3/description"),
        replace(SIGNAL, path="/messages/x/content"),
        replace(SIGNAL, path="/messages/3/content/0"),
        replace(SIGNAL, detail={"patterns": "a.one,a.two,b.new"}),
        replace(SIGNAL, detail={"patterns": "b.new"}),
        replace(SIGNAL, detail={}),
    ],
)
def test_another_signal_is_not_covered(signal: Signal) -> None:
    assert not covered(entry(), signal)


@pytest.mark.parametrize(
    "inspection",
    [
        replace(INSPECTION, caller=Caller(agent="other")),
        replace(INSPECTION, destination="api.example.com:8443"),
        replace(INSPECTION, route="llm"),
        replace(INSPECTION, now=NOW + 60),
        replace(INSPECTION, now=NOW + 1e9),
    ],
)
def test_other_circumstances_are_not_covered(inspection: Inspection) -> None:
    assert not covered(entry(), inspection=inspection)


def test_a_full_list_of_patterns_may_hide_another_one() -> None:
    eight = [f"p{number}" for number in range(8)]
    full = replace(SIGNAL, detail={"patterns": ",".join(eight)})
    assert covered(entry(patterns=eight), full)
    assert not covered(entry(patterns=[*eight, "p8"]), full)


def test_no_patterns_and_any_patterns_are_different_things() -> None:
    without = replace(SIGNAL, detail={})
    assert covered(entry(patterns=[]), without)
    assert not covered(entry(patterns=[]))
    assert covered(entry(patterns=None))


def test_the_hash_of_a_text_binds_to_it() -> None:
    def where(text: str) -> Inspection:
        segment = Segment(text, Provenance.USER, path=SIGNAL.path)
        return replace(INSPECTION, conversation=replace(INSPECTION.conversation, segments=(segment,)))

    one, other = (fingerprint(SECRET, SIGNAL, where(text)) for text in ("one", "other"))
    assert len(one) == 32
    assert one != other
    assert one != fingerprint(b"t" * 32, SIGNAL, where("one"))
    assert fingerprint(SECRET, replace(SIGNAL, path=""), where("one")) == ""
    for text, expected in ((one, True), (other, False), ("", False)):
        assert covered(entry(text=one), replace(SIGNAL, detail={**SIGNAL.detail, "text": text})) is expected


def test_the_hash_of_a_call_binds_to_its_arguments() -> None:
    def where(call: ToolCall) -> Inspection:
        return replace(INSPECTION, conversation=replace(INSPECTION.conversation, calls=(call,)))

    def called(**arguments: object) -> ToolCall:
        return ToolCall("pay", arguments, path="/params/arguments")

    about = replace(SIGNAL, path="/params/arguments")
    one = fingerprint(SECRET, about, where(called(to="ann", amount=5)))
    assert len(one) == 32
    assert one == fingerprint(SECRET, about, where(called(amount=5, to="ann")))
    others = [called(to="ann", amount=6), called(), ToolCall("pay", None, '{"to":', path="/params/arguments")]
    assert len({one, *(fingerprint(SECRET, about, where(call)) for call in others)}) == 4
    assert fingerprint(SECRET, about, where(ToolCall("pay", {}, path="/elsewhere"))) == ""


def test_expired_ones_are_told() -> None:
    made = Exceptions([entry(), entry(id="ex-2", expires=instant_of(NOW - 1))])
    assert [one.id for one in made.expired(NOW)] == ["ex-2"]


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "check.error"},
        {"rule": "egress.destination"},
        {"reason": ""},
        {"person": ""},
        {"expires": "never"},
        {"expires": "2026-02-31T00:00:00Z"},
        {"text": "a text"},
        {"surprise": "x"},
    ],
)
def test_what_an_entry_may_not_say(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        entry(**change)


POINTER_TOKENS = st.text(string.ascii_letters + string.digits + "*~01#-", min_size=0, max_size=6)


@given(st.lists(POINTER_TOKENS, min_size=1, max_size=6))
def test_a_place_lies_at_its_general_form(tokens: list[str]) -> None:
    pointer = "/" + "/".join(tokens)
    assert same_place(general_place(pointer), pointer)
    assert same_place(pointer, pointer)
    assert not same_place(general_place(pointer), pointer + "/x")


def test_the_file_keeps_what_people_wrote(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.yaml"
    add_entries(path, [entry()])
    path.write_text(path.read_text() + "  # a note of mine\n")
    add_entries(path, [entry(id="ex-2", reason="ünïcode: # not a comment\n- no item"), entry(id="ex-3", patterns=[])])
    text = path.read_text()
    assert "# a note of mine" in text
    file = read_exceptions(path)
    assert [one.id for one in file.exceptions] == ["ex-1", "ex-2", "ex-3"]
    assert file.exceptions[1].reason == "ünïcode: # not a comment\n- no item"
    assert file.exceptions[2].patterns == []
    assert remove_entry(path, "ex-2").id == "ex-2"
    assert [one.id for one in load_exceptions(path).entries] == ["ex-1", "ex-3"]
    assert "# Exceptions for false positives" in path.read_text()
    for name in ("ex-1", "ex-3"):
        remove_entry(path, name)
    assert load_exceptions(path).entries == ()
    add_entries(path, [entry()])
    assert covered(load_exceptions(path).entries[0])


@pytest.mark.parametrize(
    "text", ["exceptions: []\n", "exceptions:\n", "{exceptions: []}", "# nothing yet\nexceptions:\n"]
)
def test_any_style_of_file_can_be_added_to(text: str, tmp_path: Path) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text(text)
    add_entries(path, [entry()])
    add_entries(path, [entry(id="ex-2")])
    assert [one.id for one in read_exceptions(path).exceptions] == ["ex-1", "ex-2"]


def test_a_broken_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.yaml"
    for text in ("exceptions:\n  - id: x\n", "exceptions: 3\n", "other: []\n", ":\n -"):
        path.write_text(text)
        with pytest.raises(PolicyError, match=r"exceptions\.yaml"):
            add_entries(path, [entry()])
        assert path.read_text() == text
    with pytest.raises(PolicyError, match="does not exist"):
        load_exceptions(tmp_path / "nothing.yaml")
    with pytest.raises(PolicyError):
        add_entries(tmp_path / "no" / "folder.yaml", [entry()])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@example(reason="0", person="1e3", tool="0E0")  # numbers to YAML 1.2
@given(reason=TEXTS, person=TEXTS, tool=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_whatever_people_write_comes_back(reason: str, person: str, tool: str, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("exceptions") / "e.yaml"
    made = [entry(reason=reason, person=person, tool=tool), entry(id="ex-2")]
    for one in made:
        add_entries(path, [one])
    assert read_exceptions(path).exceptions == made
