"""What a receipt says of rows, once the batch was settled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from addons.approve import Approve
from addons.exchanges import KEY
from clyra_proxy.evidence.event import ROWS
from tests.support.exchanges import exchange


@pytest.mark.parametrize(("rows", "taken"), [(None, 0), ({"forwarded": 3}, 3), ({"forwarded": 3, "refused": 1}, 2)])
def test_a_receipt_counts_the_rows_that_the_destination_took(rows: dict[str, int] | None, taken: int) -> None:
    given: list[int] = []

    def receipt(*_: Any, rows: int) -> None:
        given.append(rows)

    runtime: Any = SimpleNamespace(approvals=SimpleNamespace(known=SimpleNamespace(receipt=receipt)), recorder=None)
    made, flow = exchange(), tflow.tflow()
    if rows is not None:
        made.extensions[ROWS] = rows
    flow.metadata[KEY] = made
    Approve(runtime).clyra_done(flow)
    assert given == [taken]
