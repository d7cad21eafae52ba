"""Values that are made anew for each answer: times, random identifiers, cursors, measured durations.

Rule: some names say it alone; else the name and the form of both values must say it together, so that an order's number
that is simply wrong is no noise. Names are at most 64 characters (`comparing.shown`), patterns have no nested repeats.
"""

from __future__ import annotations

import re
from typing import Any

LEAST_RANDOM = 16
LONGEST = 256

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?|\d{10}(\.\d{1,9})?|\d{13}|\d{16}|\d{19}"
)
_TIMELY = re.compile(
    r"(?:^|.*[_-])(?:at|on|date|time|timestamp|ts|now|expires|expiry|updated|created|modified)|"
    r".*[a-z](?:At|On|Date|Time|Timestamp)"
)
_NUMBERED = re.compile(
    r"(?:^|.*[_-])(?:id|uuid|guid|ulid|etag|nonce|cursor|hash|signature|token)|.*[a-z](?:Id|ID|Uuid|Guid|Token|Cursor)"
)
_ALWAYS = frozenset(
    {
        "requestid", "traceid", "correlationid", "spanid", "invocationid", "executionid", "next", "previous", "prev",
        "cursor", "nextcursor", "took", "tookms", "duration", "durationms", "elapsed", "elapsedms", "elapsedtime",
        "latency", "latencyms", "uptime", "servertime", "generatedat", "nonce", "etag", "nextpage", "nextpagetoken",
        "pagetoken", "created", "expiresin",
    }
)  # fmt: skip


def is_generated(name: str, one: Any, other: Any) -> bool:
    """Whether two differing values look like made for their answer alone. name: of the member they stand under."""
    if name.replace("_", "").replace("-", "").lower() in _ALWAYS:
        return True
    texts = [str(value)[: LONGEST + 1] for value in (one, other)]
    if _TIMELY.fullmatch(name) and all(map(_TIME.fullmatch, texts)):
        return True
    return _NUMBERED.fullmatch(name) is not None and all(map(_is_random, texts))


def _is_random(text: str) -> bool:
    """An identifier that nobody chose: long enough, with digits, without blanks."""
    return (
        LEAST_RANDOM <= len(text) <= LONGEST
        and text.isascii()
        and any(map(str.isdigit, text))
        and not any(map(str.isspace, text))
    )
