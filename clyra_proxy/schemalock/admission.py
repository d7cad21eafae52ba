"""Admission: is this exactly one JSON text that every parser reads the same way?

Guarantees, for a text that is admitted: RFC 8259 grammar in UTF-8 without byte order mark, no lone surrogate, no
number beyond binary64, no object with the same key twice, nesting within `max_depth` (and integers within 2^53-1 when
asked; RFC 7493). orjson parses; it is strict about everything but keys and depth.

Duplicate keys, "colon conservation": a colon in JSON text is a member separator or part of a string, raw or written
``\\u003a``. If the text holds no ``\\u003``, its colons are its members plus the colons in its strings. Writing the
parsed value again gives the surviving members plus their colons. A key that came twice loses a member, so the count
drops; equal counts therefore prove that no key came twice. In doubt jiter, which keeps track of keys, is the judge.

Most programs write JSON as orjson does, without spaces: a text that is written again byte for byte has no key twice
(the writer writes each once), and no integer that the parser rounded (it would be written as a fraction).

Depth: the writer refuses to nest deeper than `_WRITER_DEPTH`, so the value is written inside as many lists as are to
spare, and a value that is too deep fails to be written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jiter
import orjson
from orjson import dumps, loads

from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.verdict.reasons import Reason

_WRITER_DEPTH = 254
_LARGEST_SAFE = (1 << 53) - 1
_DIGITS = bytes(48 if 48 <= code <= 57 else code for code in range(256))

_REASONS = (
    ("surrogate", Reason.JSON_ENCODING),
    ("UTF-8", Reason.JSON_ENCODING),
    ("depth limit", Reason.JSON_DEPTH),
    ("infinity", Reason.JSON_NUMBER_RANGE),
    ("after document", Reason.JSON_TRAILING),
    ("end of data", Reason.JSON_INCOMPLETE),
    ("empty", Reason.JSON_INCOMPLETE),
)

type Problem = tuple[Reason, Mapping[str, str | int]]


class NotAdmitted(Exception):  # noqa: N818 - a verdict on data
    """The text is refused. problems: every reason found, the first deciding, with facts for the finding.

    fatal: there is no value to look at; otherwise value is what a lenient reader would see.
    """

    def __init__(self, *problems: Problem, value: Any = None, fatal: bool = False) -> None:
        super().__init__(problems[0][0])
        self.problems = problems
        self.value = value
        self.fatal = fatal


class Admission:
    """Parses under one set of limits; stateless between calls except for a reused scaffold.

    outer_depth: containers around what is parsed that are not part of it; negative for brackets the caller added.
    """

    __slots__ = ("_around", "_inner", "_max_depth", "_options", "_outer", "_safe_integers")

    def __init__(self, limits: BodyLimits, outer_depth: int = 0) -> None:
        deepest = max(limits.max_depth - outer_depth, 0)
        self._max_depth = limits.max_depth
        self._safe_integers = limits.safe_integers
        self._options = orjson.OPT_STRICT_INTEGER if limits.safe_integers else 0
        self._inner: list[Any] = [None]
        self._outer: list[Any] = self._inner
        for _ in range(_WRITER_DEPTH - deepest - 1):
            self._outer = [self._outer]
        self._around = _WRITER_DEPTH - deepest  # brackets before the value where it is written

    def parse(self, text: bytes) -> Any:
        """The value of `text`. Raises NotAdmitted."""
        return self.read(text)[0]

    def read(self, text: bytes) -> tuple[Any, bool]:
        """The value of `text`, and whether every integer in it surely is as it was written. Raises NotAdmitted."""
        try:
            value = loads(text)
        except orjson.JSONDecodeError as error:
            raise _explain_text(error, text) from None
        inner = self._inner
        inner[0] = value
        try:
            written = dumps(self._outer, None, self._options)
        except orjson.JSONEncodeError:
            raise self._explain_value(text, value) from None
        finally:
            inner[0] = None
        around = self._around
        same = len(written) == len(text) + 2 * around and written[around:-around] == text
        if self._safe_integers or not (same or _keeps_colons(text, written)):
            self._look_closely(text, value)
        return value, same

    def _look_closely(self, text: bytes, value: Any) -> None:
        if _duplicate_key(text) or (self._safe_integers and _unsafe_integer(text)):
            raise self._explain_value(text, value)

    def _explain_value(self, text: bytes, value: Any) -> NotAdmitted:
        """Everything wrong with a text that parses, so that no finding hides another."""
        problems: list[Problem] = []
        if not self._writes_within_depth(value):
            problems.append((Reason.JSON_DEPTH, {"limit": self._max_depth}))
        if found := _duplicate_key(text):
            problems.append(found)
        if self._safe_integers and (found := _unsafe_integer(text)):
            problems.append(found)
        return NotAdmitted(*problems, value=value)

    def _writes_within_depth(self, value: Any) -> bool:
        self._inner[0] = value
        try:
            dumps(self._outer)
        except orjson.JSONEncodeError:
            return False
        finally:
            self._inner[0] = None
        return True


def _keeps_colons(text: bytes, written: bytes) -> bool:
    """Whether no member was lost between a text and its value written again; false in doubt."""
    return written.count(b":") == text.count(b":") and (b"\\" not in text or b"\\u003" not in text)


def parse_exactly(text: bytes) -> Any:
    """The value of an admitted text with integers of any size kept exact."""
    return jiter.from_json(text, allow_inf_nan=False, cache_mode="none")


def has_long_integer(text: bytes) -> bool:
    """True when the text may hold an integer that the fast parser rounds (19 digits or more in a row)."""
    return b"0" * 19 in text.translate(_DIGITS)


def _explain_text(error: orjson.JSONDecodeError, text: bytes) -> NotAdmitted:
    """Which rule a text breaks that did not parse. The parser's messages are a closed set without content."""
    message = error.msg
    reason = next((found for words, found in _REASONS if words in message), Reason.JSON_SYNTAX)
    try:
        offset = len(text.decode()[: error.pos].encode("utf-8"))  # the parser counts characters
    except UnicodeDecodeError as broken:
        offset = broken.start
    return NotAdmitted((reason, {"offset": offset}), fatal=True)


def _duplicate_key(text: bytes) -> Problem | None:
    try:
        jiter.from_json(text, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="none")
    except ValueError as error:
        message = str(error)
        if not message.startswith("Detected duplicate key"):
            return _duplicate_key_deep(text)
        return Reason.JSON_DUPLICATE_KEY, {"offset": _position(message, text)}
    return None


def _duplicate_key_deep(text: bytes) -> Problem | None:
    """For texts deeper than jiter goes, when depth alone does not refuse them."""

    def pairs(members: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in members}) != len(members):
            raise KeyError

    try:
        json.loads(text, object_pairs_hook=pairs)
    except KeyError:
        return Reason.JSON_DUPLICATE_KEY, {}
    except RecursionError:
        return Reason.JSON_DUPLICATE_KEY, {"why": "too deep to tell"}
    return None


def _unsafe_integer(text: bytes) -> Problem | None:
    if b"0" * 16 not in text.translate(_DIGITS):
        return None
    if all(-_LARGEST_SAFE <= number <= _LARGEST_SAFE for number in _integers(parse_exactly(text))):
        return None
    return Reason.JSON_NUMBER_RANGE, {"why": "integer beyond 2^53-1"}


def _integers(value: Any) -> Iterator[int]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, int):
            yield item


def _position(message: str, text: bytes) -> int:
    """Byte offset of jiter's `line L column C`, just after the colon; the key it also names is not looked at."""
    line, _, column = message.rpartition(" at line ")[2].partition(" column ")
    start = 0
    for _ in range(int(line) - 1):
        start = text.index(b"\n", start) + 1
    return start + int(column) - 1
