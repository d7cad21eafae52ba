"""A person's order says why, whichever way it comes."""

from __future__ import annotations

from typing import Any

import pytest

from clyra_proxy.enforcement.halt.model import Actor, Cause, Channel
from clyra_proxy.engine.halting import read_order
from clyra_proxy.errors import UsageError

ANN = Actor("ann", "hmac")


@pytest.mark.parametrize("command", ["halt", "resume"])
@pytest.mark.parametrize("channel", [Channel.CLI, Channel.API])
@pytest.mark.parametrize("reason", [None, "", " \n", 7, ["x"]])
def test_an_order_without_a_reason_is_refused(command: str, channel: Channel, reason: Any) -> None:
    with pytest.raises(UsageError):
        read_order({"command": command, "scope": "global", "reason": reason}, channel, ANN)


@pytest.mark.parametrize(
    ("more", "name", "lasting"), [({}, "ann", None), ({"by": "bob", "for_s": "30"}, "bob (ann)", 30)]
)
def test_an_order(more: dict[str, Any], name: str, lasting: float | None) -> None:
    order = read_order({"reason": " drill ", **more}, Channel.API, ANN)
    assert (order.cause, order.reason, order.actor.name, order.lasting_s) == (Cause.MANUAL, "drill", name, lasting)


@pytest.mark.parametrize("more", [{"by": {"name": "bob"}}, {"for_s": True}, {"for_s": "soon"}, {"for_s": [1]}])
def test_an_order_that_makes_no_sense(more: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        read_order({"reason": "r", **more}, Channel.API, ANN)
