"""Texts as the program sees them that will act on them.

Rule: what an interpreter ignores (comments, characters without a glyph, blanks inside a scheme) is gone before patterns
look, and what it reads in two ways is looked at in both. All of it takes linear time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.genai import references

_NOTHING = {ord(char): None for char in "\x00\u00ad\u200b\u200c\u200d\u2060\ufeff"}
_NO_BLANKS = {**_NOTHING, **dict.fromkeys(range(33)), 0x7F: None, 0xA0: None}

_FENCE = re2.compile(
    r"(?ms)^ {0,3}(?:```+[^`\n]*\n.*?(?:^ {0,3}```+[ \t]*$|\z)|~~~+[^\n]*\n.*?(?:^ {0,3}~~~+[ \t]*$|\z))"
)
_INLINE = re2.compile(r"``[^\n]+?``|`[^`\n]+`")
_BLANKS = re2.compile(r"\s+")
_CONDITIONAL = re2.compile(r"/\*!\d*")
_COMMENT = re2.compile(r"(?s)/\*.*?\*/")
_STANDARD = re2.compile(r"(?s)'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/")
_ESCAPED = re2.compile(r"(?s)'(?:[^'\\]|''|\\.)*'|--[^\n]*|/\*.*?\*/")


def plain(text: str) -> list[str]:
    """As it stands, without characters that nobody sees."""
    return [text.translate(_NOTHING)]


def unescaped(text: str) -> list[str]:
    """HTML character references resolved, no blanks: how a browser reads the scheme of an address."""
    return [references.unescaped(text).translate(_NO_BLANKS)]


def uncommented(text: str) -> list[str]:
    """SQL without block comments, once as if they were blanks; what MySQL runs inside them stays."""
    opened = _sub(_CONDITIONAL, " ", text.translate(_NOTHING))
    return [_sub(_COMMENT, " ", opened)]


def bare_sql(text: str) -> list[str]:
    """SQL without comments and texts, as standard SQL and as MySQL end a text, comments as blanks and as nothing."""
    opened = _sub(_CONDITIONAL, " ", text.translate(_NOTHING))
    readings = {_without(pattern, between, opened) for pattern in (_STANDARD, _ESCAPED) for between in (" ", "")}
    return [_sub(_BLANKS, " ", reading) for reading in readings]


def without_code(text: str) -> str:
    """Markdown without its code blocks and code spans, which a renderer shows and does not read."""
    return _sub(_INLINE, " ", _sub(_FENCE, "\n", text))


VIEWS: Mapping[str, Callable[[str], list[str]]] = MappingProxyType(
    {"plain": plain, "unescaped": unescaped, "uncommented": uncommented, "bare_sql": bare_sql}
)
"""Name in a pack -> the texts that its patterns see."""


def _sub(pattern: Any, replacement: str, text: str) -> str:
    return str(pattern.sub(replacement, text.encode("utf-8", "replace").decode()))


def _without(pattern: Any, between: str, text: str) -> str:
    def blank(match: Any) -> str:
        return "''" if match.group().startswith("'") else between

    return str(pattern.sub(blank, text))
