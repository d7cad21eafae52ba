"""A data path whose inspectors are toys, and a client that speaks through it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.genai.wire.toys import compile_toys
from tests.support.data_path import House, house

type Open = Callable[..., AbstractAsyncContextManager[tuple[House, httpx.AsyncClient]]]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """`opened(mode, **policy sections)`: the data path, and a client that uses it as its proxy."""
    monkeypatch.setattr("clyra_proxy.genai.compiled.compile_genai", compile_toys)

    @contextlib.asynccontextmanager
    async def start(mode: str, **sections: Any) -> AsyncIterator[tuple[House, httpx.AsyncClient]]:
        async with house(tmp_path, mode, **sections) as running:
            proxy = f"http://127.0.0.1:{running.port}"
            async with httpx.AsyncClient(proxy=proxy, trust_env=False, timeout=15) as client:
                yield running, client

    return start
