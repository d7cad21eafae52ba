"""Secrets in disguise: inside codes, behind escapes and invisible characters, reversed, rotated.

Rule: what a disguise hid is found again by the same scanners on the text without it; a leak stands where the disguised
text stands. Depth and the amount of decoded text are bounded, so time stays linear. What is also found undisguised is
reported as such, because it weighs more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from clyra_proxy.genai.byte_patterns import as_bytes
from clyra_proxy.genai.leaks.chance import looks_random
from clyra_proxy.genai.leaks.disguises import undone
from clyra_proxy.genai.leaks.encodings import Decoded, decoded_runs
from clyra_proxy.genai.leaks.leak import Leak
from clyra_proxy.genai.leaks.mapped import reverse_span

_DEEPEST = 3  # codes inside codes
_MOST_DECODED = 262_144  # characters decoded for one window
_LIGHTER = 5
_STILL_ADDRESSES = frozenset({"connection-string", "sentry-dsn"})  # a rotated address is an address

type Scan = Callable[[str, bytes], Iterable[Leak]]
_ROT13 = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


def hidden_leaks(text: str, data: bytes, scan: Scan, mirrored: Scan) -> Iterator[Leak]:
    """Leaks of a window that some disguise hides.

    scan: all secrets of a text. mirrored: what is looked for in the text reversed or rotated.
    """
    budget = _Budget()
    yield from _inside(data, scan, 1, budget)
    for name, plain, origin in undone(text):
        bytes_of = as_bytes(plain)
        for leak in (*scan(plain, bytes_of), *_inside(bytes_of, scan, 2, budget)):
            start, end = origin(leak.start, leak.end)
            found = _lighter(leak, start, end, name if leak.view == "plain" else f"{name}+{leak.view}")
            # What only the undoing made whole counts more than the piece of it that was there already.
            whole = text[start:end] != plain[leak.start : leak.end]
            yield replace(found, weight=leak.weight + 1) if whole else found
    backwards = data[::-1]
    for leak in _convincing(mirrored(backwards.decode("latin-1"), backwards), backwards):
        yield _lighter(leak, *reverse_span(len(data), leak.start, leak.end), "reversed")
    rotated = data.translate(_ROT13)
    for leak in _convincing(mirrored(rotated.decode("latin-1"), rotated), rotated):
        yield _lighter(leak, leak.start, leak.end, "rot13")


def _convincing(leaks: Iterable[Leak], data: bytes) -> Iterator[Leak]:
    """Any text reads as something when it is turned round: only values drawn by chance count, and no addresses."""
    for leak in leaks:
        value = data[leak.start : leak.end].decode("latin-1")
        named = leak.pattern.startswith("generic-") and any(c.isdigit() for c in value)
        if named or (leak.pattern not in _STILL_ADDRESSES and looks_random(value, 2.8)):
            yield leak


class _Budget:
    """How much more may be decoded."""

    def __init__(self) -> None:
        self.left = _MOST_DECODED

    def grants(self, run: Decoded) -> bool:
        self.left -= len(run.text)
        return self.left >= 0


def _inside(data: bytes, scan: Scan, depth: int, budget: _Budget) -> Iterator[Leak]:
    """Leaks inside the codes of `data`; the heaviest of each code, at the place of the code."""
    for run in decoded_runs(data):
        if not budget.grants(run):
            return
        inner = as_bytes(run.text)
        found = [*scan(run.text, inner)]
        if depth < _DEEPEST:
            found += _inside(inner, scan, depth + 1, budget)
        best = max(found, key=lambda leak: leak.weight, default=None)
        if best is not None:
            yield _lighter(best, run.start, run.end, run.name if best.view == "plain" else f"{run.name}+{best.view}")


def _lighter(leak: Leak, start: int, end: int, view: str) -> Leak:
    return replace(leak, start=start, end=end, view=view, weight=leak.weight - _LIGHTER)
