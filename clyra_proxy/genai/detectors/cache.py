"""What is kept of a detector's answers, and under which key."""

from __future__ import annotations

from clyra_proxy.genai.detectors.question import Answer, Item
from clyra_proxy.services.cache import key_of

LARGEST = 64
"""Scores and spans of an answer that is kept: a detector cannot fill memory with talk."""


def is_kept(answer: Answer) -> bool:
    """Whether an answer holds for the same content later. What a detector cannot tell is asked again."""
    return not answer.unknown and len(answer.scores) + len(answer.spans) <= LARGEST


def cache_key(item: Item, direction: str) -> bytes:
    """A key over what the answer depends on: direction, provenance, and the content itself."""
    parts = (direction, item.provenance.value, item.text, item.sha256, item.media.url if item.media else "")
    return key_of(part.encode("utf-8", "surrogatepass") for part in parts)
