"""One proxy with its recorder, one upstream, for all end-to-end tests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy
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


@pytest.fixture(scope="package")
def client_env(proxy: RunningProxy) -> dict[str, str]:
    """The environment of a client: this machine's, with the variables of `clyra env` laid over it."""
    return {**os.environ, **proxy.client_env()}
