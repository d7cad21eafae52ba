"""Where the recorder keeps its files under one data folder: every path has its name here and nowhere else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from recorder.errors import RecorderError
from recorder.keys import FileKeys


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one recorder. root: the data folder shared with the proxy (`--home`)."""

    root: Path

    @classmethod
    def locate(cls, chosen: Path | None = None) -> Layout:
        """The folder to use: `chosen`, else `$CLYRA_HOME`, else `$XDG_DATA_HOME/clyra` or `~/.local/share/clyra`."""
        if chosen is not None:
            return cls(chosen.expanduser().resolve())
        if configured := os.environ.get("CLYRA_HOME"):
            return cls(Path(configured).expanduser().resolve())
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        return cls((Path(base).expanduser() / "clyra").resolve())

    def create(self) -> Layout:
        """Make all folders, 0700. Raises RecorderError when the place is not writable."""
        for folder in (self.root, self.folder, self.keys.folder, self.bundles):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise RecorderError(
                    f"Cannot create {folder}: {error.strerror}.", "", "Choose a writable folder with --home."
                ) from None
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise RecorderError(f"{self.folder} is not writable.", "", "Fix its permissions, or choose another --home.")
        return self

    @property
    def folder(self) -> Path:
        return self.root / "recorder"

    @property
    def socket(self) -> Path:
        return self.folder / "recorder.sock"

    @property
    def database(self) -> Path:
        return self.folder / "log.db"

    @property
    def lock(self) -> Path:
        """Held exclusively by the one recorder that may write."""
        return self.folder / "log.lock"

    @property
    def tip(self) -> Path:
        """Copy of the newest signed checkpoint, outside the database: shows when an old copy was put back."""
        return self.folder / "log.tip"

    @property
    def anchors(self) -> Path:
        """Settings: where checkpoints are placed."""
        return self.folder / "anchors.json"

    @property
    def anchor_shelf(self) -> Path:
        """What came back from there: cosignatures, time stamps, receipts."""
        return self.folder / "anchors.db"

    @property
    def approvals(self) -> Path:
        """Approval certificates, until a bundle carries them and after."""
        return self.folder / "approvals"

    @property
    def approval_book(self) -> Path:
        """Packets that wait for people, decisions, credentials."""
        return self.folder / "approvals.db"

    @property
    def approval_settings(self) -> Path:
        """Settings: who may approve, and how people are told."""
        return self.folder / "approvals.json"

    @property
    def key_sets(self) -> Path:
        """Key sets of identity providers, each as it was when a token came, named by digest."""
        return self.folder / "approvals" / "jwks"

    @property
    def holds(self) -> Path:
        """Legal holds: bundles that may not be pruned."""
        return self.folder / "holds"

    @property
    def bundles(self) -> Path:
        return self.folder / "bundles"

    @property
    def keys(self) -> FileKeys:
        return FileKeys(self.folder / "keys")

    @property
    def trust(self) -> Path:
        return self.keys.folder / "trust.json"
