"""How large, how deep and how inflated a body may be: one frozen value, made by policy, read by every stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30
DEEPEST = 200
"""The deepest `max_depth` that the parsers behind admission can still tell apart from "too deep"."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Limits of one direction of one route. Sizes in bytes.

    max_body: raw bytes, and decoded bytes of an uncoded body. max_decoded: decoded bytes of a coded body.
    max_buffer: what may be held in memory for one decision (a whole unsplittable body, one record, one member); the
    default keeps the worst such body, made of nothing but tiny objects, under 50 ms of one step on the event loop.
    max_depth: nesting of JSON containers (RFC 8259 section 9), at most `DEEPEST`. max_ratio: decoded to raw, judged
    once ratio_floor bytes are decoded. max_window: back-reference window a zstd frame may ask for. safe_integers:
    refuse integers beyond 2^53-1 (RFC 7493 section 2.2). minimum_hold: nothing leaves before the first record was
    judged or this many bytes were seen. spool_directory: where `atomic: spool` keeps its encrypted file.
    """

    max_body: int = 16 * GIB
    max_decoded: int = GIB
    max_buffer: int = 6 * MIB
    max_depth: int = 128
    max_ratio: int = 200
    ratio_floor: int = MIB
    max_window: int = 8 * MIB
    safe_integers: bool = False
    minimum_hold: int = 64 * 1024
    spool_directory: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.max_depth <= DEEPEST:
            raise ValueError(f"max_depth must be between 1 and {DEEPEST}, not {self.max_depth}")
        for name in ("max_body", "max_decoded", "max_buffer", "max_ratio", "ratio_floor", "max_window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


DEFAULT_LIMITS = BodyLimits()
