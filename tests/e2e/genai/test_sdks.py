"""Official SDKs through the running proxy, unchanged: what was said arrives, what was answered comes back."""

from __future__ import annotations

import pytest

from tests.e2e.genai.sdks import CALLS
from tests.support.genai.said import Said, Use
from tests.support.genai.upstream import Delivery, ModelUpstream
from tests.support.proxy import RunningProxy

QUESTION = "What is the weather in Bergen today?"
BERGEN = Use("weather", {"city": "Bergen", "note": 'quote " and ünïcode'})
DELIVERIES = {
    "as events": Delivery(),
    "byte by byte": Delivery(cut=1),
    "gzip in pieces": Delivery(cut=7, coding="gzip"),
}


WAYS = [
    (name, delivery)
    for name in CALLS
    for delivery in DELIVERIES
    if not (name.startswith("bedrock") and DELIVERIES[delivery].coding)
]
"""Amazon's client asks for `identity` and undoes no coding, so no server of theirs compresses."""


@pytest.mark.parametrize(("name", "delivery"), WAYS)
def test_an_sdk_works_unchanged(name: str, delivery: str, models: ModelUpstream, through_proxy: RunningProxy) -> None:
    call = CALLS[name]
    models.said = Said("It rains in Bergen, “as always”.", (BERGEN,) if call.tools else ())
    models.delivery = DELIVERIES[delivery]
    text, uses = call.ask(models.tls_url, QUESTION)
    if call.text:
        assert text == models.said.text
    assert uses == [(use.name, dict(use.arguments)) for use in models.said.uses]
    (asked,) = models.arrived(call.path)
    assert QUESTION.encode() in bytes(asked.body)
    (line,) = through_proxy.wait_for_verdicts(1)
    ours = line["unmapped"]["clyra"]
    assert ours["decision"] == "allow", ours
    assert ours["request_body"]["released"] == asked.received
