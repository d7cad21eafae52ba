"""A text alone, without a conversation: what `clyra check --text` says about leaks.

Rule: the default settings, nothing remembered; a text without a place is judged like one that a user wrote.
"""

from __future__ import annotations

from functools import lru_cache

from clyra_proxy.genai.inspection import Signal
from clyra_proxy.genai.leaks.redaction import PlainRedaction
from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.genai.leaks.signals import signals_of
from clyra_proxy.policy.genai.leaks import Leaks


@lru_cache(maxsize=1)
def _scanner() -> Scanner:
    return Scanner(Leaks())


def scan_text(text: str) -> list[Signal]:
    """Secrets, personal data and carrying links in `text`; edits count in it, their path is ""."""
    scanner = _scanner()
    return signals_of(text, scanner.scan(text, links=True), scanner.settings, PlainRedaction())
