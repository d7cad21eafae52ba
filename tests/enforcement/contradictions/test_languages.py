"""Patterns compared as sets of texts, held against matching texts one by one."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.enforcement.contradictions import languages
from clyra_proxy.enforcement.contradictions.languages import common, name_language, outside, path_language
from clyra_proxy.policy.paths import pattern_source

SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "**", ""])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)).filter(
    lambda path: "//" not in path
)  # fmt: skip
NAMES = st.text("ab*?", min_size=1, max_size=5)
SAMPLES = ["/" + "/".join(parts) for size in (1, 2, 3) for parts in product(["", "a", "b", "ab", "ba"], repeat=size)]


def matches(pattern: str, path: str) -> bool:
    return re.fullmatch(pattern_source(pattern), path, re.DOTALL) is not None


@given(PATHS, st.lists(PATHS, max_size=3))
def test_what_one_path_pattern_has_and_others_have_not(inner: str, outer: list[str]) -> None:
    found = outside([path_language(inner)], [path_language(one) for one in outer])
    if found is None:
        assert not [path for path in SAMPLES if matches(inner, path) and not any(matches(one, path) for one in outer)]
    else:
        assert matches(inner, found)
        assert not any(matches(one, found) for one in outer)


@given(PATHS, PATHS)
def test_what_two_path_patterns_share(one: str, other: str) -> None:
    found = common([path_language(one)], [path_language(other)])
    if found is None:
        assert not [path for path in SAMPLES if matches(one, path) and matches(other, path)]
    else:
        assert matches(one, found)
        assert matches(other, found)


@given(NAMES, NAMES)
def test_name_patterns(one: str, other: str) -> None:
    texts = ["".join(letters) for size in range(5) for letters in product("abx", repeat=size)]
    found = outside([name_language(one)], [name_language(other)])
    if found is None:
        assert not [text for text in texts if fnmatchcase(text, one) and not fnmatchcase(text, other)]
    else:
        assert fnmatchcase(found, one)
        assert not fnmatchcase(found, other)


@pytest.mark.parametrize("pattern", ["/v1/**", "/v1/**/x", "/*/b*c*/**"])
def test_long_patterns_are_compared_in_little_time(pattern: str) -> None:
    long = pattern + "/" + "/".join(f"seg{number}*" for number in range(12))
    assert outside([path_language(long)], [path_language("/**")]) is None


def test_what_is_too_large_to_compare_is_not_said_to_be_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "MOST_STEPS", 2000)
    inner, outer = name_language("*a" + "?" * 24), name_language("*b" + "?" * 24)
    assert outside([inner], [outer]) == ""
    assert common([inner], [outer]) is None
