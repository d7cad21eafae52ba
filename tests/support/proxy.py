"""The whole product under test: `clyra proxy` with its recorder, started as a user starts it, on a home of its own.

    with RunningProxy.start(tmp_path, policy_for(upstream, authority)) as proxy:
        httpx.get("https://localhost:...", proxy=proxy.url, verify=proxy.trust())

Rule: only the command line and the files it documents are used; nothing of the proxy is imported into the test.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clyra_proxy.home import Home
from tests.support.certificates import Authority, client_context
from tests.support.processes import Running, run
from tests.support.raw import Address

CLYRA = (sys.executable, "-m", "clyra_proxy.cli.main")


def local_policy(authority: Authority | None = None, **sections: Any) -> dict[str, Any]:
    """A policy that enforces everything and lets test clients reach loopback; `sections` are merged over it.

    Checks of conversations are loaded when one comes: most proxies of tests never see one.
    """
    policy: dict[str, Any] = {
        "enforcement": {"mode": "enforce", "egress": "strict"},
        "genai_security": {"load": "when_needed"},
        "destinations": {
            "local": {"hosts": ["127.0.0.1", "localhost", "*.upstream.test"], "ports": "any", "allow_private": True}
        },
    }
    if authority is not None:
        policy["enforcement"]["upstream_ca"] = str(authority.certificate)
    return _merge(policy, sections)


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


@dataclass(slots=True)
class RunningProxy:
    """A ready proxy. address: where clients connect. health: `host:port` of the probes."""

    process: Running
    home: Home
    address: Address
    health: str
    policy: Path
    begun_ms: int = 0

    @classmethod
    def start(
        cls,
        folder: Path,
        policy: dict[str, Any],
        *,
        workers: int = 1,
        arguments: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
        with_recorder: bool = True,
        env: dict[str, str] | None = None,
        seconds: float = 60.0,
    ) -> RunningProxy:
        """Start and wait until /readyz says 200. prefix: words before the command (`taskset -c 0`)."""
        folder.mkdir(parents=True, exist_ok=True)
        home = Home(folder / "home")
        policy_file = folder / "policy.yaml"
        policy_file.write_text(yaml.safe_dump(policy, sort_keys=False))
        words = [*prefix, *CLYRA, "proxy", "--home", str(home.root), "--policy", str(policy_file)]
        words += ["--host", "127.0.0.1", "--port", "0", "--workers", str(workers), "--health", "127.0.0.1:0"]
        words += ["--with-recorder" if with_recorder else "--no-recorder", *arguments]
        process = Running(words, folder / "proxy.log", env=env)
        try:
            process.wait_until(lambda: _is_ready(home, process.pid), "ready proxy", seconds)
        except BaseException:
            process.stop()
            raise
        state = json.loads(home.proxy_state.read_text())
        return cls(process, home, (state["host"], state["port"]), state["health"], policy_file)

    def __enter__(self) -> RunningProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop(30)

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def state(self) -> dict[str, Any]:
        """What the proxy says of itself now (run/proxy.json)."""
        document: dict[str, Any] = json.loads(self.home.proxy_state.read_text())
        return document

    def trust(self, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """A strict client context that trusts what a client of the proxy must trust."""
        return client_context(self.home.ca_certificate, alpn)

    def clyra(self, *words: str, seconds: float = 60.0, check: bool = False) -> Any:
        """Run a `clyra` command against the same data folder; returns a CompletedProcess with text output."""
        return run([*CLYRA, *words], env={"CLYRA_HOME": str(self.home.root)}, seconds=seconds, check=check)

    def client_env(self) -> dict[str, str]:
        """The variables that `clyra run` would set for a child."""
        document: dict[str, str] = json.loads(self.clyra("env", "--json", check=True).stdout)
        return document

    def verdicts(self) -> list[dict[str, Any]]:
        """Every line of the verdict log so far, parsed, but for those of the proxy's own self-test."""
        if not self.home.verdict_log.exists():
            return []
        lines = [json.loads(line) for line in self.home.verdict_log.read_text().splitlines() if line]
        return [line for line in lines if line.get("actor", {}).get("app_name") != "clyra-selftest"]

    def wait_for_verdicts(
        self, count: int, seconds: float = 60.0, where: Callable[[dict[str, Any]], bool] = lambda line: True
    ) -> list[dict[str, Any]]:
        """Lines of exchanges since `begin_anew` for which `where` holds, once there are `count` or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            found = [line for line in self.verdicts() if line["time"] >= self.begun_ms and where(line)]
            if len(found) >= count or time.monotonic() >= deadline:
                return found
            time.sleep(0.05)

    def begin_anew(self) -> None:
        """Let verdicts on exchanges before this moment not be counted, whenever they are written.

        A line is written some time after its exchange ended, in any order, but carries when it started.
        """
        self.begun_ms = int(time.time() * 1000)


def _is_ready(home: Home, pid: int) -> bool:
    try:
        state = json.loads(home.proxy_state.read_text())
        if state["pid"] != pid:
            return False
        with urllib.request.urlopen(f"http://{state['health']}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, KeyError):
        return False
