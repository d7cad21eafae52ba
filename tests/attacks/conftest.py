"""One real log for all attacks of the matrix."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.world import World, build


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The paths of Unix sockets must be short."""
    with tempfile.TemporaryDirectory(prefix="clyra.") as folder:
        made = build(Path(folder))
        try:
            yield made
        finally:
            made.witness.stop()


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for one recorder of a test's own."""
    with tempfile.TemporaryDirectory(prefix="clyra.") as folder:
        yield Path(folder)
