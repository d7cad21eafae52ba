"""One proxy with two workers that tests halt and resume."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.certificates import Authority
from tests.support.halting import Switch
from tests.support.proxy import RunningProxy, local_policy

TRIGGERS = {
    "automatic": "enforce",
    "probes": 2,
    "triggers": {
        "upstream_errors": {
            "scope": "agent",
            "count": 5,
            "percent": 50.0,
            "minimum_sample": 5,
            "window_seconds": 10,
            "halt_seconds": 1,
        },
    },
}


@pytest.fixture(scope="package")
def switched(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    unread = {"hosts": ["127.0.0.8"], "ports": "any", "allow_private": True, "tls": "passthrough"}
    policy = local_policy(authority, enforcement={"halt": TRIGGERS}, destinations={"unread": unread})
    with RunningProxy.start(tmp_path_factory.mktemp("switched"), policy, workers=2) as running:
        yield running


@pytest.fixture
def switch(switched: RunningProxy) -> Iterator[Switch]:
    """The kill switch of the shared proxy; whatever a test halted is resumed after it."""
    made = Switch(switched)
    yield made
    made.clear()
