"""Errors a person running the recorder can meet: what happened, why, what to do.

The recorder stands alone, so it has its own small tree; the words are the same as in the rest of the product.
"""

from __future__ import annotations

from typing import ClassVar


class RecorderError(Exception):
    """Base. `what` failed, `why`, and `todo`, the next step. `exit_code` is what the process ends with."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, why: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.todo = todo

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.todo) if part)


class KeyFileError(RecorderError):
    """A key is missing, unreadable, of the wrong kind, or readable by others."""


class KeyUnavailableError(RecorderError):
    """A key store does not sign now: away, locked, or refusing."""


class KeyChangeError(RecorderError):
    """A key may not be changed in this way; nothing was changed."""


class StoreLockedError(RecorderError):
    """Another recorder has this store open. Two writers would fork the log."""


class StoreCorruptError(RecorderError):
    """The stored log does not agree with its own checkpoint, or is older than one already signed."""


class StoreFullError(RecorderError):
    """The disk is full or not writable. Nothing of the refused batch was kept."""


class SealError(RecorderError):
    """A window cannot be sealed: empty, out of range, or already gone."""


class SocketError(RecorderError):
    """The ingestion socket cannot be opened."""
