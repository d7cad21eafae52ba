"""Copies of a bundle with other detached members: something added to what it carries, or left out of it.

Rule. The signed statement and what it covers are copied as they are and never made anew; only what may stand beside it
changes (disclosures, attestations, anchors, and in a pruned bundle the records). The copy appears whole or not at all,
and never over a file that is already there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from recorder import archive, durable, statement
from recorder.container import open_container
from recorder.container_form import Container, ContainerError
from recorder.errors import RecorderError


class RepackError(RecorderError):
    """A changed copy of a bundle cannot be made."""


def repack(source: Path, target: Path, added: Mapping[str, bytes], left_out: frozenset[str] = frozenset()) -> None:
    """Write a copy of `source` (zip or folder) to `target`; a folder when `source` is one or `target` ends with "/".

    added: member name -> content, in place of a member of the same name. Raises RepackError, OSError.
    """
    if target.exists():
        raise RepackError(f"{target} is already there.", "A bundle is never overwritten.", "Choose another --out.")
    try:
        container = open_container(source)
    except ContainerError as error:
        raise RepackError(f"{source} is not a bundle.", error.detail, "Check it with `clyra verify`.") from None
    try:
        if container.damage:
            raise RepackError(f"{source} is damaged.", container.damage[0].detail, "Check it with `clyra verify`.")
        names = sorted((set(container.names) - left_out - {archive.TRANSPORT}) | added.keys())
        contents = ((name, _content(container, name, added)) for name in names)
        if source.is_dir():
            _write_folder(target, contents)
        else:
            _write_zip(target, contents)
    except ContainerError as error:
        raise RepackError(f"{source} cannot be read whole.", error.detail, "Check it with `clyra verify`.") from None
    finally:
        container.close()


def _content(container: Container, name: str, added: Mapping[str, bytes]) -> Iterator[bytes]:
    if name in added:
        return iter((added[name],))
    return container.stream(name)


def _write_zip(target: Path, contents: Iterator[tuple[str, Iterator[bytes]]]) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".repacking-") as place:
        packed, files = [], []
        try:
            for name, chunks in contents:
                file = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 - closed below, all at once
                files.append(file)
                packed.append(archive.pack(name, chunks, file, compress=_compresses(name)))
            scratch = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 - closed below, all at once
            files.append(scratch)
            made = Path(place) / "bundle.zip"
            archive.write_archive(made, packed, scratch)
        finally:
            for file in files:
                file.close()
        made.replace(target)
    durable.sync_folder(target.parent)


def _compresses(name: str) -> bool:
    """As sealing does: records and schemas are packed, small and random members are not."""
    return name == statement.RECORDS or name.startswith(("schemas/", "disclosures/"))


def _write_folder(target: Path, contents: Iterator[tuple[str, Iterator[bytes]]]) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".repacking-") as place:
        made = Path(place) / "bundle"
        for name, chunks in contents:
            path = made / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
        made.replace(target)
    durable.sync_folder(target.parent)
