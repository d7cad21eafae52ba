"""The spotter shows what all patterns, run one by one with RE2, show."""

from __future__ import annotations

import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.genai.bec.folding import fold, spaced
from clyra_proxy.genai.bec.packs import FacetPack, Spelling, load_packs, patterns_of
from clyra_proxy.genai.bec.spotting import GAP, TAIL, Mark, Spotter
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.shipped import read_data
from tests.genai.bec.test_text import MAILS

PATTERNS = [
    one
    for path in sorted((policies_folder() / "rules" / "bec").glob("facets-*.yaml"))
    if (pack := read_data(FacetPack, path)).spelling is not Spelling.RAW
    for one in patterns_of(pack)
]
COMPILED = [(mark, re2.compile(source)) for mark, source in PATTERNS]
WORDS = sorted({word for _, source in PATTERNS for word in spaced(fold(source)).split()})


def shown(words: str) -> set[Mark]:
    return {mark for mark, pattern in COMPILED if pattern.search(words)}


@pytest.mark.parametrize("mail", MAILS[::12], ids=lambda mail: str(mail.kind))
def test_mails_show_the_same(mail: object) -> None:
    words = spaced(fold(mail.text))  # type: ignore[attr-defined]
    assert load_packs().words.match(words) == shown(words)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=40))
def test_any_words_show_the_same(words: list[str]) -> None:
    text = spaced(fold(" ".join(words)))
    assert load_packs().words.match(text) == shown(text)


@pytest.mark.parametrize(
    ("source", "text", "matches"),
    [
        (" (?:pay|wire) ", " please pay me ", True),
        (" (?:pay|wire) ", " payment ", False),
        (f" (?:pa{TAIL}|wire) ", " payment ", True),
        (f" (?:new{TAIL} (bank|account)) ", " newest account ", True),
        (f" (?:new{TAIL} (bank|account)) ", " news of an account ", False),
        (f" (?:keep {GAP}(secret|quiet)) ", " keep this one very secret ", True),
        (f" (?:keep {GAP}(secret|quiet)) ", " keep a b c d e secret ", False),
        (f" (?:keep {GAP}(secret|quiet)) ", " secret keep ", False),
        (" (?:wired|[0-9]+k) ", " 20k ", True),
        (" (?:a\\.b) ", " a b ", False),
        ("(款|汇)[^。]{0,3}到", " 汇xy到 ", True),
        (" (?:gift[- ]?card) ", " giftcard gift card ", True),
    ],
)
def test_one_pattern(source: str, text: str, matches: bool) -> None:
    assert bool(Spotter([(("en", "x"), source)]).match(text)) is matches is bool(re2.search(source, text))
