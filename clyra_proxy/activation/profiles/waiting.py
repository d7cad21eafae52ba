"""How long a destination asks to wait (RFC 9110 section 10.2.3, and what APIs use beside it)."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from clyra_proxy.activation.model import Answer

LONGEST = 86_400.0
_RESETS = ("x-ratelimit-reset", "ratelimit-reset")
_EPOCH = 1_000_000_000
"""A reset beyond this is a time and no number of seconds."""


def retry_after(answer: Answer, now: float | None = None) -> float:
    """Seconds, 0.0 when it does not say."""
    now = time.time() if now is None else now
    value = answer.headers.get("retry-after", "").strip()
    if value and (seconds := _seconds(value)) is None:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            seconds = 0.0
        return _bounded(seconds)
    if value:
        return _bounded(_seconds(value) or 0.0)
    for name in _RESETS:
        if reset := _seconds(answer.headers.get(name, "").strip()):
            return _bounded(reset - now if reset > _EPOCH else reset)
    return 0.0


def _seconds(value: str) -> float | None:
    try:
        return float(value) if value.replace(".", "", 1).isdigit() and value.isascii() else None
    except ValueError:
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST)
