"""Putting attestations into a bundle: the container is written anew, the proof stays as it is.

Attestations are no subjects of the bundle's statement; they name it by its digest, so adding one changes neither the
digest nor what was signed. An attestation of the same name is replaced; nothing else can be. The old file stays until
the new one is whole, and a damaged bundle is left alone.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from recorder import archive
from recorder.durable import sync_folder
from recorder.errors import RecorderError
from recorder.repack import repack

PREFIX = "attestations/"


def append(bundle: Path, added: Mapping[str, bytes]) -> None:
    """Add attestations to an `evidence.zip` or a folder, in place. Raises RecorderError."""
    if any(not name.startswith(PREFIX) or archive.NAME.fullmatch(name) is None for name in added):
        raise ValueError("only attestations can be added to a bundle")
    try:
        if bundle.is_dir():
            _into_folder(bundle, added)
            return
        with tempfile.TemporaryDirectory(dir=bundle.parent, prefix=".attesting-") as place:
            made = Path(place) / "bundle.zip"
            repack(bundle, made, added)
            made.replace(bundle)
        sync_folder(bundle.parent)
    except OSError as error:
        raise RecorderError(f"Cannot write {bundle}.", f"The system says: {error.strerror}.") from None


def _into_folder(folder: Path, added: Mapping[str, bytes]) -> None:
    for name, content in added.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.parent / f".{secrets.token_hex(6)}"
        temporary.write_bytes(content)
        temporary.replace(target)
        sync_folder(target.parent)
