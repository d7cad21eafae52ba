"""National ids of persons, by country: data in `policies/rules/personal/national.yaml`, arithmetic of python-stdnum.

Rule: all shapes that tell by themselves are looked for in one pass; a number counts when its check passes and, where
chance passes one in ten, only after a word that names it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from clyra_proxy.genai.byte_patterns import Pattern
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.genai.leaks.nearby import WordIndex, is_bounded
from clyra_proxy.policy.profiles import policies_folder
from clyra_proxy.policy.section import Section
from clyra_proxy.policy.shipped import read_data

_WEIGHT = 60
_AFTER = 60  # characters between a word and the number it names
_LONGEST = 40  # characters of an id
_MOST = 200  # numbers looked at in one window


class _Rule(Section):
    """One row of the pack. check: a module of python-stdnum, or one of ours. strong: its shape tells by itself."""

    id: str
    country: str
    pattern: str
    check: str
    words: list[str]
    strong: bool = False


class _Pack(Section):
    pack: str
    about: str
    rules: list[_Rule]


@dataclass(frozen=True, slots=True)
class _National:
    id: str
    pattern: Pattern
    valid: Callable[[str], bool]
    strong: bool
    words: tuple[str, ...]


class NationalScanner:
    """The ids of these countries (ISO 3166 alpha-2)."""

    def __init__(self, countries: tuple[str, ...]) -> None:
        self._national = _load(countries)
        self._strong = [each for each in self._national if each.strong]
        self._words = WordIndex([(each.words, each) for each in self._national if not each.strong])
        shapes = "|".join(f"(?:{each.pattern.source})" for each in self._strong) or r"[^\x00-\xff]"
        self._shapes = Pattern(rf"\b(?:{shapes})")

    def scan(self, text: str, data: bytes) -> Iterator[Leak]:
        """Every id. data: a byte a character."""
        for start in self._starts(data):
            for each in self._strong:
                yield from _judge(each, text, data, start)
        for rules, end in self._words.hits(text, data):
            for each in rules:
                for start, _ in islice(each.pattern.spans(data, end, min(end + _AFTER, len(data))), 3):
                    yield from _judge(each, text, data, start)

    def _starts(self, data: bytes) -> list[int]:
        """Where a shape that tells by itself stands; numbers before letters, and no more than so many."""
        found: list[int] = []
        at = 0
        while (span := self._shapes.search(data, at)) is not None:
            at = span[0] + 1
            if self._shapes.at(data, span[0], span[0] + _LONGEST):
                found.append(span[0])
        return sorted(found, key=lambda start: not 48 <= data[start] <= 57)[:_MOST]


def _judge(each: _National, text: str, data: bytes, start: int) -> Iterator[Leak]:
    span = each.pattern.at(data, start, min(start + _LONGEST, len(data)))
    if span is None or not is_bounded(data, *span) or (each.strong and _is_of_a_row(data, *span)):
        return
    if each.valid(text[start : span[1]]):
        yield Leak(Family.PII, "national_id", each.id, *span, weight=_WEIGHT + 5 * each.strong)


def _is_of_a_row(data: bytes, start: int, end: int) -> bool:
    """Part of a longer row of digits in fours: a card, an account, a table of numbers."""
    if data[end - 5 : end - 4] != b" " or not data[end - 4 : end].isdigit():
        return False
    before, after = data[max(0, start - 5) : start], data[end : end + 5]
    ahead = after[:1] == b" " and after[1:].isdigit() and len(after) == 5 and not data[end + 5 : end + 6].isalnum()
    behind = before[-1:] == b" " and before[:-1].isdigit() and len(before) == 5
    return ahead or behind


def _load(countries: tuple[str, ...]) -> tuple[_National, ...]:
    """Raises PolicyError for a bad pack."""
    pack = read_data(_Pack, policies_folder() / "rules" / "personal" / "national.yaml")
    return tuple(
        _National(rule.id, Pattern(rule.pattern), _validator(rule.check), rule.strong, tuple(rule.words))
        for rule in pack.rules
        if rule.country in countries
    )


def _validator(name: str) -> Callable[[str], bool]:
    if name.startswith("own."):
        return _OWN[name]
    valid: Callable[[str], bool] = importlib.import_module(f"stdnum.{name}").is_valid
    return valid


def _is_nino(value: str) -> bool:
    """Prefixes that are never issued (gov.uk)."""
    return value[:2].upper() not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _is_nric(value: str) -> bool:
    """Singapore: a weighted sum modulo 11 picks the letter."""
    total = sum(int(digit) * weight for digit, weight in zip(value[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(value[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
    place = total % 11
    return letters[value[0]][10 - place if value[0] == "M" else place] == value[8]


def _is_tw(value: str) -> bool:
    """Taiwan: the letter as two digits, a weighted sum that ends in 0."""
    code = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(value[0]) + 10
    digits = [code // 10, code % 10, *map(int, value[1:])]
    return sum(d * w for d, w in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0


_OWN: dict[str, Callable[[str], bool]] = {"own.nino": _is_nino, "own.nric": _is_nric, "own.tw": _is_tw}
