"""A person at the kill switch, and clients that look whether it holds."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import httpx

from tests.support.proxy import RunningProxy


class Switch:
    """The commands of one proxy, and what its clients see."""

    def __init__(self, proxy: RunningProxy) -> None:
        self.proxy = proxy

    def halt(self, scope: str, *words: str) -> dict[str, Any]:
        done = self.proxy.clyra("halt", scope, "--reason", "a drill", "--json", *words, check=True)
        return dict(json.loads(done.stdout))

    def resume(self, scope: str, *words: str) -> dict[str, Any]:
        done = self.proxy.clyra("resume", scope, "--reason", "it is over", "--json", *words, check=True)
        return dict(json.loads(done.stdout))

    def standing(self) -> list[dict[str, Any]]:
        """What the proxy says stands."""
        return list(json.loads(self.proxy.clyra("status", "--json").stdout)["halts"])

    def clear(self) -> None:
        for halt in self.standing():
            self.resume(halt["scope"])

    def get(self, url: str, agent: str = "", **more: Any) -> httpx.Response:
        """One request on a connection of its own."""
        address = self.proxy.url.replace("//", f"//{agent}:x@") if agent else self.proxy.url
        with httpx.Client(proxy=address, verify=self.proxy.trust(), timeout=60) as client:
            return client.get(url, **more)

    def is_halted(self, url: str, agent: str = "") -> bool:
        """Whether a request is refused by a halt."""
        answer = self.get(url, agent)
        return answer.status_code == 503 and answer.headers.get("clyra-reason") == "halted"

    def wait_until_halted(self, url: str, agent: str = "", halted: bool = True) -> None:
        wait_for(lambda: self.is_halted(url, agent) is halted, f"halted: {halted}")

    def records(self, *types: str) -> list[dict[str, Any]]:
        """Records of these types in the log so far, in order, by way of sealed bundles."""
        self.proxy.clyra("seal", check=True)
        found = {}
        for path in self.proxy.home.bundles.glob("*.zip"):
            with zipfile.ZipFile(path) as bundle:
                for line in bundle.read("records.jsonl").splitlines():
                    record = json.loads(line)
                    found[record["seq"]] = record
        return [record for _, record in sorted(found.items()) if record["typ"] in types]


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Ask again and again until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)
