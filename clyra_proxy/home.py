"""Where Clyra keeps its files on one machine: every path has its name here and nowhere else.

The folder is `$CLYRA_HOME`, else `$XDG_DATA_HOME/clyra`, else `~/.local/share/clyra`; it is created 0700 because it
holds the certificate authority's key, the recorder's keys and the verdict log.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from clyra_proxy.errors import StartupError


@dataclass(frozen=True, slots=True)
class Home:
    """Paths under one data folder."""

    root: Path

    @classmethod
    def locate(cls, chosen: Path | None = None) -> Home:
        """The folder to use: `chosen` if given, else from the environment. Nothing is created."""
        if chosen is not None:
            return cls(chosen.expanduser().resolve())
        if configured := os.environ.get("CLYRA_HOME"):
            return cls(Path(configured).expanduser().resolve())
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        return cls((Path(base).expanduser() / "clyra").resolve())

    def create(self) -> Home:
        """Make all folders (0700). Raises StartupError when the place is not writable."""
        folders = (
            *(self.root, self.ca, self.recorder, self.recorder_keys),
            *(self.spool, self.verdicts, self.run, self.halts),
        )
        for folder in folders:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise StartupError(
                    f"Cannot create the data folder {folder}.",
                    f"The system says: {error.strerror}.",
                    "Choose a writable folder with --home or CLYRA_HOME.",
                ) from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise StartupError(
                    f"The data folder {folder} is not writable.",
                    "Clyra keeps its certificate authority, evidence and verdict log there.",
                    "Fix its permissions, or choose another folder with --home or CLYRA_HOME.",
                )
        return self

    @property
    def policy(self) -> Path:
        return self.root / "policy.yaml"

    @property
    def ca(self) -> Path:
        """Folder of the certificate authority (mitmproxy-ca.pem with the key; ca-cert.pem; ca-bundle.pem)."""
        return self.root / "ca"

    @property
    def ca_certificate(self) -> Path:
        """The CA certificate alone (for stores that ADD, such as NODE_EXTRA_CA_CERTS)."""
        return self.ca / "ca-cert.pem"

    @property
    def ca_bundle(self) -> Path:
        """Public roots + our CA (for variables that REPLACE the store, such as SSL_CERT_FILE)."""
        return self.ca / "ca-bundle.pem"

    @property
    def recorder(self) -> Path:
        return self.root / "recorder"

    @property
    def recorder_keys(self) -> Path:
        return self.recorder / "keys"

    @property
    def recorder_socket(self) -> Path:
        return self.recorder / "recorder.sock"

    @property
    def bundles(self) -> Path:
        return self.recorder / "bundles"

    @property
    def source_key(self) -> Path:
        """The ingestion key shared by proxy and recorder (0600): 32 bytes, hex."""
        return self.recorder_keys / "source.key"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def learned(self) -> Path:
        """What workers learned of the shape of traffic, and the drifts from locks they saw; made when needed."""
        return self.root / "learned"

    @property
    def verdicts(self) -> Path:
        return self.root / "verdicts"

    @property
    def verdict_log(self) -> Path:
        return self.verdicts / "verdicts.ndjson"

    @property
    def mirror_log(self) -> Path:
        """What mirrors did, and how their answers differed; made when a mirror is used."""
        return self.verdicts / "mirror.log"

    @property
    def run(self) -> Path:
        """Runtime state: pid files, the supervisor's control socket, `proxy.json` (address, pids, health port)."""
        return self.root / "run"

    @property
    def halts(self) -> Path:
        """Folder of the kill switch: what is halted (halts.json), keys for signed orders (keys/), the file HALT."""
        return self.root / "halt"

    @property
    def metrics(self) -> Path:
        """Folder where each worker publishes its metrics; emptied when the proxy starts."""
        return self.run / "metrics"

    @property
    def proxy_state(self) -> Path:
        """JSON written by a ready proxy: {"pid", "host", "port", "health": "host:port", "mode", "workers"}."""
        return self.run / "proxy.json"

    @property
    def proxy_control(self) -> Path:
        """Unix socket (0600) on which a running proxy takes commands: status, reload, restart, stop."""
        return self.run / "proxy.sock"
