"""A prepared data folder and an open store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.layout import Layout
from recorder.main import prepare
from recorder.store import Store


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "home")
    prepare(found)
    return found


@pytest.fixture
def open_store(layout: Layout) -> Iterator[Callable[..., Store]]:
    """Opens stores on the test's folder; whatever is still open is closed at the end."""
    opened: list[Store] = []

    def open_one(**options: object) -> Store:
        keys = layout.keys
        opened.append(Store(layout, keys.signing_key("log"), keys.signing_key("seal"), **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for store in opened:
        store.shut()
