"""Witnesses: which of the trusted ones cosigned a checkpoint, when, and how many different ones that makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recorder import cosignature, note
from recorder.trust import TrustedKey
from recorder.verify.times import MAX_TIME, timestamp


@dataclass(frozen=True, slots=True)
class Quorum:
    """What enough witnesses signed. sizes: all such tree sizes. names, at, same_admin: at the largest of them."""

    sizes: tuple[int, ...]
    names: tuple[str, ...]
    at: str
    same_admin: bool


def quorum_of(times: Mapping[int, Mapping[TrustedKey, int]], need: int) -> Quorum | None:
    """times: tree size -> key -> time (seconds since the epoch). need: how many different names (at least 1)."""
    sizes = tuple(size for size, found in times.items() if len({key.name for key in found}) >= need)
    if not sizes:
        return None
    largest = times[max(sizes)]
    earliest: dict[str, int] = {}
    for key, at in largest.items():
        earliest[key.name] = min(at, earliest.get(key.name, at))
    when = timestamp(sorted(earliest.values())[need - 1])
    return Quorum(sizes, tuple(sorted(earliest)), when, all(key.same_admin for key in largest))


def wrong_cosignatures(checkpoint: note.Checkpoint, keys: list[TrustedKey]) -> int:
    """Lines that name a known witness key and are not its signature."""
    return sum(
        cosignature.is_by(line, key.name, key.public) and _time_of(line, checkpoint.text, key) is None
        for line in checkpoint.signatures
        for key in keys
    )


def cosigned(checkpoint: note.Checkpoint, keys: list[TrustedKey]) -> dict[TrustedKey, int]:
    """The earliest time at which each key validly cosigned (seconds since the epoch)."""
    found: dict[TrustedKey, int] = {}
    for line in checkpoint.signatures:
        for key in keys:
            at = _time_of(line, checkpoint.text, key) if cosignature.is_by(line, key.name, key.public) else None
            if at is not None:
                found[key] = min(at, found.get(key, at))
    return found


def _time_of(line: note.Signature, text: bytes, key: TrustedKey) -> int | None:
    at = cosignature.time_of(line, text, key.public)
    return at if at is not None and at <= MAX_TIME else None
