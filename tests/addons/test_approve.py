"""What a receipt says of rows, once the batch was settled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from addons.approve import Approve
from addons.exchanges import KEY
from clyra_proxy.evidence.event import ROWS, SQL
from tests.support.exchanges import exchange


@pytest.mark.parametrize(
    ("noted", "told"),
    [
        ({}, {"rows": 0, "query_id": ""}),
        ({ROWS: {"forwarded": 3}}, {"rows": 3, "query_id": ""}),
        ({ROWS: {"forwarded": 3, "refused": 1}}, {"rows": 2, "query_id": ""}),
        ({SQL: {"kind": "delete", "query_id": "01b2-q"}}, {"rows": 0, "query_id": "01b2-q"}),
    ],
)
def test_a_receipt_says_what_the_destination_took_and_how_it_calls_the_query(
    noted: dict[str, Any], told: dict[str, Any]
) -> None:
    given: list[dict[str, Any]] = []

    def receipt(*_: Any, **said: Any) -> None:
        given.append(said)

    runtime: Any = SimpleNamespace(approvals=SimpleNamespace(known=SimpleNamespace(receipt=receipt)), recorder=None)
    made, flow = exchange(), tflow.tflow()
    made.extensions.update(noted)
    flow.metadata[KEY] = made
    Approve(runtime).clyra_done(flow)
    assert given == [told]
