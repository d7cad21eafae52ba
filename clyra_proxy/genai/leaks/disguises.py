"""Disguises that change characters one by one: undone over a whole window, with the way back.

Rule: nothing is undone where nothing shows that it was done, so an ordinary text costs a look for each disguise and no
copy. In this order: invisible and look-alike characters, escapes of addresses, HTML and programs, strings joined in
code, characters set apart by blanks or marks.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from itertools import islice

from clyra_proxy.genai.byte_patterns import Pattern, as_bytes
from clyra_proxy.genai.leaks.mapped import Mapped, Replaced, rewrite
from clyra_proxy.genai.normal_forms import normal_form

_MOST_ASKED = 256  # invisible characters of a window whose neighbours are looked at
# Look-alikes of Latin letters in other scripts, that NFKC leaves.
_LOOK_ALIKES = dict(
    zip("аеорсухіјѕһԁգӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТХІЅЈ", "aeopcyxijshdglABEZHIKMNOPTYXABEKMHOPCTXISJ", strict=True)
)
_ESCAPES = Pattern(
    r"%[2-7][0-9A-Fa-f]|&(?:#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5}|[A-Za-z]{2,8});|\\(?:u00|x)[2-7][0-9A-Fa-f]"
)
_JOINTS = Pattern(
    r"[\"'`]\s{0,8}(?:\+|\.\.?|&|\|\||\\|<>|~)?\s{0,8}\\?\n?\s{0,24}(?:\+\s{0,8})?[rbuf]?[\"'`]|\\\n[ \t]{0,24}"
)
# The same mark (or blank) between single characters; the class of the characters is wide, the length makes it sure.
_APART = Pattern(
    "|".join(
        rf"[!-~]{mark}(?:[ -~]{mark}){{6,}}[!-~]" for mark in (" ", "\\n", r"\.", "-", "_", r"\|", r"\*", "/", ",")
    )
    + r"|(?:[!-~]  ){7,}[!-~]|(?:[!-~], ){9,}[!-~]|(?:[\"'][!-~][\"'], ?){7,}[\"'][!-~][\"']"
)


def undone(text: str) -> Iterator[tuple[str, str, Callable[[int, int], tuple[int, int]]]]:
    """(name, text, way back) of each stage that changed something."""
    back: list[Mapped | Replaced] = []
    for name, stage in _STAGES:
        mapped = stage(back[-1].text if back else text)
        if mapped is None:
            continue
        back.append(mapped)
        yield name, mapped.text, _way_back(tuple(back))


def _way_back(stages: tuple[Mapped | Replaced, ...]) -> Callable[[int, int], tuple[int, int]]:
    def origin(start: int, end: int) -> tuple[int, int]:
        for mapped in reversed(stages):
            start, end = mapped.origin(start, end)
        return start, end

    return origin


def _visible(text: str) -> Replaced | None:
    """Without invisible characters; full-width, styled and look-alike letters as plain ones."""
    if text.isascii():
        return None
    changed = {c: new for c in set(text) if c > "\x7f" and (new := _plain(c)) != c and len(new) < 2 and new != " "}
    return Replaced(text, changed) if changed and (any(changed.values()) or _matters(text, changed)) else None


def _matters(text: str, invisible: Collection[str]) -> bool:
    """Whether one of them stands between plain characters: beside a foreign letter or a symbol it hides nothing.

    Where there are many, nobody asks: they matter.
    """
    found = [at for character in invisible for at in islice(_places(text, character), _MOST_ASKED)]
    return len(found) >= _MOST_ASKED or any(
        all(beside.isascii() or beside in invisible for beside in text[max(0, at - 1) : at] + text[at + 1 : at + 2])
        for at in found
    )


def _places(text: str, character: str) -> Iterator[int]:
    at = text.find(character)
    while at >= 0:
        yield at
        at = text.find(character, at + 1)


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    if 0xE0020 <= ord(character) <= 0xE007E:
        return chr(ord(character) - 0xE0000)
    kind = unicodedata.category(character)
    if kind in ("Cf", "Mn", "Me", "Cc") or character in "\u115f\u1160\u3164\uffa0\u2800":
        return ""
    plain = _LOOK_ALIKES.get(character) or normal_form("NFKC", character)
    return plain if plain.isascii() else character


def _unescaped(text: str) -> Mapped | None:
    """Escapes of addresses, HTML and programs resolved."""
    if "%" not in text and "&" not in text and "\\" not in text:
        return None
    data = as_bytes(text)
    return rewrite(text, ((a, b, _character(text[a:b])) for a, b in _ESCAPES.spans(data)))


def _character(escape: str) -> str:
    if escape[0] == "&":
        return html.unescape(escape)
    return chr(int(escape[-2:], 16))


def _joined(text: str) -> Mapped | None:
    """Strings that code puts together, and lines that go on."""
    data = as_bytes(text)
    return rewrite(text, ((a, b, "") for a, b in _JOINTS.spans(data) if _is_joint(text, a, b)))


def _is_joint(text: str, start: int, end: int) -> bool:
    """Not an empty string."""
    return end - start > 2 or text[start] == "\\"


def _together(text: str) -> Mapped | None:
    """Characters set apart by blanks or marks."""
    data = as_bytes(text)
    return rewrite(text, _apart(text, data))


def _apart(text: str, data: bytes) -> Iterator[tuple[int, int, str]]:
    for start, end in _APART.spans(data):
        step = _step(text[start:end])
        # The last character of a word before, or the first of one after, is none of the run.
        start += step if start and text[start - 1].isalnum() else 0
        end -= step if text[end : end + 1].isalnum() else 0
        run = text[start:end]
        at = start
        for offset in range(0, len(run), step):
            keep = start + offset + (1 if run[0] in "\"'" and step > 3 else 0)
            if keep > at:
                yield at, keep, ""
            at = keep + 1
        if at < end:
            yield at, end, ""


def _step(run: str) -> int:
    """Distance between the characters that count."""
    if run[0] in "\"'" and len(run) > 4 and run[2] == run[0]:
        return 5 if run[4] == " " else 4
    return 3 if run[1:3] in (", ", "  ") else 2


_STAGES: tuple[tuple[str, Callable[[str], Mapped | Replaced | None]], ...] = (
    ("invisible", _visible),
    ("escaped", _unescaped),
    ("spaced", _together),
    ("joined", _joined),
)
