"""One proxy with its recorder, one upstream, for all end-to-end tests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.posting import Pair
from tests.support.proxy import RunningProxy, local_policy
from tests.support.record_cases import ENVELOPE, RECORD
from tests.support.upstream import Upstream

ORDER = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id"],
        "additionalProperties": False,
        "properties": {"id": {"type": "integer"}, "note": {"type": "string"}},
    },
}


@pytest.fixture(scope="package")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="package")
def shared_upstream(authority: Authority) -> Iterator[Upstream]:
    with Upstream(authority.leaf()) as server:
        yield server


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    shared_upstream.journal.clear()
    shared_upstream.routes.table.clear()
    return shared_upstream


@pytest.fixture(scope="package")
def proxy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("proxy")
    schema = folder / "orders.json"
    schema.write_text(json.dumps(ORDER))
    rules = [{"name": "orders", "paths": ["/orders/**"], "schema": {"request": str(schema)}}]
    policy = local_policy(authority, destinations={"local": {"rules": rules}})
    with RunningProxy.start(folder, policy) as running:
        yield running


@pytest.fixture(autouse=True)
def own_verdicts(request: pytest.FixtureRequest) -> None:
    """A test that shares the proxy with others counts its own verdicts only."""
    if "proxy" in request.fixturenames:
        request.getfixturevalue("proxy").begin_anew()


@pytest.fixture(scope="package")
def client_env(proxy: RunningProxy) -> dict[str, str]:
    """The environment of a client: this machine's, with the variables of `clyra env` laid over it."""
    return {**os.environ, **proxy.client_env()}


@pytest.fixture(scope="package")
def shared_pair(authority: Authority) -> Iterator[Pair]:
    leaf = authority.leaf()
    with Upstream(leaf, alpn=("http/1.1",)) as h1, Upstream(leaf, alpn=("h2",)) as h2:
        yield Pair(h1, h2)


@pytest.fixture
def pair(shared_pair: Pair) -> Pair:
    """An upstream that speaks HTTP/1.1 only and one that speaks HTTP/2 only."""
    shared_pair.clear()
    return shared_pair


@pytest.fixture(scope="package")
def records_proxy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    """Everything enforced; one path each for records up, records down, events down, rows up, and spooled records."""
    with start_records_proxy(tmp_path_factory.mktemp("records"), authority) as running:
        yield running


@pytest.fixture(scope="module")
def fresh_records_proxy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    """The same with a worker that has seen nothing yet: for what is said of its memory."""
    with start_records_proxy(tmp_path_factory.mktemp("fresh"), authority) as running:
        yield running


def start_records_proxy(folder: Path, authority: Authority) -> RunningProxy:
    bound = {"envelope": ENVELOPE, "record": RECORD}
    for name, schema in bound.items():
        (folder / f"{name}.json").write_text(json.dumps(schema))
    rules = [
        {"name": "up", "paths": ["/records/**"], "schema": {"request": "envelope.json"}},
        {"name": "down", "paths": ["/answers/**"], "schema": {"response": "envelope.json"}},
        {"name": "events", "paths": ["/events/**"], "schema": {"response": "record.json"}},
        {"name": "rows", "paths": ["/rows/**"], "schema": {"request": "record.json", "rows": "record.json"}},
        {"name": "spooled", "paths": ["/spooled/**"], "schema": {"request": "envelope.json"}, "atomic": "spool"},
        {
            "name": "spooled-rows",
            "paths": ["/spooled-rows/**"],
            "schema": {"request": "record.json", "rows": "record.json"},
            "atomic": "spool",
        },
    ]
    policy = local_policy(authority, destinations={"local": {"rules": rules}}, genai_security={"load": "auto"})
    return RunningProxy.start(folder, policy)
