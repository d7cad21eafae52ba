"""What the demo's story plays on: an upstream, a policy, and a proxy with its recorder, all in one folder.

The proxy is the product itself, started with its own command line; everything the story says it learns from outside
(answers, the upstream's witness, the verdict log, the sealed bundle).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from clyra_proxy.demo.data import CONTACT_SCHEMA
from clyra_proxy.demo.upstream import DemoUpstream
from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home
from clyra_proxy.telemetry.verdict_reader import VerdictReader

READY_LIMIT_S = 60.0
STOP_LIMIT_S = 40.0
CLYRA = (sys.executable, "-m", "clyra_proxy.cli.main")


class Stage:
    """Use as a context manager; `close` stops the proxy and the upstream, nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home")
        self.upstream = DemoUpstream(folder)
        self.log = folder / "proxy.log"
        self.policy = _write_policy(folder, self.upstream)
        self._proxy: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> str:
        """Start the proxy with its recorder; returns its address when it says it is ready."""
        words = [*CLYRA, "proxy", "--home", str(self.home.root), "--policy", str(self.policy), "--host", "127.0.0.1"]
        words += ["--port", "0", "--workers", "1", "--with-recorder"]
        with self.log.open("wb") as output:
            self._proxy = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + READY_LIMIT_S
        while not self._is_ready():
            if self._proxy.poll() is not None or time.monotonic() > deadline:
                raise StartupError(
                    "The demo's proxy did not become ready.",
                    f"Its last words: {self.log.read_text(errors='replace')[-1500:].strip()}",
                    "Correct that and run the demo again.",
                )
            time.sleep(0.05)
        state = json.loads(self.home.proxy_state.read_text())
        return f"{state['host']}:{state['port']}"

    def clyra(self, *words: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a clyra command on the demo's data folder."""
        return _run([*CLYRA, *words], {"CLYRA_HOME": str(self.home.root)}, seconds)

    def through(self, command: Sequence[str], seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a client as `clyra run` runs it."""
        return self.clyra("run", "--", *command, seconds=seconds)

    def post(self, path: str, file: Path, *headers: str) -> tuple[int, dict[str, Any]]:
        """Send a file with curl; returns status and the answer's JSON object ({} when it is none)."""
        command = ["curl", "-sS", "-X", "POST", "-T", str(file), "-o", str(self.folder / "answer")]
        for header in ("Content-Type: application/json", "Expect:", *headers):
            command += ["-H", header]
        return self._call([*command, "-w", "%{http_code}", f"{self.upstream.url}{path}"])

    def get(self, url: str) -> tuple[int, dict[str, Any]]:
        command = ["curl", "-sS", "--max-time", "20", "-o", str(self.folder / "answer"), "-w", "%{http_code}", url]
        return self._call(command)

    def keep_checkpoint(self, folder: Path) -> int:
        """Copy the log's trust file and its newest checkpoint into `folder`, as somebody outside would keep them.

        Waits until the log has stopped growing; returns its size in records.
        """
        shutil.copy(self.home.recorder_keys / "trust.json", folder / "trust.json")
        before, checkpoint = "", self._checkpoint()
        while checkpoint != before:
            time.sleep(0.3)
            before, checkpoint = checkpoint, self._checkpoint()
        (folder / "checkpoint").write_text(checkpoint)
        return int(checkpoint.splitlines()[1])

    def verdicts(self) -> list[dict[str, Any]]:
        """The verdict log, oldest first."""
        if not self.home.verdict_log.exists():
            return []
        with VerdictReader(self.home.verdict_log) as reader:
            return [json.loads(line) for line in reader.backwards()][::-1]

    def close(self) -> None:
        if self._proxy is not None and self._proxy.poll() is None:
            self._proxy.terminate()
            try:
                self._proxy.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._proxy.kill()
                self._proxy.wait()
        self.upstream.close()

    def _call(self, command: list[str]) -> tuple[int, dict[str, Any]]:
        answer = self.folder / "answer"
        answer.unlink(missing_ok=True)
        done = self.through(command)
        document: Any = {}
        with contextlib.suppress(OSError, ValueError):
            document = json.loads(answer.read_bytes())
        return int(done.stdout.strip() or 0), document if isinstance(document, dict) else {}

    def _checkpoint(self) -> str:
        words = [sys.executable, "-m", "recorder.main", "status", "--home", str(self.home.root)]
        return str(json.loads(_run(words, {}, 30).stdout)["checkpoint"])

    def _is_ready(self) -> bool:
        try:
            state = json.loads(self.home.proxy_state.read_text())
            with urllib.request.urlopen(f"http://{state['health']}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError, KeyError):
            return False


def check_tools() -> None:
    """curl is the one program the story cannot be told without. Raises StartupError."""
    if shutil.which("curl") is None:
        raise StartupError("The demo needs curl.", "It is not on PATH.", "Install it and run the demo again.")


def _run(command: Sequence[str], env: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(command),
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )


def _write_policy(folder: Path, upstream: DemoUpstream) -> Path:
    (folder / "contacts.json").write_text(json.dumps(CONTACT_SCHEMA, indent=2))
    contacts = {"name": "contacts", "methods": ["POST"], "paths": ["/crm/contacts/**"]}
    policy = {
        "version": 1,
        "enforcement": {"mode": "enforce", "egress": "balanced", "upstream_ca": str(upstream.certificate)},
        "destinations": {
            "local": {
                "hosts": ["localhost"],
                "ports": [upstream.port],
                "allow_private": True,
                "rules": [{**contacts, "schema": {"request": "contacts.json"}}],
            }
        },
    }
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(policy, sort_keys=False))
    return path
