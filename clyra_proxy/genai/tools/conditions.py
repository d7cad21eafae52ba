"""Conditions on the arguments of a call, compiled.

Rule: a condition that cannot be judged (a text test on what is no text, too many values, arguments that are not JSON)
is not satisfied. A list of scalars is judged element by element, so that `to: [a, b]` is no way round a test of `to`.
Where a condition selects what is denied it is read as leniently as a tool may read its arguments: `"5000"` is a number,
`"TRUE "` a boolean, and what cannot be judged is selected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from json import dumps
from math import isfinite
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.egress.hosts import normalise_pattern
from clyra_proxy.genai.tools.hosts_and_paths import covers, host_of, is_below, normalised_folder
from clyra_proxy.genai.tools.places import TooManyError, values_at
from clyra_proxy.json_pointer import tokens_of
from clyra_proxy.policy.genai.tools import ArgumentCondition

_LONGEST_NUMBER = 400

type Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Broken:
    """A condition that is not satisfied. path: as the policy writes it. test: the name of what failed."""

    path: str
    test: str


class Condition:
    """One compiled condition."""

    __slots__ = ("_path", "_required", "_steps", "_tests")

    def __init__(self, settings: ArgumentCondition, *, selects: bool = False) -> None:
        """selects: it tells which calls are denied or labelled; otherwise, what an allowed call must satisfy."""
        self._path = settings.path
        self._steps = tokens_of(settings.path)
        self._required = settings.required
        self._tests = tuple(_tests(settings, selects))

    def broken_by(self, arguments: Any) -> Broken | None:
        """What is wrong with the arguments, None when every value at the place passes every test."""
        try:
            values = values_at(arguments, self._steps)
        except TooManyError:
            return Broken(self._path, "count")
        if not values:
            return Broken(self._path, "required") if self._required else None
        for name, test in self._tests:
            if not all(test(value) for value in values):
                return Broken(self._path, name)
        return None

    def applies_to(self, arguments: Any) -> bool:
        """For `when`: some value at the place passes every test. What cannot be judged applies."""
        try:
            values = values_at(arguments, self._steps)
        except TooManyError:
            return True
        return any(
            all(test(part) for _, test in self._tests) for value in values for part in (value, *_elements(value))
        )


def all_apply(conditions: Iterable[Condition], arguments: Any) -> bool:
    """Whether every condition holds for the arguments of a call."""
    return all(condition.applies_to(arguments) for condition in conditions)


def _elements(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else ()


def _tests(settings: ArgumentCondition, selects: bool) -> Iterable[tuple[str, Test]]:
    same, number = (_alike, _read_number) if selects else (_same, _number)
    if settings.equals is not None:
        yield "equals", lambda value: same(value, settings.equals)
    if settings.one_of:
        yield "one_of", _each(lambda value: any(same(value, one) for one in settings.one_of))
    if settings.none_of:
        yield "none_of", _each(lambda value: not any(_same(value, one) for one in settings.none_of))
    yield from _text_tests(settings)
    if (most := settings.max_length) is not None:
        yield "max_length", lambda value: not isinstance(value, str | list | dict) or len(value) <= most
    if (least := settings.min) is not None:
        yield "min", _each(lambda value: selects if (held := number(value)) is None else held >= least)
    if (largest := settings.max) is not None:
        yield "max", _each(lambda value: selects if (held := number(value)) is None else held <= largest)


def _text_tests(settings: ArgumentCondition) -> Iterable[tuple[str, Test]]:
    if settings.matches is not None:
        whole = re2.compile(settings.matches)
        yield "matches", _scalar(lambda text: bool(whole.fullmatch(_bytes(text))))
    if settings.lacks is not None:
        part = re2.compile(settings.lacks)
        yield "lacks", _scalar(lambda text: not part.search(_bytes(text)))
    if settings.hosts:
        hosts = tuple(normalise_pattern(pattern) for pattern in settings.hosts)
        yield "hosts", _text(lambda text: (host := host_of(text)) is not None and any(covers(p, host) for p in hosts))
    if settings.below:
        folders = tuple(normalised_folder(folder) for folder in settings.below)
        yield "below", _text(lambda text: is_below(text, folders))


def _each(test: Test) -> Test:
    """A test of a value, or of every element when it is a list."""
    return lambda value: all(map(test, value)) if isinstance(value, list) else test(value)


def _text(test: Callable[[str], bool]) -> Test:
    return _each(lambda value: isinstance(value, str) and test(value))


def _scalar(test: Callable[[str], bool]) -> Test:
    """A test of a text, and of a number, boolean or null as JSON writes it."""
    return _each(lambda value: not isinstance(value, dict) and test(value if isinstance(value, str) else dumps(value)))


def _same(value: Any, wanted: Any) -> bool:
    if _is_number(value) and _is_number(wanted):
        return bool(value == wanted)
    return type(value) is type(wanted) and bool(value == wanted)


def _alike(value: Any, wanted: Any) -> bool:
    """The same value, or a text that a tool may take for it."""
    if not isinstance(value, str):
        return _same(value, wanted)
    text = value.strip().casefold()
    if _is_number(wanted):
        return bool(_read_number(value) == wanted)
    return text == (wanted.strip().casefold() if isinstance(wanted, str) else dumps(wanted))


def _number(value: Any) -> int | float | None:
    return value if _is_number(value) else None


def _read_number(value: Any) -> int | float | None:
    """A number, also one that is written as a text; None when it is none."""
    if not isinstance(value, str):
        return _number(value)
    try:
        held = float(value[:_LONGEST_NUMBER].replace(",", ""))
    except ValueError:
        return None
    return held if isfinite(held) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
