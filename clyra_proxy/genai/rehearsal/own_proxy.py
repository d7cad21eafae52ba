"""A proxy for a rehearsal alone: the same policy with the local upstream as a destination, and a folder of its own.

Used when no proxy is running, or when the running one's policy rightly refuses to talk to this machine. The policy's
other files stand beside the copy as links, so that relative names mean the same.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home
from clyra_proxy.policy.files import read_text
from clyra_proxy.policy.source import parse

_READY_LIMIT_S = 60.0
_STOP_LIMIT_S = 30.0
_POLICY = "rehearsal-policy.yaml"


def policy_for(source: Path | None, port: int) -> dict[str, Any]:
    """The policy document with the upstream at `port` allowed. source: None for a policy that enforces everything."""
    document: dict[str, Any] = {"version": 1, "enforcement": {"mode": "enforce"}}
    if source is not None:
        document = dict(parse(read_text(source), source.name).data)
    document.pop("identity", None)  # nobody here has credentials
    own = {"hosts": ["127.0.0.1"], "ports": [port], "allow_private": True}
    document["destinations"] = {"clyra-rehearsal": own, **(document.get("destinations") or {})}
    return document


@contextlib.contextmanager
def own_proxy(folder: Path, source: Path | None, port: int) -> Iterator[Home]:
    """A ready proxy in `folder`, ended at the end of the `with`. Raises StartupError, PolicyError."""
    document = policy_for(source, port)
    if source is not None:
        for entry in source.resolve().parent.iterdir():
            if entry.name != _POLICY:
                (folder / entry.name).symlink_to(entry)
    policy = folder / _POLICY
    policy.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    home, log = Home(folder / ".home"), folder / ".proxy.log"
    words = [sys.executable, "-m", "clyra_proxy.cli.main", "proxy", "--home", str(home.root), "--policy", str(policy)]
    words += ["--host", "127.0.0.1", "--port", "0", "--workers", "1", "--with-recorder"]
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(process, home, log)
        yield home
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], home: Home, log: Path) -> None:
    deadline = time.monotonic() + _READY_LIMIT_S
    while not _is_ready(home):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartupError(
                "The proxy of the rehearsal did not become ready.",
                f"Its last words: {log.read_text(errors='replace')[-1500:].strip()}",
                "Correct that, or name a running proxy.",
            )
        time.sleep(0.05)


def _is_ready(home: Home) -> bool:
    try:
        state = json.loads(home.proxy_state.read_text())
        with urllib.request.urlopen(f"http://{state['health']}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, KeyError):
        return False
