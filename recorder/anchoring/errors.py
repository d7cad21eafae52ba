"""How placing or fetching an anchor fails."""

from __future__ import annotations

from recorder.errors import RecorderError


class AnchorError(RecorderError):
    """An outside place could not be used. The log is not affected; its tail stays unanchored for longer."""


class ContradictionError(AnchorError):
    """An outside place remembers another history of this log: it was rolled back, or it has two histories.

    This is never a network problem. Keep everything, and find out who restored or rewrote the log.
    """


class UnknownLogKeyError(AnchorError):
    """A witness does not trust the key that signed the checkpoint."""


class AnchorSettingsError(RecorderError):
    """`anchors.json` is missing or wrong."""
