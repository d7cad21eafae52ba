"""Signed checkpoints at both ends of a window: by the log key in force, or kept from when they were signed.

A verifier believes the checkpoint at a window's end only under a key that was in force there, and the one at its start
under any key it has not seen end before. The recorder keeps the checkpoints it signed at anchors, bundle ends and
changes of keys; a window whose end is older than the log key must end at one of those, and is refused otherwise, with
the sizes that would do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from recorder import note
from recorder.errors import SealError
from recorder.keyring import HeldKey, Ring

type SignAt = Callable[[int, bytes], bytes | None]
"""Signs the checkpoint of a size and root with the log key in force, or returns None when that is not at hand."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """What there is to choose from. newest: the log's newest signed checkpoint; kept: size -> signed checkpoint."""

    origin: str
    ring: Ring
    newest: bytes
    kept: Mapping[int, bytes]
    sign_at: SignAt = field(repr=False)

    def at_end(self, size: int, root: bytes) -> bytes:
        """The checkpoint at a window's end. Raises SealError with the sizes that would do."""
        for candidate in (self.kept.get(size), self.newest):
            if candidate is not None and self._holds(candidate, size, root, lambda key: key.may_sign(size)):
                return candidate
        key = self.ring.current("log")
        signed = self.sign_at(size, root) if key.may_sign(size) else None
        if signed is not None:
            return signed
        raise SealError(
            f"No log key that is in force can sign the end of a window at {size}.",
            _why(key, key.may_sign(size)),
            f"Choose another end: {_near((*self._ends(), note.parse_checkpoint(self.newest).size), size)}.",
        )

    def at_start(self, size: int, root: bytes, end: int) -> bytes | None:
        """The checkpoint at the start of a window that ends at `end`; None where the start is 0 and none can be had.

        Raises SealError with the sizes that would do.
        """
        key = self.ring.current("log")

        def shown(key: HeldKey) -> bool:
            return key.since <= end and key.may_sign(size, lower=False)

        candidate = self.kept.get(size)
        if candidate is not None and self._holds(candidate, size, root, shown):
            return candidate
        signed = self.sign_at(size, root) if shown(key) else None
        if signed is not None:
            return signed
        if size == 0:
            return None
        raise SealError(
            f"No log key that a reader of a window up to {end} knows can sign its start at {size}.",
            _why(key, shown(key)),
            f"Choose another start: {_near((0, *self.kept), size)}.",
        )

    def _holds(self, raw: bytes, size: int, root: bytes, fits: Callable[[HeldKey], bool]) -> bool:
        """Whether a kept checkpoint is of this size and root, under a key that fits."""
        found = note.parse_checkpoint(raw)
        publics = [(key.public, key.public) for key in self.ring.of_role("log") if fits(key)]
        same = (found.origin, found.size, found.root) == (self.origin, size, root)
        return same and note.signed_by(found, self.origin, publics) is not None

    def _ends(self) -> Iterable[int]:
        return (size for size in self.kept if any(key.may_sign(size) for key in self.ring.of_role("log")))


def _why(key: HeldKey, may: bool) -> str:
    """may: the key could have signed, had it been at hand."""
    if may:
        return "The log key in force lives in the recorder's memory, and no recorder answers."
    return f"The log key in force, {key.key_id[:16]}, speaks from {key.since} on."


def _near(sizes: Iterable[int], wanted: int) -> str:
    """The nearest sizes on both sides, in words."""
    ordered = sorted(set(sizes))
    at = bisect_left(ordered, wanted)
    return ", ".join(str(size) for size in ordered[max(0, at - 3) : at + 3])
