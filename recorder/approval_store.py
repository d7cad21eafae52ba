"""Approval certificates the recorder keeps until a bundle carries them: one file each, named by its own digest.

Rule. A certificate is durable before its digest is told to anyone, is never changed, and is removed only when the
records that used it are past their time; what is read back is held against its name, so a damaged file counts as none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recorder import approval, durable
from recorder.errors import StoreFullError

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ApprovalStore:
    """folder: 0700, made when it is first needed."""

    folder: Path

    def path(self, digest: str) -> Path:
        return self.folder / f"{digest}{approval.SUFFIX}"

    def keep(self, signed: approval.Signed) -> None:
        """Store a certificate durably; the same one again changes nothing. Raises StoreFullError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.read(signed.digest) is None:
                durable.replace(self.path(signed.digest), signed.envelope)
            else:
                durable.sync_folder(self.folder)
        except OSError as error:
            raise StoreFullError(
                "The approval could not be kept.", f"The system says: {error.strerror}.", "Free disk space."
            ) from None

    def read(self, digest: str) -> bytes | None:
        """The envelope of a certificate, None when there is no sound one of that digest."""
        if _DIGEST.fullmatch(digest) is None:
            return None
        try:
            with self.path(digest).open("rb") as file:
                raw = file.read(approval.MAX_BYTES + 1)
            return raw if approval.parse(raw).digest == digest else None
        except (OSError, approval.ApprovalError):
            return None

    def discard(self, digest: str) -> None:
        """Let go of a certificate whose records are gone. Raises OSError."""
        if _DIGEST.fullmatch(digest) is not None and self.path(digest).exists():
            self.path(digest).unlink()
            durable.sync_folder(self.folder)

    def digests(self) -> Iterator[str]:
        """Digests of all that is kept, in order."""
        found = (path.name.removesuffix(approval.SUFFIX) for path in sorted(self.folder.glob(f"*{approval.SUFFIX}")))
        return (name for name in found if _DIGEST.fullmatch(name))
