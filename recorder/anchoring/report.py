"""What a round said of itself, as the recorder reads it: one JSON line from the anchoring process.

Kept apart from what runs rounds, so that the recorder's own process loads no network library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

NOTHING = b"null\n"
"""The line that answers a request when no round could be run; the reason went to stderr, the log of the recorder."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a target was not reached. alarm: it contradicts the log."""

    name: str
    kind: str
    error: str
    alarm: bool


@dataclass(frozen=True, slots=True)
class Report:
    """One round. records: (type, data) to be written into the log. asked: it was requested, not due."""

    size: int
    root: str
    cosigned: int
    need: int
    placed: tuple[str, ...]
    failures: tuple[Failure, ...]
    records: tuple[tuple[str, dict[str, Any]], ...]
    asked: bool

    @property
    def complete(self) -> bool:
        """Every target was reached, and enough witnesses agreed."""
        return not self.failures and self.cosigned >= self.need

    def summary(self) -> dict[str, object]:
        """For a person or a program that asked."""
        return {
            "size": self.size,
            "root": self.root,
            "cosigned": self.cosigned,
            "need": self.need,
            "placed": list(self.placed),
            "failures": [{"name": one.name, "error": one.error, "alarm": one.alarm} for one in self.failures],
        }


def from_line(line: bytes) -> Report | None:
    """Read a line of our own process back; None for NOTHING. Raises ValueError."""
    if line == NOTHING:
        return None
    try:
        found = orjson.loads(line)
        return Report(
            found["size"],
            found["root"],
            found["cosigned"],
            found["need"],
            tuple(found["placed"]),
            tuple(Failure(*one) for one in found["failures"]),
            tuple((typ, data) for typ, data in found["records"]),
            found["asked"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a round: {error}") from None
