"""Evidence survives kill -9: a short run always, the long one on request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.kill_workers import Chaos


@pytest.mark.timeout(300)
def test_five_kills_lose_nothing(tmp_path: Path) -> None:
    print(Chaos(tmp_path, kills=5, seed=7).run())


@pytest.mark.comprehensive
@pytest.mark.timeout(3000)
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    print(Chaos(tmp_path, kills=200, seed=11).run())
