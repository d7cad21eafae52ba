"""What every container of a bundle keeps to: members by name, strict names, bounded numbers, refusals with a code.

A refusal names the member and the byte. Sizes are checked before anything is allocated; members are streamed, so memory
does not grow with the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from recorder.archive import NAME

MAX_MEMBERS = 65_536
CHUNK = 1 << 18
"""Bytes of a member that are read at a time."""
BAD_NAME = "a member name is not [a-z0-9._/-]{1,100} without empty, . and .. segments"
_NO_SEGMENTS = frozenset(("", ".", ".."))


class ContainerError(ValueError):
    """A container is not strict. `code` is an S0 code; member and at (byte offset in the file) say where."""

    def __init__(self, code: str, detail: str, member: str = "", at: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.member = member
        self.at = at


class Container(Protocol):
    """Members by name. damage: what is wrong with members that can still be read."""

    damage: list[ContainerError]

    @property
    def names(self) -> tuple[str, ...]: ...

    def stream(self, name: str) -> Iterator[bytes]:
        """The member's bytes in chunks. Raises ContainerError, also at the end."""
        ...

    def size(self, name: str) -> int: ...

    def close(self) -> None: ...


def read_member(container: Container, name: str, limit: int) -> bytes:
    """A small member whole. Raises ContainerError when it is larger than `limit`."""
    if container.size(name) > limit:
        raise ContainerError("E_ARCHIVE_LIMIT", f"more than {limit} bytes", name)
    return b"".join(container.stream(name))


def is_member_name(name: str) -> bool:
    """Whether a member may have this name: the allowed characters, and no empty, `.` or `..` segment."""
    return NAME.fullmatch(name) is not None and not _NO_SEGMENTS.intersection(name.split("/"))
