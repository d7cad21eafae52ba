"""Characters in a declaration that a person reviewing it does not see and a model reads.

Rule: what has an honest use is told from what has none: joiners inside emoji and scripts that need them, direction
marks beside right-to-left letters, tag characters in the flags of regions. Time is linear; pure ASCII without control
characters costs one scan. Unicode TR 36, UTS 51; CVE-2021-42574.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_BLACK_FLAG, _CANCEL_TAG = "\U0001f3f4", "\U000e007f"
_OVERRIDES = frozenset("\u202d\u202e")
_DIRECTION = frozenset("\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u180e\u115f\u1160\u3164\uffa0")
_ALLOWED_CONTROLS = frozenset("\t\n\r")
_RUN_OF_SELECTORS = 3
_OFF_SCREEN = 200
"""Blanks in a row after which a text goes on where nobody scrolls to."""


def hidden_kinds(text: str) -> frozenset[str]:
    """Names of the tricks in a text: `tags`, `direction`, `invisible`, `selectors`, `control`, `off_screen`."""
    kinds = frozenset(_kinds(text)) if not text.isascii() else frozenset({"control"} if _has_controls(text) else ())
    return kinds | {"off_screen"} if _runs_off_screen(text) else kinds


def _has_controls(text: str) -> bool:
    return not text.isprintable() and any(char < " " or char == "\x7f" for char in set(text) - _ALLOWED_CONTROLS)


def _kinds(text: str) -> Iterator[str]:
    right_to_left: bool | None = None
    selectors, in_flag, before = 0, False, " "
    for at, char in enumerate(text):
        if char < "\u00ad":
            if char not in _ALLOWED_CONTROLS and (char < " " or "\x7f" <= char < "\u00a0"):
                yield "control"
        elif "\U000e0000" <= char <= "\U000e007f":
            if not in_flag:
                yield "tags"
            in_flag = in_flag and char != _CANCEL_TAG
            continue
        elif _is_selector(char):
            selectors += 1
            if selectors >= _RUN_OF_SELECTORS:
                yield "selectors"
            continue
        elif char in _OVERRIDES:
            yield "direction"
        elif char in _DIRECTION:
            right_to_left = _is_right_to_left(text) if right_to_left is None else right_to_left
            if not right_to_left:
                yield "direction"
        elif char in _INVISIBLE and (before in _INVISIBLE or _is_between_letters(text, at)):
            yield "invisible"
        selectors, in_flag, before = 0, char == _BLACK_FLAG, char


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _is_between_letters(text: str, at: int) -> bool:
    """Whether Latin letters or digits stand on both sides: no script of theirs needs a joiner."""
    around = text[max(at - 1, 0) : at] + text[at + 1 : at + 2]
    return len(around) == 2 and around.isascii() and around.isalnum()


def _is_right_to_left(text: str) -> bool:
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def _runs_off_screen(text: str) -> bool:
    """Whether something stands after a long run of blanks."""
    if len(text) <= _OFF_SCREEN:
        return False
    run = 0
    for char in text:
        if char.isspace():
            run += 1
        elif run >= _OFF_SCREEN:
            return True
        else:
            run = 0
    return False
