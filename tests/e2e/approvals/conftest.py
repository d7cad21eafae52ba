"""A proxy whose policy holds payments and deletes, its recorder with approvers, and one enrolled person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recorder.layout import Layout
from tests.support.approval_desk import PEOPLE
from tests.support.certificates import Authority
from tests.support.processes import run
from tests.support.proxy import CLYRA, RunningProxy, local_policy
from tests.support.soft_authenticator import SoftAuthenticator

ACTIONS: list[dict[str, Any]] = [
    {"name": "small", "class": "A", "paths": ["/payments/free"]},
    {"name": "never", "class": "C", "forbidden": True, "paths": ["/payments/never"]},
    {
        "name": "payments",
        "class": "B",
        "methods": ["POST"],
        "paths": ["/payments/**"],
        "amount": {"pointer": "/amount", "currency": "/currency", "above": "100"},
    },
    {"name": "deletes", "class": "B", "methods": ["DELETE"], "paths": ["/accounts/**"]},
    {"name": "two", "class": "C", "paths": ["/two"]},
    {"name": "tools", "class": "B", "tools": ["send_*"]},
]


def approvals_policy(authority: Authority, **settings: Any) -> dict[str, Any]:
    section = {"actions": ACTIONS, "wait_seconds": 0, "retry_after_seconds": 1, **settings}
    return local_policy(authority, enforcement={"approvals": section})


def settle(folder: Path, **settings: Any) -> None:
    """Write approvals.json before the recorder starts."""
    run([*CLYRA, "init", "--home", str(folder / "home")], seconds=60, check=True)
    (folder / "home" / "recorder" / "approvals.json").write_text(json.dumps({"approvers": list(PEOPLE), **settings}))


class Held:
    """A running proxy with people. ann, bob: may approve."""

    def __init__(self, proxy: RunningProxy) -> None:
        self.proxy = proxy
        self.layout = Layout(proxy.home.root)
        self.ann = SoftAuthenticator.enrolled(self.layout, "ann")
        self.bob = SoftAuthenticator.enrolled(self.layout, "bob")


@pytest.fixture(scope="package")
def held(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Held]:
    folder = tmp_path_factory.mktemp("held")
    settle(folder)
    with RunningProxy.start(folder, approvals_policy(authority), seconds=180) as running:
        yield Held(running)


@pytest.fixture(scope="package")
def waiting(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Held]:
    """The same, where requests wait inline; two workers."""
    folder = tmp_path_factory.mktemp("waiting")
    settle(folder)
    with RunningProxy.start(folder, approvals_policy(authority, wait_seconds=45), workers=2, seconds=180) as running:
        yield Held(running)
