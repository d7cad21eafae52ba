"""What people said of verdicts in shadow, and what was promoted: two files of the data folder that only grow.

One JSON object a line, 0600, flushed to disk before anybody goes on. A later word on the same verdict and rule stands
for an earlier one; nothing is ever taken out. No content: ids, rules, names, reasons, figures.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.errors import PolicyError, StartupError
from clyra_proxy.home import Home

ANY_RULE = ""
"""A review that is about all a verdict found."""


@dataclass(frozen=True, slots=True)
class Review:
    """right: stopping that exchange would have been right. rule: "" for all of them. at: seconds since the epoch."""

    verdict: str
    rule: str
    right: bool
    person: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Reviews:
    """What stands now."""

    known: dict[tuple[str, str], Review]

    def of(self, verdict: str, rule: str) -> Review | None:
        """The word on one rule's finding: the newest of those about it and about the whole verdict."""
        found = [one for key in ((verdict, rule), (verdict, ANY_RULE)) if (one := self.known.get(key)) is not None]
        return max(found, key=lambda one: one.at, default=None)


def folder_of(home: Home) -> Path:
    """Where reviews and promotions of a data folder are kept."""
    return home.root / "shadow"


def read_reviews(home: Home) -> Reviews:
    """All reviews of a data folder. Raises PolicyError for a file that was damaged."""
    known: dict[tuple[str, str], Review] = {}
    for line in _lines(folder_of(home) / "reviews.ndjson"):
        try:
            one = Review(**line)
        except TypeError as error:
            raise _damaged(folder_of(home) / "reviews.ndjson") from error
        known[one.verdict, one.rule] = one
    return Reviews(known)


def add_review(home: Home, review: Review) -> str:
    """Keep a review. Returns the SHA-256 of its line, hex; raises StartupError when it cannot be written."""
    return _append(folder_of(home) / "reviews.ndjson", asdict(review))


def add_promotion(home: Home, told: dict[str, Any]) -> str:
    """Keep a promotion with the figures it was based on. Returns the SHA-256 of its line, hex; raises StartupError."""
    return _append(folder_of(home) / "promotions.ndjson", {"at": time.time(), **told})


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if not file.exists():
        return
    for line in file.read_bytes().splitlines():
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise _damaged(file) from error
        if not isinstance(value, dict):
            raise _damaged(file)
        yield value


def _damaged(file: Path) -> PolicyError:
    return PolicyError(
        f"{file} has a line that cannot be read.", "It only ever grows by whole lines.", "Take that line out by hand."
    )


def _append(file: Path, value: dict[str, Any]) -> str:
    """The SHA-256 of the line, without its end: by it the evidence names this line."""
    line = orjson.dumps(value)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, line + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StartupError(f"{file} cannot be written.", f"The system says: {error.strerror}.", "") from error
    return hashlib.sha256(line).hexdigest()
