"""The end of a write: what the destination said of its rows is counted, counters are given back, nothing is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from clyra_proxy.activation.model import Answer
from clyra_proxy.activation.wire.evidence import note_reply
from clyra_proxy.activation.wire.settling import Settling, settle_together
from clyra_proxy.activation.wire.state import KEY, ActivationState
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.wire.scanning import ScanningRoom

_NOTHING_DONE = frozenset({401, 403, 404, 405, 413, 415, 429})
"""Statuses by which a destination says that it did not even try: their rows count for nothing, however often they are
sent again. What any other failure wrote cannot be known."""
SMALL = 64 * 1024
"""Bytes of a body that are looked at on the event loop: some hundred rows, a millisecond or two."""


def settle(exchange: Exchange, state: ActivationState, room: ScanningRoom, settling: Settling) -> None:
    """Once per exchange, whatever its end. settling: of those that need no thread."""
    exchange.extensions.pop(KEY, None)
    inspection, compiled = state.inspection, state.compiled
    if inspection is None or compiled.state is None:
        return
    denial, response = exchange.denial, exchange.response
    taken = response is not None and response.status not in _NOTHING_DONE
    forwarded = state.forwarded if taken or (denial is None and response is None) else frozenset[int]()
    if denial is not None:
        status, body = denial.status, denial.body
    elif response is not None:
        status = exchange.response_status or response.status
        body = exchange.response_rewrite if exchange.response_rewrite is not None else state.answer or b""
    else:
        status, body = 0, b""

    work = partial(compiled.settle, inspection, forwarded, status, body)
    if compiled.prompt and len(body) <= SMALL:
        settling.add(compiled.state, work)
    else:
        room.start(partial(settle_together, compiled.state, [work]))


def answer_of(exchange: Exchange, state: ActivationState) -> Answer | None:
    """The destination's own answer, None when it was not kept whole."""
    if exchange.response is None or state.answer is None:
        return None
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in exchange.response.fields}
    return Answer(exchange.response.status, state.answer, headers)


def reconcile(exchange: Exchange, state: ActivationState) -> None:
    """Compare rows sent with rows the destination says it took; the difference stands in the record."""
    came, sent = answer_of(exchange, state), state.batch
    if sent is None or came is None:
        return
    try:
        if len(state.forwarded) < len(sent.rows):
            sent = replace(sent, rows=tuple(row for row in sent.rows if row.index in state.forwarded))
        reply = state.endpoint.reply(came, sent)
    except Exception:  # noqa: BLE001 - an answer nobody can read says nothing
        return
    note_reply(exchange, len(reply.failed))
