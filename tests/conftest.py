"""Fixtures every test room shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing beside three neighbours on two processors; the timeout bounds the whole test.
settings.register_profile("clyra", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("clyra")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of conformance suites and captures beside the checkout; skips, by name, when it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data")
    return SHARED_DATA


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long suites run only when asked for with `-m comprehensive`."""
    if "comprehensive" in (config.option.markexpr or ""):
        return
    skipped = [item for item in items if item.get_closest_marker("comprehensive")]
    if skipped:
        config.hook.pytest_deselected(items=skipped)
        items[:] = [item for item in items if not item.get_closest_marker("comprehensive")]
