"""A proxy that judges rows, and local servers that are its destinations."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.activation import destinations
from tests.support.activation.environments import SENDERS, python_with
from tests.support.activation.server import DestinationServer
from tests.support.certificates import Authority
from tests.support.processes import run
from tests.support.proxy import RunningProxy

_NOT_BAD = {"not": {"pattern": "^bad"}}
ROW = {"type": "object", "properties": dict.fromkeys(("email", "Email", "text"), _NOT_BAD)}
"""A row whose address or text begins with `bad` may not go anywhere."""
_KINDS = {
    "hubspot": destinations.HubSpot,
    "salesforce": destinations.Salesforce,
    "slack": destinations.Slack,
    "rudderstack": destinations.Events,
    "generic-json": destinations.Crm,
    "databricks": destinations.Warehouse,
}
_SENDERS = Path(__file__).parent / "senders"


@dataclass(slots=True)
class Gateway:
    """The proxy with its destinations, by profile."""

    proxy: RunningProxy
    servers: dict[str, DestinationServer]
    python: Path

    def send(self, sender: str, profile: str, rows: list[Any], *more: str) -> dict[str, Any]:
        """Run a sender to its end through the proxy; what it says of its rows."""
        ca = str(self.proxy.home.ca_certificate)
        env = {**self.proxy.client_env(), "NO_PROXY": "", "no_proxy": ""}
        url = self.servers[profile].url
        words = [self.python, _SENDERS / f"{sender}.py", url, ca, self.proxy.url, json.dumps(rows), *more]
        done = run(words, env=env, seconds=100, check=True)
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return told

    def begin_anew(self) -> None:
        for server in self.servers.values():
            server.journal.clear()
            server.destination.rows.clear()
        self.proxy.begin_anew()


@pytest.fixture(scope="package")
def sender_python() -> Path:
    return python_with("senders", SENDERS)


@pytest.fixture(scope="package")
def shared_gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, sender_python: Path
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "row.json").write_text(json.dumps(ROW))
    with ExitStack() as stack:
        leaf = authority.leaf()
        servers = {name: stack.enter_context(DestinationServer(kind(), leaf)) for name, kind in _KINDS.items()}
        allowed = {
            name: {"hosts": ["127.0.0.1"], "ports": [server.port], "allow_private": True, "activation": name}
            for name, server in servers.items()
        }
        policy = {
            "enforcement": {"mode": "enforce", "egress": "strict", "upstream_ca": str(authority.certificate)},
            "destinations": allowed,
            "data_platform": {"activation": {"rows": {"rules": [{"name": "addresses", "row_schema": "row.json"}]}}},
        }
        proxy = stack.enter_context(RunningProxy.start(folder, policy, env={**os.environ}))
        yield Gateway(proxy, servers, sender_python)


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    shared_gateway.begin_anew()
    return shared_gateway
