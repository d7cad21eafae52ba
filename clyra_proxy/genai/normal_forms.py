"""Unicode's normal forms of texts that others wrote, in linear time.

Rule: a normal form puts the marks on a letter in order, and takes for that the square of their number; one sign becomes
eighteen. So runs of marks are cut to MARKS first and that sign is a blank: no text of a megabyte holds a worker for
minutes in one call that nothing can interrupt. A mark is whatever a form begins with a mark for, not only what has a
combining class itself (U+0F73 has none, and is two marks). After the Stream-Safe Text Format of UAX #15, section 13,
whose bound is 30; nobody writes more than MARKS.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache
from typing import Literal

type Form = Literal["NFKC", "NFKD"]

MARKS = 4
"""Marks in a row that are kept."""
_ASCII = bytes(range(128))
_EIGHTEEN = "\ufdfa"
_LAST = 0x1F000
"""No marks from here on but tags and variation selectors, which are no marks to the forms."""


def normal_form(form: Form, text: str) -> str:
    """The text in a normal form, less what would make that costly. Never raises, whatever the text holds."""
    if text.isascii():
        return text
    foreign = foreign_characters(text)
    if _EIGHTEEN in foreign:
        text = text.replace(_EIGHTEEN, " ")
    marks = foreign & _known_marks()
    if sum(map(text.count, marks)) > MARKS:
        text = _runs().sub(r"\1", text)
    return unicodedata.normalize(form, text)


def foreign_characters(text: str) -> frozenset[str]:
    """The characters of a text that are not ASCII."""
    rest = text.encode("utf-8", "surrogatepass").translate(None, _ASCII)
    return frozenset(rest.decode("utf-8", "surrogatepass"))


@lru_cache(maxsize=1)
def combining_marks() -> str:
    """Every character that is a mark on the letter before it in NFKD, or begins with one."""
    return "".join(filter(_begins_with_mark, map(chr, range(0x300, min(_LAST, sys.maxunicode)))))


def _begins_with_mark(character: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0


@lru_cache(maxsize=1)
def _known_marks() -> frozenset[str]:
    return frozenset(combining_marks())


@lru_cache(maxsize=1)
def _runs() -> re.Pattern[str]:
    marks = re.escape(combining_marks())
    return re.compile(f"([{marks}]{{{MARKS}}})[{marks}]+")
