"""What a person is shown before he decides: lines of label and value, made from the request itself.

Rule: what is shown is what is approved, so the lines are committed by a digest and every line is unmistakable: one
line, no control or direction character (Unicode TR 36), cut with its length said. A secret is masked: the approver must
see what happens, not with which password. What is left out is counted, never hidden.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from urllib.parse import parse_qsl

from clyra_proxy.genai.leaks.leak import Family
from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.json_pointer import MISSING, escape, look_up
from clyra_proxy.policy.genai.leaks import Leaks
from clyra_proxy.telemetry.redaction import MASK, printable

LONGEST_VALUE = 200
MOST_LINES = 32
CAUTION = ("caution", "a key stands twice in one object: the destination may read either value")
_DEEPEST = 8
_SCANNED = 4096
"""Characters of a value in which a secret is looked for; fewer are shown."""
_SECRET_WORDS = ("password", "passwd", "secret", "token", "apikey", "authorization", "credential", "privatekey")
_TEXTS = {True: "true", False: "false", None: "null"}

type Line = tuple[str, str]


def body_lines(payload: bytes, show: tuple[str, ...]) -> list[Line]:
    """The lines of a JSON body: those of `show`, else its scalar values. A body that is not JSON gives its size."""
    if not payload:
        return [("body", "none")]
    members = _Members()
    try:
        document = json.loads(payload, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=members.of)
    except (ValueError, RecursionError):
        return [("body", f"{len(payload)} bytes that are not JSON")]
    chosen = [(_clean(pointer), _shown(pointer, look_up(document, pointer))) for pointer in show]
    if members.again:
        return [CAUTION, *chosen, *_first_of(document)]
    return chosen or _first_of(document)


def clean_line(label: str, value: str) -> Line:
    """A line of known content, made unmistakable."""
    return _clean(label), _clean(value)


def query_lines(target: str) -> list[Line]:
    """The parameters of a request target, one line each."""
    query = target.partition("?")[2]
    if not query:
        return []
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_LINES)
    except ValueError:
        return [("query", f"{len(query)} characters")]
    return [(_clean(f"?{name}"), _shown(f"/{escape(name)}", value)) for name, value in pairs]


@dataclass(slots=True)
class _Members:
    """Objects in which a key that comes again is kept beside the first. again: whether one did."""

    again: bool = False

    def of(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        self.again, found, seen = True, {}, dict[str, int]()
        for name, value in pairs:
            key, times = name, seen.get(name, 1)
            while key in found:
                times += 1
                key = f"{name} ({times})"
            seen[name] = times
            found[key] = value
        return found


def _first_of(document: object) -> list[Line]:
    lines: list[Line] = []
    left_out = 0
    for pointer, value in _scalars(document, "", 0):
        if len(lines) < MOST_LINES:
            lines.append((_clean(pointer or "body"), _shown(pointer, value)))
        else:
            left_out += 1
    if left_out:
        lines.append(("not shown", f"{left_out} more values"))
    return lines


def _scalars(value: object, pointer: str, depth: int) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict | list) and value and depth < _DEEPEST:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in pairs:
            yield from _scalars(part, f"{pointer}/{escape(str(name))}", depth + 1)
    else:
        yield pointer, value


def _shown(pointer: str, value: object) -> str:
    if value is MISSING:
        return "(not there)"
    if isinstance(value, dict | list):
        return f"({len(value)} entries)"
    if isinstance(value, Decimal):
        return _number(value)
    if not isinstance(value, str):
        return _TEXTS[value] if value is None or isinstance(value, bool) else "(unreadable)"
    return MASK if _is_secret(pointer, value) else f'"{_clean(value)}"'


def _number(value: Decimal) -> str:
    if not value.is_finite():
        return "(no number)"
    return _clean(f"{value:f}" if abs(value.adjusted()) < 30 else str(value))


def _is_secret(pointer: str, text: str) -> bool:
    name = pointer.rpartition("/")[2].lower().replace("_", "").replace("-", "")
    if any(word in name for word in _SECRET_WORDS):
        return True
    scanner = _scanner()
    head = text[:_SCANNED]
    found = [*scanner.scan(head), *scanner.scan_named(head, pointer)]
    return any(leak.family is Family.SECRET for leak in found)


@cache
def _scanner() -> Scanner:
    return Scanner(Leaks())


def _clean(text: str) -> str:
    cut = printable(text[:LONGEST_VALUE])[: 4 * LONGEST_VALUE]
    return cut if len(text) <= LONGEST_VALUE else f"{cut}… ({len(text)} characters)"
