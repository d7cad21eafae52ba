"""Two replicas of two workers each, one approvals recorder over TCP and mutual TLS: one token, one use."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from recorder import database
from recorder.layout import Layout
from tests.e2e.approvals.conftest import approvals_policy
from tests.support.approving import prepare_home
from tests.support.certificates import Authority, Leaf
from tests.support.proxy import RunningProxy
from tests.support.recorder_process import RecorderProcess
from tests.support.soft_authenticator import SoftAuthenticator
from tests.support.upstream import Upstream

PAYMENT = {"amount": 1200.5, "currency": "EUR", "to": "DE00"}
ATTEMPTS = 1000
TOGETHER = 100


@dataclass
class Replicas:
    """ann: may approve at the one recorder that both share. options: how it is started."""

    proxies: tuple[RunningProxy, RunningProxy]
    recorder: RecorderProcess
    options: tuple[str, ...]
    ann: SoftAuthenticator

    @property
    def layout(self) -> Layout:
        return self.recorder.layout


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("replicas")
    server, client = authority.leaf(), authority.leaf("replica", client=True)
    layout = prepare_home(folder / "shared")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    files = [f"--tls-cert={server.certificate}", f"--tls-key={server.key}", f"--client-ca={authority.certificate}"]
    options = (f"--tcp=127.0.0.1:{port}", *files)
    recorder = RecorderProcess(layout.root, *options).wait_ready()
    key = folder / "source.key"
    shutil.copy(layout.keys.path("source"), key)
    policy = approvals_policy(authority, recorder=_place(port, authority, client, key))
    try:
        with (
            RunningProxy.start(folder / "one", policy, workers=2, seconds=180) as one,
            RunningProxy.start(folder / "two", policy, workers=2, seconds=180) as two,
        ):
            made = Replicas((one, two), recorder, options, SoftAuthenticator.enrolled(layout, "ann"))
            yield made
            recorder = made.recorder
    finally:
        recorder.kill()


def _place(port: int, authority: Authority, client: Leaf, key: Path) -> dict[str, str]:
    return {
        "address": f"127.0.0.1:{port}",
        "authority": str(authority.certificate),
        "certificate": str(client.certificate),
        "key": str(client.key),
        "source_key": str(key),
    }


@pytest.mark.comprehensive
@pytest.mark.timeout(600)
def test_of_a_thousand_attempts_to_use_one_approval_one_succeeds(replicas: Replicas, upstream: Upstream) -> None:
    url = f"{upstream.tls_url}/payments/race"
    with _client(replicas.proxies[0]) as http:
        packet = http.post(url, json=PAYMENT).headers["clyra-approval"]
    replicas.ann.decide(replicas.layout, packet)
    statuses = asyncio.run(_race(replicas, url, packet))
    assert statuses == Counter({403: ATTEMPTS - 1, 200: 1})
    assert len(upstream.journal.requests("/payments/race")) == 1
    assert len(_consumes(replicas.layout, packet)) == 1


@pytest.mark.comprehensive
@pytest.mark.timeout(600)
def test_a_recorder_that_is_away_releases_nothing_and_loses_nothing(replicas: Replicas, upstream: Upstream) -> None:
    url = f"{upstream.tls_url}/payments/away"
    with _client(replicas.proxies[0]) as one, _client(replicas.proxies[1]) as two:
        packet = one.post(url, json=PAYMENT).headers["clyra-approval"]
        replicas.ann.decide(replicas.layout, packet)
        replicas.recorder.kill()
        gone = one.post(url, json=PAYMENT, headers={"clyra-approval": packet})
        assert (gone.status_code, gone.headers["clyra-reason"]) == (503, "approval_unreachable")
        assert not upstream.journal.requests("/payments/away")
        replicas.recorder = RecorderProcess(replicas.layout.root, *replicas.options).wait_ready()
        assert two.post(url, json=PAYMENT, headers={"clyra-approval": packet}).status_code == 200
        assert one.post(url, json=PAYMENT, headers={"clyra-approval": packet}).status_code == 403
    assert len(upstream.journal.requests("/payments/away")) == 1


def _client(proxy: RunningProxy) -> httpx.Client:
    return httpx.Client(proxy=proxy.url, verify=proxy.trust(), timeout=60)


async def _race(replicas: Replicas, url: str, packet: str) -> Counter[int]:
    limits = httpx.Limits(max_connections=TOGETHER)
    clients = [
        httpx.AsyncClient(proxy=proxy.url, verify=proxy.trust(), timeout=100, limits=limits)
        for proxy in replicas.proxies
    ]

    async def attempt(number: int) -> int:
        answer = await clients[number % 2].post(url, json=PAYMENT, headers={"clyra-approval": packet})
        return answer.status_code

    try:
        return Counter(await asyncio.gather(*(attempt(number) for number in range(ATTEMPTS))))
    finally:
        for client in clients:
            await client.aclose()


def _consumes(layout: Layout, packet: str) -> list[Any]:
    connection = database.open_for_reading(layout.database)
    try:
        records = [orjson.loads(row[0]) for row in connection.execute("SELECT line FROM records")]
    finally:
        connection.close()
    return [one for one in records if one["typ"] == "pef.approval.consume" and one["appr"]["id"] == packet]
