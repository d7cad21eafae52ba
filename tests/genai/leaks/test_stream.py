"""Any split of any text gives the same signals and edits as the whole, and no edit touches what was already let go."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.genai.inspection import Inspection, Signal, TextEdit
from clyra_proxy.genai.leaks.held import is_plain
from clyra_proxy.genai.leaks.inspector import LeakInspector
from clyra_proxy.genai.leaks.pack import load_packs
from clyra_proxy.genai.model import Conversation, Direction
from clyra_proxy.policy.genai.leaks import Leaks

EVERYTHING = ["email", "phone", "card", "iban", "national_id", "passport", "driver_license", "date_of_birth", "ip"]
INSPECTOR = LeakInspector(
    Leaks.model_validate({"personal": {"kinds": dict.fromkeys(EVERYTHING, "redact")}, "links": {"action": "redact"}})
)
ANSWER = Inspection(Conversation("openai-chat", Direction.RESPONSE))
_CHANCE = random.Random(4)
TOKENS = [case for rule in load_packs() for case in rule.cases(_CHANCE)]
WORDS = (
    "password:", "my password is", "token=", "-----BEGIN", "12 34 5678", "4111 1111 1111 1111", "'a' +", "\n", "\n\n",
    "AKIA", "seed phrase:", "http://", "![x](https://h/?d=", ")", '"', "é", "密码是", "\u200b", "hello",
    "+1 415 555 2671", "g h p _", "born on March 3, 1990", "DOB: 3rd of April 1985", "call (415) 555-2671",
    "LetMeInNow",
    "DE89 3704 0044 0532 0130 00", "jane.doe@acme.io", "CPF 123.456.789-09", "my password is", "'letmein'", "the",
    "NHS",
    "943 476 5919", "passport X1234567", "S1234567D", "https://evil.site/?q=", "67 68 70 5f", "Aadhaar 2341 2341 2346",
)  # fmt: skip
PIECES = st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from(TOKENS), st.text(max_size=12)), max_size=40)


type Told = list[tuple[str, str, tuple[tuple[int, int, str], ...]]]


def told(text: str, cuts: list[int]) -> Told:
    scanner = INSPECTOR.open_stream_scanner(ANSWER)
    assert scanner is not None
    reports: list[Signal | TextEdit] = []
    decided = fed = 0
    for cut in [*sorted(cuts), len(text)]:
        before = decided
        decided, some = scanner.feed("0", text[fed:cut])
        fed = cut
        assert before <= decided <= cut
        assert all(edit.start >= before for edit in edits_of(some))
        reports += some
    last = scanner.end("0")
    assert all(edit.start >= decided for edit in edits_of(last))
    return [
        (s.rule, str(s.detail["patterns"]), tuple((e.start, e.end, e.replacement) for e in edits_of([s])))
        for s in [*reports, *last]
        if isinstance(s, Signal)
    ]


def edits_of(reports: object) -> list[TextEdit]:
    assert isinstance(reports, list)
    return [e for r in reports if isinstance(r, Signal) for e in r.edits if isinstance(e, TextEdit)]


@settings(max_examples=150)
@given(pieces=PIECES, blank=st.sampled_from([" ", "", "\n"]), data=st.data())
def test_any_split_gives_the_same(pieces: list[str], blank: str, data: st.DataObject) -> None:
    text = blank.join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=20))
    assert_as_whole(text, told(text, cuts), told(text, []))


def assert_as_whole(text: str, split: Told, whole: Told) -> None:
    """The same leaks with the same ends; a start may come later by the plain word that had left already."""
    assert [(rule, ids, [edit[1:] for edit in edits]) for rule, ids, edits in split] == [
        (rule, ids, [edit[1:] for edit in edits]) for rule, ids, edits in whole
    ]
    for (_, _, late), (_, _, early) in zip(split, whole, strict=True):
        for one, other in zip(late, early, strict=True):
            gone = text[other[0] : one[0]]
            assert one[0] >= other[0]
            assert not gone or is_plain(gone)


def test_a_long_text_in_small_pieces() -> None:
    chance = random.Random(5)
    words = [chance.choice(TOKENS) if chance.random() < 0.02 else chance.choice(WORDS) for _ in range(4000)]
    text = " ".join(words)
    assert_as_whole(text, told(text, sorted(chance.sample(range(len(text)), 500))), told(text, []))


WATCHING = LeakInspector(
    Leaks.model_validate({"canaries": [{"name": "planted", "value": "northern lights over bergen"}]})
)


@given(st.lists(st.sampled_from(["northern ", "lights ", "over ", "bergen", "NORTH", "ern ", "x ", "."]), max_size=12))
def test_a_canary_of_plain_words_is_held_before_it_is_whole(pieces: list[str]) -> None:
    scanner = WATCHING.open_stream_scanner(ANSWER)
    assert scanner is not None
    text, decided, found = "", 0, []
    for piece in pieces:
        text += piece
        decided, some = scanner.feed("0", piece)
        found += some
        if not found:
            assert "northern lights over bergen" not in text[:decided].lower()
    found += scanner.end("0")
    assert bool(found) == ("northern lights over bergen" in text.lower())


def test_words_that_begin_no_canary_leave_at_once() -> None:
    scanner = WATCHING.open_stream_scanner(ANSWER)
    assert scanner is not None
    assert [scanner.feed("0", piece)[0] for piece in ("It ", "rains ", "and ", "north")] == [3, 9, 13, 13]
