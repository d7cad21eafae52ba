"""What a detector said of a content, kept for a while under a salted hash of that content.

Rule: the key is an HMAC with a secret of this process, so that a memory dump does not tell which texts were seen, and
nobody outside can construct two contents that share an entry. Failures and `unknown` are never kept.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict

from clyra_proxy.genai.detectors.question import Answer, Item

LARGEST = 64
"""Scores and spans of an answer that is kept: a detector cannot fill memory with talk."""

_SALT = os.urandom(32)


class AnswerCache:
    """Least recently used answers of one detector. seconds: 0 keeps nothing. Times are given by the caller."""

    def __init__(self, seconds: float, entries: int) -> None:
        self._seconds = seconds
        self._most = entries
        self._kept: OrderedDict[bytes, tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes, now: float) -> Answer | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if found[0] <= now:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return found[1]

    def put(self, key: bytes, answer: Answer, now: float) -> None:
        if self._seconds <= 0 or answer.unknown or len(answer.scores) + len(answer.spans) > LARGEST:
            return
        self._kept[key] = (now + self._seconds, answer)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def cache_key(item: Item, direction: str) -> bytes:
    """HMAC-SHA-256 over what the answer depends on: direction, provenance, and the content itself."""
    parts = (direction, item.provenance.value, item.text, item.sha256, item.media.url if item.media else "")
    mixed = hmac.new(_SALT, digestmod="sha256")
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        mixed.update(len(raw).to_bytes(8, "big") + raw)
    return mixed.digest()
