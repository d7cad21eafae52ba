"""The bundle as the page carries it: the bytes of `evidence.zip`; a folder with the same members is packed first."""

from __future__ import annotations

import tempfile
from pathlib import Path

from recorder import archive
from recorder.container import FolderContainer
from recorder.container_form import ContainerError
from recorder.view.page import ViewError


def read_bundle(path: Path) -> bytes:
    """The container's bytes. Raises ViewError for a folder that is no bundle, OSError for what cannot be read."""
    if not path.is_dir():
        return path.read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        try:
            container = FolderContainer(path)
        except ContainerError as error:
            raise ViewError(f"{path} is not a bundle.", error.detail, "Check it with `clyra verify`.") from None
        packed = []
        for number, name in enumerate(container.names):
            file = (place / str(number)).open("w+b")  # archive.write_archive reads them all at the end
            packed.append(archive.pack(name, container.stream(name), file, compress=True))
        with (place / "scratch").open("w+b") as listing:
            archive.write_archive(place / "evidence.zip", packed, listing)
        for one in packed:
            one.file.close()
        return (place / "evidence.zip").read_bytes()
