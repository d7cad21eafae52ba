"""Canary tokens: planted where nobody honest reads them, so that seeing one anywhere is proof.

Rule: a token is found whole, in any case, with marks between its characters, in base64 and hex, and inside whatever the
disguises of `hidden` undo. A policy may keep a token as a hash: then every run of that length is hashed and compared.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from clyra_proxy.genai.byte_patterns import Pattern, any_of
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.policy.genai.leaks import Canary

_WEIGHT = 300
_WORDS = Pattern(r"[A-Za-z0-9._~+/=@:-]{8,}")
_TELLING = 4  # characters of a token; fewer are in any text and give nothing away
_MOST_HASHED = 65_536  # runs hashed in one window


class CanaryScanner:
    """canaries: of the policy."""

    def __init__(self, canaries: list[Canary]) -> None:
        self._names: dict[str, str] = {}
        for canary in canaries:
            if canary.value is not None:
                for form in _forms(canary.value):
                    self._names.setdefault(form, canary.name)
        self._plain = Pattern(any_of(list(self._names)), fold=True) if self._names else None
        self._hashes = {canary.sha256: canary.name for canary in canaries if canary.sha256}
        # RE2 of what no token is without, without regard to case; of a token kept as a hash nothing is known.
        self.signs = "" if self._hashes else any_of(list(self._names))
        self._longest = max(map(len, self._names), default=1)
        self._lengths = sorted({canary.length for canary in canaries if canary.length})

    def open_from(self, text: str) -> int | None:
        """Where a token may have begun that the next characters complete; None where any word may be one.

        Costs the longest form of a token times their number, not the text.
        """
        if self._hashes:
            return None
        tail = text[-self._longest :].lower()
        shortest = len(tail) - _TELLING + 1
        begun = (at for at in range(shortest) if any(form.startswith(tail[at:]) for form in self._names))
        return len(text) - len(tail) + next(begun, len(tail))

    def scan(self, text: str, data: bytes) -> Iterator[Leak]:
        """data: a byte a character."""
        if self._plain is not None:
            for start, end in self._plain.spans(data):
                name = self._names.get(data[start:end].decode("latin-1").lower(), "canary")
                yield Leak(Family.CANARY, "canary", name, start, end, weight=_WEIGHT)
        if self._hashes:
            yield from self._hashed(text, data)

    def _hashed(self, text: str, data: bytes) -> Iterator[Leak]:
        left = _MOST_HASHED
        for start, end in _WORDS.spans(data):
            for length in self._lengths:
                for at in range(start, end - length + 1):
                    left -= 1
                    if left < 0:
                        return
                    digest = hashlib.sha256(text[at : at + length].lower().encode("utf-8", "replace")).hexdigest()
                    if digest in self._hashes:
                        yield Leak(Family.CANARY, "canary", self._hashes[digest], at, at + length, weight=_WEIGHT)


def _forms(value: str) -> Iterator[str]:
    """The token and what the three alignments of base64 make of it, in small letters."""
    yield value.lower()
    yield value[::-1].lower()
    yield value.encode().hex()
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + value.encode()).decode().rstrip("=")
        inner = coded[(0, 2, 3)[shift] : len(coded) - 1]
        if len(inner) >= 8:
            yield inner.lower()
            yield inner.replace("+", "-").replace("/", "_").lower()
