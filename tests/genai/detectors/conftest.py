"""A real detector server for the whole room, and detectors compiled from policy text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.detector_server import DetectorServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DetectorServer]:
    with DetectorServer(tmp_path_factory.mktemp("detector") / "server.log") as running:
        yield running
