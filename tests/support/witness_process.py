"""A real witness process (`clyra witness`) on a folder of its own, and a log that signs what it is told to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recorder.cosignature import LOG_TYPE, WITNESS_TYPE, Vkey, parse_vkey
from recorder.keys import LocalKey
from recorder.merkle import consistency_proof, root_of
from recorder.note import sign_checkpoint
from recorder.witness.request import format_request
from tests.support.processes import Running

CRASH = (
    "import os, signal, sys; import recorder.witness.server as server;"
    "server.cosign = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
    "from clyra_proxy.cli.main import main; main()"
)
"""A witness that is killed after it stored a checkpoint and before it answers."""


class WitnessProcess:
    """Started by the constructor, listening on a port of its own choice. url, vkey: known once it is ready."""

    def __init__(
        self, home: Path, name: str, *vkeys: str, crash: bool = False, port: int = 0, options: Sequence[object] = ()
    ) -> None:
        start = ["-c", CRASH] if crash else ["-m", "clyra_proxy.cli.main"]
        logs = [word for vkey in vkeys for word in ("--log", vkey)]
        address = f"127.0.0.1:{port}"
        arguments = ["witness", "--home", home, "--name", name, "--listen", address, *logs, *map(str, options)]
        self.home = home
        output = home.with_suffix(f".{len(list(home.parent.glob(home.name + '.*.log')))}.log")
        self.running = Running([sys.executable, *start, *arguments], output, env={"PYTHONUNBUFFERED": "1"})
        try:
            self.url = self.running.wait_for_line(r"at (https?://\S+)").group(1)
            shown = self.running.wait_for_line(r"verifier key  (\S+)").group(1)
        except BaseException:
            self.running.stop()
            raise
        self.vkey: Vkey = parse_vkey(shown, WITNESS_TYPE)

    def add(self, body: bytes) -> httpx.Response:
        return httpx.post(f"{self.url}/add-checkpoint", content=body, timeout=20, trust_env=False)

    def stop(self) -> int:
        return self.running.stop()

    def __enter__(self) -> WitnessProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.running.stop()


class SignedLog:
    """A log in memory that signs any history it is told to, for tests of those who must not believe it."""

    def __init__(self, origin: str, leaves: list[bytes]) -> None:
        self.origin = origin
        self.leaves = leaves
        self.key = LocalKey.of(Ed25519PrivateKey.generate())

    @property
    def vkey(self) -> str:
        return str(Vkey(self.origin, self.key.public, LOG_TYPE))

    def checkpoint(self, size: int) -> bytes:
        return sign_checkpoint(self.origin, size, root_of(self.leaves[:size]), self.key)

    def proof(self, old: int, size: int) -> list[bytes]:
        return consistency_proof(self.leaves[:size], old) if old else []

    def request(self, old: int, size: int) -> bytes:
        return format_request(old, self.proof(old, size), self.checkpoint(size))
