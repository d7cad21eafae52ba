"""Character references of HTML, resolved in any text.

Rule: as `html.unescape`, but it never raises: Python refuses to read a number of thousands of digits, and no character
has one of more than seven.
"""

from __future__ import annotations

import html
import re

_ZEROS = re.compile(r"(&#[xX]?)0+(?=[0-9A-Fa-f])")
_NO_CHARACTER = re.compile(r"&#(?:[xX][0-9A-Fa-f]{9,}|[0-9]{9,});?")


def unescaped(text: str) -> str:
    """The text with `&amp;`, `&#38;` and their like written out; what names no character becomes U+FFFD."""
    if "&#" in text:
        text = _NO_CHARACTER.sub("\ufffd", _ZEROS.sub(r"\1", text))
    return html.unescape(text)
