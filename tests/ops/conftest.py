"""A real upstream and a real proxy with two workers for the tests of running it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningProxy]]:
    """Start a proxy (arguments as of RunningProxy.start, but the folder); it is stopped at the end of the test."""
    started: list[RunningProxy] = []

    def begin(policy: dict[str, Any] | None = None, **options: Any) -> RunningProxy:
        policy = policy if policy is not None else local_policy()
        proxy = RunningProxy.start(tmp_path / f"proxy{len(started)}", policy, **options)
        started.append(proxy)
        return proxy

    yield begin
    for proxy in started:
        proxy.process.stop(40)
