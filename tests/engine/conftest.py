"""Fixtures of the engine's tests: one certificate authority for upstreams, one for the proxy, an upstream per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import House, RunningEngine
from tests.support.certificates import Authority, client_context
from tests.support.upstream import Upstream


@pytest.fixture(scope="session")
def upstream_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("upstream-authority"))


@pytest.fixture(scope="session")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the proxy's own authority; mitmproxy makes it on first use."""
    return tmp_path_factory.mktemp("proxy-authority")


@pytest.fixture
def upstream(upstream_authority: Authority) -> Iterator[Upstream]:
    with Upstream(upstream_authority.leaf()) as running:
        yield running


@pytest.fixture
def engine(confdir: Path, upstream_authority: Authority) -> Iterator[Callable[..., RunningEngine]]:
    """Starts engines: `engine(house, **settings)`; all are stopped at the end."""
    with ExitStack() as stack:

        def start(*addons: object, **changes: Any) -> RunningEngine:
            changes.setdefault("upstream_trust", upstream_authority.certificate)
            return stack.enter_context(RunningEngine(confdir, addons, **changes))

        yield start


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def tls(confdir: Path) -> Callable[..., Any]:
    """A client TLS context that trusts the proxy, for the given ALPN protocols."""

    def context(*alpn: str) -> Any:
        return client_context(confdir / "mitmproxy-ca-cert.pem", alpn)

    return context


@pytest.fixture(autouse=True)
def no_layer_fails(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A layer that raises closes its connection, which many a test would take for what it wanted to see."""
    yield
    faults = [record.getMessage() for record in caplog.get_records("call") if "A layer failed" in record.getMessage()]
    assert not faults
