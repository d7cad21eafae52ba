"""How much may go where, over time: sensitive and opaque bytes per agent and destination, and drips.

Rule: what one exchange may do, a thousand may not. Bytes of secrets and personal data and of encoded text are counted
in sliding windows; so are different short values drawn by chance in host names (DNS tunnels) and, a tenth each, in the
addresses that tools are called with. What a conversation merely repeats is not counted again. Keys carry hashes only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from clyra_proxy.genai.byte_patterns import Pattern, as_bytes
from clyra_proxy.genai.inspection import Inspection, Signal, Workshop
from clyra_proxy.genai.leaks.chance import looks_random
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.genai.model import Direction, Provenance, Segment
from clyra_proxy.policy.genai.leaks import Exfiltration

_OPAQUE = Pattern(r"[A-Za-z0-9+/_=-]{64,}")
_HOST = Pattern(
    r"(?:(?:[A-Za-z0-9_-]{1,63}\.){1,12}[A-Za-z]{2,24}|(?:[0-9]{1,3}\.){3}[0-9]{1,3})(?::[0-9]{1,5})?"
    r"(?:[/?#][^\s\"'<>]*)?"
)
_UNLISTED = frozenset({
    "example", "test", "invalid", "onion", "alt", "internal", "local", "lan", "corp", "home", "intranet", "private",
})  # fmt: skip
"""Endings of names that no registry lists and networks use all the same (RFC 2606, 6761, 6762, 7686, 9476)."""
_PIECE = Pattern(r"[A-Za-z0-9_%+~-]{8,80}")
_MOST_VALUES = 64  # values counted of one exchange
_PER_LABEL, _PER_PIECE = 10, 1
_CALLING = (Provenance.ARGUMENTS, Provenance.ASSISTANT)


class ExfiltrationBudget:
    """The limits of a policy. workshop: where counters live."""

    def __init__(self, limits: Exfiltration, allowed_hosts: Iterable[str], workshop: Workshop) -> None:
        self._limits = limits
        self._allowed = tuple(host.lower().removeprefix("*.") for host in allowed_hosts)
        self._state = workshop.state
        self._salt = workshop.secret[:64]

    def spend(self, inspection: Inspection, found: list[tuple[Segment, list[Leak]]]) -> Iterator[Signal]:
        """What goes over a limit with this exchange. found: the leaks of each text. Raises StateError."""
        fresh = [(segment, leaks) for segment, leaks in found if not segment.history]
        if inspection.conversation.direction is Direction.REQUEST:
            yield from self._bytes(inspection, fresh)
        yield from self._drips(inspection, [segment for segment, _ in fresh if segment.provenance in _CALLING])

    def _bytes(self, inspection: Inspection, found: list[tuple[Segment, list[Leak]]]) -> Iterator[Signal]:
        limits = self._limits
        if limits.sensitive_bytes:
            sensitive = sum(leak.end - leak.start for _, leaks in found for leak in leaks if leak.family in _SENSITIVE)
            yield from self._count(inspection, "sensitive", sensitive, limits.sensitive_bytes)
        if limits.opaque_bytes:
            opaque = sum(_opaque(segment.text) for segment, _ in found)
            yield from self._count(inspection, "opaque", opaque, limits.opaque_bytes)

    def _count(self, inspection: Inspection, kind: str, amount: int, limit: int) -> Iterator[Signal]:
        if amount:
            key = self._key(inspection, kind, inspection.destination)
            total = self._state.add(key, amount, self._limits.window_s, inspection.now)
            if total > limit:
                yield Signal("leak.budget", detail={"kind": kind, "bytes": total, "limit": limit})

    def _drips(self, inspection: Inspection, segments: list[Segment]) -> Iterator[Signal]:
        if not self._limits.drips:
            return
        told: set[str] = set()
        for number, (domain, value, weight) in enumerate(_values(segments)):
            if number >= _MOST_VALUES:
                return
            if domain.endswith(self._allowed or ("\0",)) or not self._is_new(inspection, domain, value):
                continue
            key = self._key(inspection, "drip", domain)
            total = self._state.add(key, weight, self._limits.drip_window_s, inspection.now) // _PER_LABEL
            if total > self._limits.drips and domain not in told:
                told.add(domain)
                yield Signal("leak.budget", detail={"kind": "drip", "count": total, "limit": self._limits.drips})

    def _is_new(self, inspection: Inspection, domain: str, value: str) -> bool:
        """The value was not yet seen going there in the window."""
        key = self._key(inspection, "value", domain, value)
        if self._state.get(key, inspection.now) is not None:
            return False
        self._state.put(key, "1", inspection.now, self._limits.drip_window_s)
        return True

    def _key(self, inspection: Inspection, *parts: str) -> str:
        caller = inspection.caller
        hashed = hashlib.blake2b(key=self._salt, digest_size=16)
        for part in (caller.tenant, caller.proven, *parts):
            hashed.update(len(part).to_bytes(4) + part.encode("utf-8", "replace"))
        return f"leak:{parts[0]}:{hashed.hexdigest()}"


_SENSITIVE = (Family.SECRET, Family.PII)


def _opaque(text: str) -> int:
    """Characters of codes: long runs that no language writes."""
    data = as_bytes(text)
    return sum(end - start for start, end in _OPAQUE.spans(data) if looks_random(text[start : start + 256], 3.0))


def _values(segments: list[Segment]) -> Iterator[tuple[str, str, int]]:
    """(registrable domain, value, weight) of every value drawn by chance in the addresses of these texts."""
    for segment in segments:
        if "." not in segment.text:
            continue
        data = as_bytes(segment.text)
        for start, end in _HOST.spans(data):
            place, _, rest = segment.text[start:end].replace("?", "/").replace("#", "/").partition("/")
            host = place.partition(":")[0].lower()
            domain = _registrable(host)
            if not domain:
                continue
            for label in host.removesuffix(domain).split("."):
                if 8 <= len(label) <= 63 and looks_random(label, 2.5):
                    yield domain, label, _PER_LABEL
            for first, last in _PIECE.spans(as_bytes(rest)):
                if looks_random(rest[first:last], 2.8):
                    yield domain, rest[first:last], _PER_PIECE


@lru_cache(maxsize=4096)
def _registrable(host: str) -> str:
    """The part of a host name that somebody registered, an address in digits as it is; "" when there is none."""
    ending = host.rpartition(".")[2]
    if ending.isdigit():
        return host
    return _suffixes().privatesuffix(host, accept_unknown=ending in _UNLISTED) or ""


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
