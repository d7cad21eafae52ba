"""Times of records and cosignatures, by arithmetic and string order alone: any digits give one answer everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

MAX_TIME: Final = 253_402_300_799
"""The last second a timestamp can say."""
TOLERANCE_S: Final = 300


def micros(ts: str) -> int:
    """Microseconds since the epoch of a record's time, by arithmetic alone: any digits give a number."""
    year, month, day = int(ts[0:4]), int(ts[5:7]), int(ts[8:10])
    if month <= 2:
        year, month = year - 1, month + 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719_469
    seconds = ((days * 24 + int(ts[11:13])) * 60 + int(ts[14:16])) * 60 + int(ts[17:19])
    return seconds * 1_000_000 + int(ts[20:26])


def tightening(limits: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """By size, each with the least limit of its own and every larger size."""
    found: list[tuple[int, str]] = []
    for size, limit in sorted(limits, reverse=True):
        found.append((size, min(limit, found[-1][1]) if found else limit))
    return found[::-1]


def limit_of(seconds: int) -> str:
    """The latest `ts` of a record that somebody saw at this time (seconds since the epoch)."""
    return timestamp(min(seconds + TOLERANCE_S, MAX_TIME))


def timestamp(seconds: int) -> str:
    """Seconds of the epoch as records write a time."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment.isoformat()[:19]}.000000Z"
