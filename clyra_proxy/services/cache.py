"""What a service answered, kept for a while under a salted hash of what it was asked.

Rule: a key is an HMAC with a secret of this process, so that a memory dump does not tell what was asked, and nobody
outside can construct two questions that share an entry. Failures are never kept.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from collections.abc import Iterable

_SALT = os.urandom(32)


class AnswerCache[Answer]:
    """Least recently used answers of one service. seconds: 0 keeps nothing. Times are given by the caller."""

    def __init__(self, seconds: float, entries: int) -> None:
        self._seconds = seconds
        self._most = entries
        self._kept: OrderedDict[bytes, tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self._seconds > 0

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
        if not self.keeps:
            return
        self._kept[key] = (now + self._seconds, answer)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def key_of(parts: Iterable[bytes]) -> bytes:
    """HMAC-SHA-256 over parts with their lengths, so that no two lists look alike."""
    mixed = hmac.new(_SALT, digestmod="sha256")
    for part in parts:
        mixed.update(len(part).to_bytes(8, "big") + part)
    return mixed.digest()
