"""Whose batch it is: the best word counts, and the others fill in what it leaves out."""

from __future__ import annotations

import pytest

from clyra_proxy.activation.attribution import attribution_of
from clyra_proxy.activation.model import Attribution, Batch
from clyra_proxy.exchange import Identity, RequestHead

CENSUS = Attribution("census", "12", "98", "payload")


def _head(**headers: str) -> RequestHead:
    return RequestHead(tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()))


@pytest.mark.parametrize(
    ("headers", "identity", "told", "expected"),
    [
        ({}, Identity(), Attribution(), Attribution()),
        ({"user_agent": "python-httpx/0.28"}, Identity(), Attribution(), Attribution()),
        ({"user_agent": "RudderLabs"}, Identity(), Attribution(), Attribution("rudderstack")),
        (
            {"x_rudder_instance_id": "i-7", "user_agent": "RudderLabs"},
            Identity(),
            Attribution(),
            Attribution("rudderstack", "i-7", "", "header"),
        ),
        ({"x_clyra_run": "r1"}, Identity(), Attribution(), Attribution("", "", "r1", "header")),
        (
            {"x_clyra_run": "r1", "x_clyra_sync": "s", "x_clyra_tool": "drt"},
            Identity(),
            Attribution(),
            Attribution("drt", "s", "r1", "header"),
        ),
        (
            {"x_clyra_run": "forged"},
            Identity("etl", "proxy", run="r9"),
            CENSUS,
            Attribution("census", "12", "r9", "proxy"),
        ),
        ({"x_clyra_run": "r1"}, Identity("etl", "none", run="r9"), CENSUS, CENSUS),
        ({}, Identity("etl", "mtls"), Attribution(), Attribution("", "etl", "", "agent")),
        ({}, Identity("etl", "process"), Attribution(), Attribution()),
        (
            {"x_clyra_run": "a\x00b" + "x" * 500},
            Identity(),
            Attribution(),
            Attribution("", "", "ab" + "x" * 125, "header"),
        ),
    ],
)
def test_attribution(headers: dict[str, str], identity: Identity, told: Attribution, expected: Attribution) -> None:
    assert attribution_of(_head(**headers), identity, Batch("p", "t", attribution=told)) == expected
