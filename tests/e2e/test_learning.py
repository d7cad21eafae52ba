"""From live traffic to a lock file: learn, lock, bind, and see drift, by the commands a user types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Http1Client, dial
from tests.support.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def post(proxy: RunningProxy, upstream: Upstream, body: bytes) -> int:
    authority = f"127.0.0.1:{upstream.port}"
    with Http1Client(dial(proxy.address)) as client:
        target = f"http://{authority}/contacts"
        return client.request("POST", target, authority, body, "Content-Type: application/json\r\n").status


def test_learn_lock_and_drift(tmp_path: Path, upstream: Upstream) -> None:
    learn = local_policy(data_platform={"schemalock": {"learn": True}})
    with RunningProxy.start(tmp_path / "one", learn, workers=1) as proxy:
        for number in range(40):
            body = b'{"name":"person %d secret-value","age":%d}' % (number, 20 + number)
            assert post(proxy, upstream, body) == 200
        home = proxy.home
        proxy.process.stop(30)
    states = sorted(home.learned.glob("learned-*.json"))
    assert len(states) == 1
    assert "secret-value" not in states[0].read_text()
    lock = tmp_path / "two" / "contacts.lock.json"
    lock.parent.mkdir()
    done = proxy.clyra("schema", "lock", str(states[0]), "--output", str(lock), "--force")
    assert done.returncode == 0, done.stderr
    bound = local_policy(
        destinations={"local": {"schema": {"lock": str(lock)}}},
        enforcement={"mode": "shadow"},
    )
    with RunningProxy.start(tmp_path / "two", bound, workers=1) as locked:
        assert post(locked, upstream, b'{"name":"Ada","age":36}') == 200
        assert post(locked, upstream, b'{"name":"Ada","age":36,"iban":"new"}') == 200
        lines = locked.wait_for_verdicts(2)
    rules = [finding["rule"] for line in lines for finding in line["unmapped"]["clyra"]["findings"]]
    assert "schema.drift" in rules
