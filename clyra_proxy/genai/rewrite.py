"""Edits in a JSON text: strings replaced in part, elements taken out, values emptied, every other byte as it was.

Guarantees: linear in the text; only the string literals and elements that an edit names are touched, so numbers, key
order and white space of the rest survive; an edit whose place is not found raises `RewriteError`, and nothing is
half-written. Pointers are RFC 6901; the token `#` after a string means the JSON text in it, whose other bytes survive
too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import orjson

from clyra_proxy.genai.inspection import Edit, Erasure, Removal, TextEdit
from clyra_proxy.genai.protocols.json_text import EMBEDDED
from clyra_proxy.json_pointer import Tokens, pointer_of, tokens_of

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[][{}:,]|[^][{}:,"\s]++', re.DOTALL)


class RewriteError(Exception):
    """The text has no such place, or a place is not a string."""


@dataclass(slots=True)
class _Open:
    """A container being walked. key: of the member or element that comes next. start: its offset."""

    array: bool
    key: str
    start: int = 0


def rewrite(text: bytes, edits: Iterable[Edit]) -> bytes:
    """`text` with all edits made. Raises RewriteError."""
    wanted = [(parse_pointer(edit.path), edit) for edit in edits]
    places = _locate(text, {part for pointer, _ in wanted for part in (pointer, _outer(pointer))})
    strings: dict[Tokens, list[TextEdit]] = {}
    inside: dict[Tokens, list[Edit]] = {}
    removed: list[tuple[int, int]] = []
    erased: set[tuple[int, int]] = set()
    for pointer, edit in wanted:
        if pointer not in places and _outer(pointer) in places:
            outer = _outer(pointer)
            inside.setdefault(outer, []).append(replace(edit, path=pointer_of(pointer[len(outer) + 1 :])))
        elif pointer not in places:
            raise RewriteError("a place is not in the text")
        elif isinstance(edit, Removal):
            removed.append(places[pointer])
        elif isinstance(edit, Erasure):
            erased.add(places[pointer])
        else:
            strings.setdefault(pointer, []).append(edit)
    if inside.keys() & strings.keys():
        raise RewriteError("a text cannot be edited both as a whole and within")
    pieces = [(*places[pointer], _edited(text[slice(*places[pointer])], strings[pointer])) for pointer in strings]
    pieces += [(*places[pointer], _edited_inside(text[slice(*places[pointer])], inside[pointer])) for pointer in inside]
    pieces += [(start, end, b"") for start, end in _without(text, sorted(set(removed)))]
    pieces += [(start, end, b"[]" if text.startswith(b"[", start) else b"null") for start, end in erased]
    return _splice(text, sorted(pieces))


def parse_pointer(pointer: str) -> Tokens:
    """The reference tokens of a JSON pointer. Raises RewriteError."""
    if pointer and not pointer.startswith("/"):
        raise RewriteError("not a JSON pointer")
    return tokens_of(pointer)


def _outer(pointer: Tokens) -> Tokens:
    """The way to the string before the first `#`; all of it when there is none."""
    return pointer[: pointer.index(EMBEDDED)] if EMBEDDED in pointer else pointer


def edit_text(text: str, edits: Sequence[TextEdit]) -> str:
    """`text` with all edits made; where two overlap, both ranges go and the first replacement stays."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda one: (one.start, -one.end)):
        if edit.start >= at:
            parts += (text[at : edit.start], edit.replacement)
        at = max(at, edit.end)
    parts.append(text[at:])
    return "".join(parts)


def _locate(text: bytes, wanted: Iterable[Tokens]) -> dict[Tokens, tuple[int, int]]:
    """Byte ranges of the values at `wanted`."""
    places: dict[Tokens, tuple[int, int]] = {}
    targets = set(wanted)
    path: list[_Open] = []
    expects_key = False

    def note(start: int, end: int) -> None:
        pointer = tuple(one.key for one in path)
        if pointer in targets:
            places[pointer] = (start, end)

    for token in _TOKEN.finditer(text):
        first = token[0][:1]
        if first in b"{[":
            path.append(_Open(first == b"[", "0", token.start()))
            expects_key = first == b"{"
        elif first in b"}]":
            if not path:
                raise RewriteError("not a JSON text")
            closed = path.pop()
            note(closed.start, token.end())
            expects_key = False
        elif first == b",":
            if path and path[-1].array:
                path[-1].key = str(int(path[-1].key) + 1)
            expects_key = bool(path) and not path[-1].array
        elif first == b":":
            expects_key = False
        elif expects_key:
            path[-1].key = orjson.loads(token[0])
        else:
            note(*token.span())
    return places


def _edited(literal: bytes, edits: Sequence[TextEdit]) -> bytes:
    if not literal.startswith(b'"'):
        raise RewriteError("the place is not a string")
    return orjson.dumps(edit_text(orjson.loads(literal), edits))


def _edited_inside(literal: bytes, edits: Sequence[Edit]) -> bytes:
    if not literal.startswith(b'"'):
        raise RewriteError("the place is not a string")
    return orjson.dumps(rewrite(orjson.loads(literal).encode("utf-8"), edits).decode("utf-8"))


def _without(text: bytes, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges to cut so that the elements in `spans` go with one comma each.

    An element goes with the comma after it; the last of its array with the one before, unless that went already.
    """
    cuts: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        after = _skip(text, end)
        if text[after : after + 1] == b",":
            cuts.append((start, _skip(text, after + 1)))
            continue
        before = len(text[:start].rstrip())
        while cuts and cuts[-1][1] >= start:  # all elements before it go as well, up to the one that stays
            start = cuts.pop()[0]
            before = len(text[:start].rstrip())
        cuts.append((before - 1 if text[before - 1 : before] == b"," else start, end))
    return cuts


def _skip(text: bytes, at: int) -> int:
    while text[at : at + 1] in (b" ", b"\t", b"\r", b"\n"):
        at += 1
    return at


def _splice(text: bytes, pieces: Sequence[tuple[int, int, bytes]]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for start, end, replacement in pieces:
        if start < at:
            continue  # inside of what was taken out
        parts += (text[at:start], replacement)
        at = end
    parts.append(text[at:])
    return b"".join(parts)
