"""The commitment in a verdict can be opened with the subject key and the body, and with nothing less."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest

from clyra_proxy.evidence.commitment import SubjectKey
from tests.support.proxy import RunningProxy, local_policy
from tests.support.raw import Http1Client, dial
from tests.support.upstream import Upstream

BODY = b'{"name":"Ada","age":36}'


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def test_a_commitment_opens_with_key_and_body(tmp_path: Path, upstream: Upstream) -> None:
    authority = f"127.0.0.1:{upstream.port}"
    with RunningProxy.start(tmp_path, local_policy(), workers=1) as proxy:
        with Http1Client(dial(proxy.address)) as client:
            client.request("POST", f"http://{authority}/x", authority, BODY, "Content-Type: application/json\r\n")
        verdict = proxy.wait_for_verdicts(1)[-1]
        home = proxy.home
    keys = [SubjectKey.of(bytes.fromhex(path.read_text().strip())) for path in home.root.rglob("default-*.key")]
    assert len(keys) == 1
    said = verdict["unmapped"]["clyra"]["request_body"]["commitment"]
    salt = keys[0].salt(verdict["metadata"]["uid"], "req")
    assert hmac.digest(salt, BODY, "sha256").hex() == said
    assert hmac.digest(salt, BODY + b" ", "sha256").hex() != said
