"""Undoing encodings: the text with everything in it that was written in code written out.

Guarantee: linear. One pass of an automaton says which encodings occur; each of those is undone in place in one pass;
what comes out is looked at again, at most DEPTH times and as long as all of it together stays under GROWTH times the
input. Only what reads as text replaces what stood there, so keys, hashes and images stay as they are. Compressed data
is opened up to its share of that budget.
"""

from __future__ import annotations

import html.entities
import re
import urllib.parse
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.genai.ascii_art import read_drawings
from clyra_proxy.genai.injection.binary_text import ascii85, base64_runs, hex_runs, morse, numbers
from clyra_proxy.genai.injection.normalise import Hidden, whole_characters
from clyra_proxy.genai.injection.readable import reads_as_text

DEPTH = 4
GROWTH = 6
_LEAST = 4096
HARMLESS = frozenset({"markup", "entities", "percent", "escapes", "joined"})
"""Encodings that ordinary documents and code use for ordinary text."""
_SHALLOW = frozenset({"markup", "joined"})
"""What cannot hide another encoding from the pass that undid it."""

_ESCAPE = re.compile(r"\\(?:u\{?([0-9A-Fa-f]{4,6})\}?|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2}))")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7});?|#[xX]([0-9A-Fa-f]{1,6});?|([A-Za-z][A-Za-z0-9]{1,30};))")
_JOINED = re.compile(r"""["']\s?(?:\+|\.|\|\||&)?\s?\n?\s?["']""")
_QUOTED_PRINTABLE = re.compile(r"=([0-9A-F]{2})|=\r?\n")
_TAG = re.compile(r"<(/?)([a-zA-Z!?][a-zA-Z0-9-]{0,20})[^<>]{0,2000}>")
_COMMENT = re.compile(r"<!--|-->|/\*|\*/")
_INLINE = frozenset(
    [
        "b",
        "i",
        "em",
        "strong",
        "span",
        "a",
        "font",
        "u",
        "s",
        "code",
        "mark",
        "sub",
        "sup",
        "small",
        "big",
        "tt",
        "wbr",
        "abbr",
    ]
)

_PARTING = frozenset({"p", "br", "div", "li", "td", "th", "tr", "hr", "h1", "h2", "h3", "h4", "dd", "dt", "option"})

type Decoder = Callable[[str], str]


def _escapes(text: str) -> str:
    def written(match: re.Match[str]) -> str:
        return _character(int(match[1] or match[2] or match[3], 16))

    return whole_characters(_ESCAPE.sub(written, text))


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 else " "


def _entities(text: str) -> str:
    """Character references; not `html.unescape`, which raises on a number of more than 4300 digits."""

    def written(match: re.Match[str]) -> str:
        if match[3]:
            return html.entities.html5.get(match[3], match[0])
        return _character(int(match[1]) if match[1] else int(match[2], 16))

    return whole_characters(_ENTITY.sub(written, text))


def _quoted_printable(text: str) -> str:
    found = _QUOTED_PRINTABLE.sub(lambda match: chr(int(match[1], 16)) if match[1] else "", text)
    return found if reads_as_text(found) else text


def _joined(text: str) -> str:
    return _JOINED.sub("", text)


def _markup(text: str) -> str:
    return _TAG.sub(_without_tag, _COMMENT.sub(" ", text))


def _without_tag(match: re.Match[str]) -> str:
    """Nothing where a tag stands within a word, a blank where it parts words."""
    before, after = match.string[max(0, match.start() - 1) : match.start()], match.string[match.end() : match.end() + 1]
    if match[2].lower() in _INLINE or (before.isalpha() and after.isalpha() and match[2].lower() not in _PARTING):
        return ""
    return " "


_INK = r"[ \t!-/:-@\[-`{-~\x{2500}-\x{259f}]"
_DRAWN = rf"(?:{_INK}{{6,}}\n){{2}}{_INK}{{5,}}|(?:[^\n]*(?:888|ooo|MMM|XXX|HHH|OOO|000|dP|8b)[^\n]*\n){{3}}"
"""Three lines without words one after another: ink and blanks alone, or letters that fill areas."""

_DECODERS: tuple[tuple[str, str, Decoder], ...] = (
    ("ascii_art", _DRAWN, read_drawings),
    ("markup", r"</?[a-zA-Z!]", _markup),
    ("entities", r"(?i)&(?:#[0-9]{2,7}|#x[0-9a-f]{2,6}|[a-z]{2,8});", _entities),
    ("escapes", r"(?i)\\(?:u\{?[0-9a-f]{4}|x[0-9a-f]{2})", _escapes),
    ("percent", r"(?i)%[2-7][0-9a-f].{0,40}%[2-7][0-9a-f]", urllib.parse.unquote),
    ("quoted_printable", r"=[2-7][0-9A-F](?:.{0,40}=[2-7][0-9A-F]){2}", _quoted_printable),
    ("joined", r"""(?i)[a-z]["'] ?(?:\+|\.|\|\||&) ?["'][a-z ]|["']\n\s?["']""", _joined),
    ("base64", r"[A-Za-z0-9+/_-]{16}|\b[A-Za-z0-9+/]{4,}=", base64_runs),
    ("hex", r"(?i)(?:(?:\\x|0x|%|#|=)?[0-9a-f]{2}[ :,;-]{0,2}){8}", hex_runs),
    ("numbers", r"(?:\\?\b[0-9]{1,3}\b[ ,;_-]{0,2}){6}|[01]{7}", numbers),
    ("morse", r"(?:[.\-–·•_]{1,6}[ /|\t\n]{1,3}){6}", morse),
    ("ascii85", r"<~[!-u]{10}", ascii85),
)


@lru_cache(maxsize=1)
def _automaton() -> Any:
    options = re2.Options()
    options.max_mem = 32 << 20
    options.never_capture = True
    made = re2.Set.SearchSet(options)
    for _, pattern, _ in _DECODERS:
        made.Add(pattern)
    made.Compile()
    return made


def decoded(text: str) -> Iterator[Hidden]:
    """The text with its encodings undone, once for each layer of them."""
    budget = GROWTH * len(text) + _LEAST
    tricks: list[str] = []
    for _ in range(DEPTH):
        after = text
        for index in sorted(_automaton().Match(text.encode("utf-8", "replace")) or ()):
            name, _, decode = _DECODERS[index]
            before, after = after, decode(after)
            if after != before:
                tricks.append(name)
        budget -= len(after)
        if after == text or budget < 0:
            return
        text = after
        yield Hidden("+".join(tricks), text)
        if _SHALLOW.issuperset(tricks):
            return
