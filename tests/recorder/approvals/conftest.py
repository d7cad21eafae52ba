"""A room for each test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recorder.store import Store
from tests.support.approval_desk import ApprovalRoom


@pytest.fixture
def room(open_store: Callable[..., Store]) -> ApprovalRoom:
    return ApprovalRoom(open_store())
