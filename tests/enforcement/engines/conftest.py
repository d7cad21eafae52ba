"""One server with OPA's and OpenFGA's contracts for the whole room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engines.server import EngineProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("engines") / "server.log") as running:
        yield running
