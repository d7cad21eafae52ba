"""What the activation checks remember of one exchange while it lasts. Nothing but counts is logged or recorded."""

from __future__ import annotations

from dataclasses import dataclass

from clyra_proxy.activation.compiled import CompiledActivation
from clyra_proxy.activation.inspection import RowInspection
from clyra_proxy.activation.model import Batch, Rejection
from clyra_proxy.activation.profile import Endpoint
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Mode

KEY = "activation"
"""Key of the state in `Exchange.extensions`; absent when the exchange writes nowhere we know."""


@dataclass(slots=True)
class ActivationState:
    """mode: `enforce` when any rule of the checks can act on the route. profile: id of the profile that knows it.

    body: the decoded request once it has ended; answer: the decoded response, the same.
    rejections: rows that are not forwarded. forwarded: positions that go upstream.
    """

    profile: str
    endpoint: Endpoint
    compiled: CompiledActivation
    mode: Mode
    body: bytes | None = None
    answer: bytes | None = None
    batch: Batch | None = None
    inspection: RowInspection | None = None
    rejections: tuple[Rejection, ...] = ()
    forwarded: frozenset[int] = frozenset()
    quarantined: str = ""


def state_of(exchange: Exchange) -> ActivationState | None:
    """The state of an exchange, None when it is none of ours."""
    state: ActivationState | None = exchange.extensions.get(KEY)
    return state
