"""Dropping checkpoints as files into a folder: a mount that cannot be rewritten, or one that is copied elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

from recorder import durable
from recorder.anchoring.errors import AnchorError, ContradictionError
from recorder.anchoring.placed import Placed, Receipt, Tip, place_name, read_tip, receipt_of

SUFFIX = ".checkpoint"


def drop(folder: Path, tip: Tip) -> Placed:
    """Write the tip as a new file; an existing one must be the same. Raises AnchorError, ContradictionError."""
    path = folder / place_name(tip.origin) / f"{tip.size:016d}{SUFFIX}"
    try:
        path.parent.mkdir(exist_ok=True)
        if not durable.create(path, tip.raw, 0o644) and read_tip(path.read_bytes(), tip.origin).root != tip.root:
            raise ContradictionError(
                f"{path} holds another root for this log.", "The log has two histories.", "Find out who changed it."
            )
    except OSError as error:
        raise AnchorError(f"Cannot write {path}.", f"The system says: {error.strerror}.") from None
    receipt = receipt_of("object", tip, path.as_uri(), at_us=time.time_ns() // 1000)
    return Placed("object", receipt.to_bytes(), int(time.time()), path.as_uri())


def fetch(folder: Path, origin: str, size: int | None) -> Receipt:
    """The receipt of a dropped checkpoint, the newest when `size` is None. Raises AnchorError."""
    place = folder / place_name(origin)
    found = sorted(place.glob(f"*{SUFFIX}")) if size is None else [place / f"{size:016d}{SUFFIX}"]
    if not found or not found[-1].is_file():
        raise AnchorError(f"{place} has no such checkpoint of {origin}.")
    tip = read_tip(found[-1].read_bytes(), origin)
    return receipt_of("object", tip, found[-1].as_uri())
