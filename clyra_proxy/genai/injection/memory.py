"""Remembering answers by the hash of their question.

Rule: bounded, least recently used goes first; the key is a digest, so no text is kept; safe between threads.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock

LIMIT = 8192


class Memory[Answer]:
    """At most LIMIT answers."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()
        self._lock = Lock()

    @staticmethod
    def key(text: str, kind: str) -> bytes:
        """The digest that stands for a text of a kind."""
        return hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=16, person=kind.encode()[:16]
        ).digest()

    def get(self, key: bytes) -> Answer | None:
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def put(self, key: bytes, answer: Answer) -> None:
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > self._limit:
                self._answers.popitem(last=False)
