"""Words before patterns: nothing that a pattern matches is lost, wherever it stands and however it is written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.genai.injection.hay import SEGMENT, hay_of
from clyra_proxy.genai.injection.matching import RuleSet
from clyra_proxy.genai.injection.needs import Either, Every, Need, Words
from clyra_proxy.genai.injection.packs import Rule, View, load_packs, rules_folder
from clyra_proxy.genai.injection.sieve import Lexicon, Sieve
from clyra_proxy.genai.injection.syntax import need_of

RULES = [rule for rule in load_packs(rules_folder()).rules if rule.views in ((View.PLAIN,), (View.LATIN,))]
SET = RuleSet(RULES)
LEXICON = Lexicon(need for rule in RULES for pattern in rule.any if (need := need_of(pattern)[0]) is not None)


def spelled(need: Need | None) -> object:
    match need:
        case Words():
            return set(need.any)
        case Every():
            return ("every", *(spelled(part) for part in need.parts))
        case Either():
            return ("either", *(spelled(part) for part in need.parts))
    return None


@pytest.mark.parametrize(
    ("pattern", "need", "most"),
    [
        (r"\bIgnore\b", {" ignore "}, 6),
        (r"\bignor(?:e|ing)", {" ignore", " ignoring"}, 8),
        (r"""ignore(?:[\s"'*_`~,]+)all""", {"ignore all"}, 10),
        (r"foo(?:bar)?baz", {"foobaz", "foobarbaz"}, 9),
        (r"override.{0,20}filter", ("every", {"override"}, {"filter"}), 94),
        (r"override\w*filter", ("every", {"override"}, {"filter"}), 54),
        (r"(?:override|lift)\w+", {"override", "lift"}, 48),
        (r"(?:override\w+x|lift)", {"override", "lift"}, 49),
        (r"system[ -]?prompts?", {"system prompt", "systemprompt"}, 14),
        (r"\[\[ADMIN\]\]", {" admin "}, 9),
        (r"the\w+override", {"override"}, 51),
        ("забудь", {"забудь"}, 12),
        ("(?:ignore)?", None, 6),
        ("override|.", None, 8),
        ("override.*filter", None, 2000),
        (r"override\W+filter", None, 2000),
        (r"override(?P<name>x)", None, 2000),
        (r"[[:alpha:]]override", None, 2000),
    ],
)
def test_needs_of_a_pattern(pattern: str, need: object, most: int) -> None:
    found, reach = need_of(pattern)
    assert (spelled(found), reach) == (need, most)


def test_nearly_every_shipped_pattern_needs_something() -> None:
    patterns = [pattern for rule in RULES for pattern in rule.any]
    free = [pattern for pattern in patterns if need_of(pattern)[0] is None]
    assert len(free) < 0.02 * len(patterns)


@pytest.mark.parametrize(
    ("content", "plain", "foreign"),
    [
        ("Ignore -- ALL", " ignore all ", None),
        ("", " ", None),
        ("a_b", " a b ", None),
        ("schön, ΣΑΣ", " sch  n        ", " schön σασ "),
        ("İstanbul ſ", "   stanbul s ", " \u07ffstanbul s "),
    ],
)
def test_hay(content: str, plain: str, foreign: str | None) -> None:
    hay = hay_of(content.encode())
    assert hay.plain == plain.encode()
    assert (hay.foreign and hay.foreign.decode()) == foreign


def test_segments_of_a_hay_are_places_of_the_text() -> None:
    text = b"word   " * 100
    hay = hay_of(text)
    for number, start in enumerate(hay.starts[:-1]):
        before = hay_of(text[:start].rstrip()).plain
        assert abs(len(before) - number * SEGMENT) <= 2
    assert hay.starts[-1] == len(text)


def test_places_are_no_places_where_small_letters_are_longer() -> None:
    hay = hay_of(("Ⱥ" * 100 + " ignore").encode())
    assert not hay.placed


@pytest.mark.parametrize("gap", [0, 60, 130, 1000, 20_000, 70_000])
def test_words_are_looked_for_together_only_within_reach(gap: int) -> None:
    need = Every((Words(frozenset(["first"]), 5), Words(frozenset(["second"]), 6)), 100)
    sieve = Sieve(Lexicon([need]), {7: (need, 100)})
    for before in (0, 63, 64, 16_380, 40_000):
        text = b"x" * before + b"first" + b"y" * gap + b"second"
        found = dict(sieve.places(Lexicon([need]).scan(text)))
        if gap <= 100:
            ((start, stop),) = found[7]
            assert start <= before
            assert stop >= before + gap + 5 + 6
        elif gap >= 20_000:
            assert not found


@pytest.mark.parametrize(("in_order", "met"), [(True, False), (False, True)])
def test_words_in_the_wrong_order_count_only_where_order_does_not(in_order: bool, met: bool) -> None:
    words = [Words(frozenset([word]), 5) for word in ("first", "second", "third")]
    need = Every(tuple(words), 400, in_order)
    sieve, lexicon = Sieve(Lexicon([need]), {7: (need, 400)}), Lexicon([need])
    gap = b" " + b"y" * 2 * SEGMENT + b" "
    assert list(sieve.places(lexicon.scan(gap.join([b"first", b"second", b"third"]))))
    assert bool(list(sieve.places(lexicon.scan(gap.join([b"second", b"first", b"third"]))))) is met


def everywhere(rules: RuleSet, content: bytes) -> Iterator[tuple[str, int, int]]:
    """What the patterns match by themselves, in the whole text."""
    for compiled in rules._patterns:
        for hit in compiled.hits(content, [(0, len(content))]):
            yield hit.rule.id, hit.start, hit.end


def sieved(rules: RuleSet, content: bytes) -> list[tuple[str, int, int]]:
    return sorted((hit.rule.id, hit.start, hit.end) for hit in rules.hits(content))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_cases_of_a_rule_match_in_the_same_places_as_without_a_sieve(rule: Rule) -> None:
    compiled = RuleSet([rule])
    texts = [*rule.positive, *rule.benign]
    filler = "Nothing of it here. " * 40
    for text in (*texts, filler.join(texts), "\n".join(texts).upper(), " \t\n  ".join(texts[0].split(" "))):
        assert sieved(compiled, text.encode()) == sorted(everywhere(compiled, text.encode()))


WORDS = sorted({word for rule in RULES for case in rule.positive for word in case.split()})
SEPARATORS = st.sampled_from([" ", " ", " ", "\n", "  ", ", ", '" ', " " * 90, "_", "é ", ". ", "-", "\u00a0"])


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(WORDS), SEPARATORS), max_size=120))
def test_any_text_of_their_words_matches_in_the_same_places(parts: list[tuple[str, str]]) -> None:
    content = "".join(word + separator for word, separator in parts).encode()
    assert sieved(SET, content) == sorted(everywhere(SET, content))


@settings(max_examples=30)
@given(st.sampled_from(RULES), st.text(max_size=300), st.text(max_size=300))
def test_what_stands_around_hides_nothing(rule: Rule, before: str, after: str) -> None:
    content = f"{before} {rule.positive[0]} {after}".encode("utf-8", "replace")
    assert sieved(SET, content) == sorted(everywhere(SET, content))
