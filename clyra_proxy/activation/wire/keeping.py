"""Rejected rows go into quarantine before the sender hears of them; where that fails they are only rejected.

A row that is rejected is still the sender's: it is told so. Quarantine is a convenience for people, so its failure is
said in the log and in the verdict, and stops nothing.
"""

from __future__ import annotations

import logging

from clyra_proxy.activation.wire.judging import Report, rejects
from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.exchange import Exchange

log = logging.getLogger("clyra.activation")

FAILED = "failed"


def quarantine(exchange: Exchange, state: ActivationState, bad: frozenset[int], *, alone: bool = True) -> str:
    """Keep the rejected rows; the id of the entry, "" when policy keeps none, `failed` when it could not be kept.

    alone: whether they may be sent without the rows that they came with.
    """
    store = state.compiled.quarantine
    if store is None or state.batch is None or state.inspection is None:
        return ""
    try:
        rejections = [one for one in state.rejections if one.index in bad]
        return store.keep(
            state.inspection, state.profile, rejections, exchange, _body_of(state, bad) if alone else None
        )
    except Exception as error:  # noqa: BLE001 - see the module
        log.error("Rejected rows could not be kept: %s.", type(error).__name__)  # noqa: TRY400 - no content in a trace
        return FAILED


def keep_refused(exchange: Exchange, state: ActivationState, report: Report) -> None:
    """Keep the rows for which alone a whole request is refused, as where the destination takes all rows or none.

    They are not sent again without the rows that they came with.
    """
    blocking = [signal for _, signal in report.signals if rejects(signal, exchange)]
    bad = frozenset(one.index for one in state.rejections)
    if bad and all(signal.rows for signal in blocking):
        state.quarantined = quarantine(exchange, state, bad, alone=False)


def _body_of(state: ActivationState, bad: frozenset[int]) -> bytes | None:
    """The body of a request that sends the rejected rows alone; None when there is none."""
    if state.batch is None or state.body is None:
        return None
    good = frozenset(range(len(state.batch.rows))) - bad
    return state.endpoint.without(state.body, state.batch, good) if good else state.body
