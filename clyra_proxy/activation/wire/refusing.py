"""The answer to a batch of which nothing goes on: the destination's own words, where they end a sender's attempts.

Rule: rows that may not go are refused as the destination refuses rows. What is about the whole request (limits, hours)
is said in our plain denial, whose status senders understand (403 ends a sync, 429 makes it come later), but for
destinations whose clients take such a status for trouble on the way and try again (`always` in the declaration).
"""

from __future__ import annotations

from collections.abc import Sequence

from clyra_proxy.activation.model import Answer, Batch, Rejection
from clyra_proxy.activation.wire.judging import Report, rejections_of, rejects
from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.exchange import Exchange, OwnAnswer
from clyra_proxy.policy.activation import OnBadRows
from clyra_proxy.verdict.rules import RULES


def refusal(exchange: Exchange, state: ActivationState, report: Report) -> OwnAnswer | None:
    """What is said to a batch that is blocked; None where the plain denial says it. Sets the rejections in `state`."""
    for _, signal in report.signals:
        if signal.answer is not None:
            return own(signal.answer)  # the stored outcome of the same write
    blocking = [signal for _, signal in report.signals if rejects(signal, exchange)]
    if report.failures or any(signal.retry_after > 0 for signal in blocking):
        return None
    if report.unreadable:
        return _said(state, Batch(state.profile, ""), (_about_all(exchange, "rows.unreadable"),))
    rows = state.compiled.settings.on_bad_rows is not OnBadRows.MARK
    state.rejections = rejections_of(report.signals, exchange) if rows else ()
    whole = [signal for signal in blocking if not signal.rows]
    if state.batch is None or not (whole or state.rejections):
        return None
    if whole:
        return _said(state, state.batch, (_about_all(exchange, whole[0].rule),))
    answer = state.endpoint.refused(state.batch, state.rejections)
    return None if answer is None else own(answer)


def _said(state: ActivationState, batch: Batch, rejections: Sequence[Rejection]) -> OwnAnswer | None:
    """The destination's refusal of a whole request, if its clients want nothing else."""
    answer = state.endpoint.refused(batch, rejections) if state.endpoint.answers_always else None
    return None if answer is None else own(answer)


def _about_all(exchange: Exchange, rule: str) -> Rejection:
    """Why nothing was done, told of no row."""
    known = RULES[rule]
    message = f"Refused by Clyra: {known.description} Rule {rule}, verdict {exchange.id}."
    return Rejection(-1, rule, known.reason.value, message)


def own(answer: Answer) -> OwnAnswer:
    """An answer as the engine sends it."""
    fields = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items())
    return OwnAnswer(answer.status, fields, answer.body)
