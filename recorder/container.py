"""Opening a bundle, an `evidence.zip` or a plain folder of the same members, refusing everything that is not strict."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from recorder.container_form import BAD_NAME, CHUNK, MAX_MEMBERS, Container, ContainerError, is_member_name
from recorder.zip_container import ZipContainer


def open_container(path: Path) -> Container:
    """A strict reader for a zip file or a folder. Raises ContainerError, OSError."""
    return FolderContainer(path) if path.is_dir() else ZipContainer(path)


class FolderContainer:
    """The same members as plain files in a folder."""

    def __init__(self, root: Path) -> None:
        self.damage: list[ContainerError] = []
        self._sizes: dict[str, int] = {}
        for path, plain, size in sorted(_walk(os.fsencode(root))):
            member = path.decode("latin-1")
            if not plain:
                raise ContainerError("E_ARCHIVE_TYPE", "not a plain file", member if is_member_name(member) else "")
            if not is_member_name(member):
                raise ContainerError("E_ARCHIVE_NAME", BAD_NAME)
            self._sizes[member] = size
        if len(self._sizes) > MAX_MEMBERS:
            raise ContainerError("E_ARCHIVE_LIMIT", "too many members")
        self._root = root

    def close(self) -> None:
        """Nothing is kept open."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._sizes))

    def size(self, name: str) -> int:
        return self._sizes[name]

    def stream(self, name: str) -> Iterator[bytes]:
        with (self._root / name).open("rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")


def _walk(root: bytes) -> Iterator[tuple[bytes, bool, int]]:
    """(path below root, whether it is a plain file, size) of everything that is not a folder, in no order."""
    folders = [b""]
    while folders:
        below = folders.pop()
        with os.scandir(os.path.join(root, below)) as entries:  # noqa: PTH118 - bytes: a name need not be UTF-8
            for entry in entries:
                path = below + b"/" + entry.name if below else entry.name
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)
                else:
                    yield path, stat.S_ISREG(status.st_mode), status.st_size
