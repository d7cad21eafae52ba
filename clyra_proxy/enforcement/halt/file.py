"""What is halted, on disk: it survives the end of every process and of the machine.

Guarantees: the file is replaced whole, 0600, and synced before an order is answered; a file that cannot be read or
makes no sense halts everything, because nobody can tell what it stopped. Changes that are not in the evidence yet wait
in it, so that a crash between the two loses none (a record may come twice, never not at all).
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.enforcement.halt.book import HaltBook, Order
from clyra_proxy.enforcement.halt.model import EVERYTHING, Cause, Channel, Halt

FORMAT = 1
FILE = "halts.json"
SENTINEL = "HALT"
MOST_UNRECORDED = 1000
LARGEST_FILE = 16 << 20
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)

log = logging.getLogger("clyra.halt")


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file holds. unrecorded: events that wait to be recorded, as (record type, data)."""

    halts: tuple[Halt, ...] = ()
    unrecorded: tuple[tuple[str, dict[str, Any]], ...] = ()
    damaged: bool = field(default=False, compare=False)


def load(folder: Path) -> Kept:
    """Read the file of a folder. One that is damaged is set aside, and everything is halted."""
    path = folder / FILE
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError("too large")
        found = json.loads(path.read_bytes())
        if found["format"] != FORMAT:
            raise ValueError("another format")
        halts = tuple(Halt.from_json(one) for one in found["halts"])
        return Kept(halts, tuple((str(typ), dict(data)) for typ, data in found["unrecorded"]))
    except _UNREADABLE as error:
        if not is_there(path):
            return Kept()
        log.error("%s cannot be read (%s): everything is halted", path, type(error).__name__)  # noqa: TRY400
        with contextlib.suppress(OSError):
            path.replace(path.with_name(f"{FILE}.damaged-{int(time.time())}"))
        return Kept(_everything(), damaged=True)


def is_there(sentinel: Path) -> bool:
    """Whether the sentinel file is there, whatever it is: empty, a folder, a link to nothing. Where nobody can tell
    (a folder that may not be looked into), it is."""
    try:
        sentinel.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def peek(folder: Path) -> tuple[Halt, ...]:
    """The halts of a folder as they are; one file that cannot be read is one halt of everything."""
    try:
        return tuple(Halt.from_json(one) for one in json.loads((folder / FILE).read_bytes())["halts"])
    except _UNREADABLE:
        return _everything() if is_there(folder / FILE) else ()


def save(folder: Path, halts: Iterable[Halt], unrecorded: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Replace the file. Raises StartupError."""
    document = {
        "format": FORMAT,
        "halts": [halt.to_json() for halt in halts],
        "unrecorded": [list(event) for event in unrecorded][-MOST_UNRECORDED:],
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(folder / FILE, json.dumps(document, separators=(",", ":")).encode() + b"\n")


def _everything() -> tuple[Halt, ...]:
    book = HaltBook()
    reason = "the file of halts could not be read"
    book.halt(EVERYTHING, Order(Cause.RECOVERY, Channel.FILE, reason), time.time())
    return book.all
