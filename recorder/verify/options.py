"""What the caller of a verification gives and asks for, beside the bundle itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from recorder.memory import Memory

LEVELS: Final = ("L0", "L1", "L2")
PROFILES: Final = ("core", "time")

type Progress = Callable[[int, int], None]
"""Called with (records checked, records expected) now and then."""


@dataclass(frozen=True, slots=True)
class Options:
    """trust, trust_from: trust files. checkpoints, anchors, attestations: the bytes of such files, in order.

    memory: what was accepted before, for all bundles of one call. older: the caller knows that this is an older bundle.
    profile: `time` also checks RFC 3161 time stamps. workers: processes that may help with many records (0 or 1).
    """

    trust: bytes | None = None
    trust_from: bytes | None = None
    checkpoints: tuple[bytes, ...] = ()
    anchors: tuple[bytes, ...] = ()
    attestations: tuple[bytes, ...] = ()
    memory: Memory = field(default_factory=Memory)
    older: bool = False
    level: str = "L2"
    profile: str = "core"
    workers: int = 1
    progress: Progress | None = None
