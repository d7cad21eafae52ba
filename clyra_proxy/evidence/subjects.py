"""The subject keys on this machine, as a person handles them: find one, list them, destroy one.

Rule. Destroying is durable before it is reported: the file is overwritten, synced, unlinked, and its folder synced; a
tombstone with the key's id stays, so that later one can say "erased" and not just "unknown". A tombstone names a key
without telling anything about its secret. On a journaling or copy-on-write file system, on an SSD and in backups old
bytes may outlive an overwrite; where that matters, the folder belongs on an encrypted volume of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

from clyra_proxy.errors import EvidenceError
from clyra_proxy.evidence.commitment import KEY_BYTES, SubjectKey
from recorder import durable

_FILE = re.compile(r"([0-9a-f]{16}|default)-([0-9]{6})\.key")
_KEY_ID = re.compile(r"[0-9a-f]{32}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class KeptKey:
    """One key file. owner: digest of the tenant's name, or `default`. month: YYYY-MM."""

    path: Path
    key: SubjectKey
    owner: str
    month: str


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """The folder `subjects` of a data folder."""

    folder: Path

    def every(self) -> Iterator[KeptKey]:
        """All keys, by file name. Raises EvidenceError for one that cannot be read."""
        for path in sorted(self.folder.glob("*.key")) if self.folder.is_dir() else ():
            match = _FILE.fullmatch(path.name)
            if match is not None:
                month = f"{match[2][:4]}-{match[2][4:]}"
                yield KeptKey(path, _read(path), match[1], month)

    def find(self, key_id: str) -> KeptKey | None:
        """The key with this id."""
        return next((kept for kept in self.every() if kept.key.id == key_id), None)

    def choose(self, subject: str, month: str = "") -> KeptKey:
        """The one key that `subject` (a key id, a tenant, or `default`) means. Raises EvidenceError."""
        if month and _MONTH.fullmatch(month) is None:
            raise EvidenceError(f"'{month}' is not a month.", "", "Write it as 2026-11.")
        owner = (
            "default" if subject == "default" else sha256(subject.encode("utf-8", "backslashreplace")).hexdigest()[:16]
        )
        by_id = _KEY_ID.fullmatch(subject) is not None
        fitting = [kept for kept in self.every() if (kept.key.id == subject if by_id else kept.owner == owner)]
        fitting = [kept for kept in fitting if month in ("", kept.month)]
        if not fitting:
            why = "It was erased." if by_id and self.is_erased(subject) else f"None of the keys in {self.folder} fits."
            raise EvidenceError(f"There is no subject key for '{subject}'.", why, "See them with: clyra erase --list")
        if len(fitting) > 1:
            months = ", ".join(kept.month for kept in fitting)
            raise EvidenceError(f"'{subject}' has several keys.", f"One each for {months}.", "Choose one with --month.")
        return fitting[0]

    def is_erased(self, key_id: str) -> bool:
        """Whether a key with this id was destroyed here."""
        return _KEY_ID.fullmatch(key_id) is not None and self._tombstone(key_id).exists()

    def destroy(self, kept: KeptKey, why: dict[str, object]) -> None:
        """Make the key unrecoverable on this file system, and remember that it is gone. Raises EvidenceError.

        Cut short by a crash, `finish` carries on: the note is written first, and no worker finds a half-written key.
        """
        try:
            self._bury(kept.key.id, why)
            kept.path.replace(self._dying(kept.key.id))
            self._wipe(kept.key.id)
        except OSError as error:
            raise EvidenceError(f"Cannot destroy {kept.path}.", f"The system says: {error.strerror}.") from None

    def finish(self, key_id: str) -> None:
        """Complete the destruction of a key that a note says is erased. Raises EvidenceError."""
        kept = self.find(key_id)
        try:
            if kept is not None:
                kept.path.replace(self._dying(key_id))
            if self._dying(key_id).exists():
                self._wipe(key_id)
        except OSError as error:
            raise EvidenceError(f"Cannot destroy the key {key_id}.", f"The system says: {error.strerror}.") from None

    def _wipe(self, key_id: str) -> None:
        path = self._dying(key_id)
        durable.sync_folder(self.folder)
        with path.open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            for filler in (os.urandom(size), bytes(size)):
                file.seek(0)
                file.write(filler)
                file.flush()
                os.fsync(file.fileno())
        path.unlink()
        durable.sync_folder(self.folder)

    def _dying(self, key_id: str) -> Path:
        return self.folder / f".{key_id}.erasing"

    def buried(self, key_id: str) -> dict[str, object]:
        """What was written down when the key was destroyed. Raises EvidenceError."""
        try:
            found: dict[str, object] = orjson.loads(self._tombstone(key_id).read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise EvidenceError(f"The note on the erased key {key_id} cannot be read.", str(error)) from None
        return found

    def note(self, key_id: str, what: dict[str, object]) -> None:
        """Rewrite the note on an erased key. Raises EvidenceError."""
        try:
            self._bury(key_id, what)
        except OSError as error:
            raise EvidenceError(f"Cannot write {self._tombstone(key_id)}.", f"{error.strerror}.") from None

    def _bury(self, key_id: str, why: dict[str, object]) -> None:
        durable.replace(self._tombstone(key_id), orjson.dumps(why), 0o644)

    def _tombstone(self, key_id: str) -> Path:
        return self.folder / f"{key_id}.erased"


def _read(path: Path) -> SubjectKey:
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise EvidenceError(f"Cannot read the subject key {path}.", f"{type(error).__name__}: {error}.") from None
    if len(secret) != KEY_BYTES:
        raise EvidenceError(f"{path} is not a subject key.", "It must hold 32 bytes as hex.")
    return SubjectKey.of(secret)
