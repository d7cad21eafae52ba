"""From a request to what its rows may do: read it, ask every inspector, tell bad rows from bad requests.

Pure but for the store that inspectors count in; runs in a scanning thread, or hurried on the event loop. Whatever an
inspector raises is a failure with the declared outcome, and the others are asked all the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from clyra_proxy.activation.inspection import RowInspection, RowSignal, TakesLongerError
from clyra_proxy.activation.model import Batch, Rejection
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.profiles import attribution_of
from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.inspection import Caller
from clyra_proxy.verdict.model import Action, Mode
from clyra_proxy.verdict.rules import RULES


@dataclass(slots=True)
class Report:
    """What was found in one batch. unreadable: reason, when its rows could not be told. failures: (inspector, why)."""

    unreadable: str = ""
    signals: list[tuple[str, RowSignal]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


def look(exchange: Exchange, state: ActivationState, *, hurried: bool = False) -> Report:
    """Read the request and ask everybody. Sets the batch and its inspection in `state`.

    hurried: on the event loop; raises TakesLongerError for what is to be asked in a thread instead.
    """
    body = state.body or b""
    try:
        batch = state.endpoint.read(exchange.request, body)
    except UnreadableError as error:
        return Report(unreadable=error.reason)
    known = attribution_of(exchange.request, exchange.identity, batch)
    state.batch = batch = batch if known == batch.attribution else replace(batch, attribution=known)
    if hurried and batch.statements:
        raise TakesLongerError
    state.inspection = inspection = inspection_of(exchange, state, batch, body, hurried=hurried)
    report = Report()
    for inspector in state.compiled.inspectors:
        try:
            report.signals.extend((inspector.id, signal) for signal in inspector.inspect(inspection))
        except TakesLongerError:
            raise
        except Exception as error:  # noqa: BLE001 - every failure of a check has a declared outcome
            report.failures.append((inspector.id, type(error).__name__))
    return report


def inspection_of(
    exchange: Exchange, state: ActivationState, batch: Batch, body: bytes, *, hurried: bool = False
) -> RowInspection:
    """One batch with its circumstances."""
    who, where, head = exchange.identity, exchange.destination, exchange.request
    return RowInspection(
        batch,
        Caller(who.agent, who.tenant, who.session, who.run, who.auth),
        destination=f"{named_host(where)}:{where.port}",
        route=exchange.route.id,
        exchange=exchange.id,
        now=time.time(),
        enforced=state.mode is Mode.ENFORCE,
        endpoint=f"{head.method} {head.path}",
        body=body,
        hurried=hurried,
    )


def rejections_of(signals: Sequence[tuple[str, RowSignal]], exchange: Exchange) -> tuple[Rejection, ...]:
    """The rows that enforced signals block, each once, for the first reason found, in order of rows."""
    found: dict[int, Rejection] = {}
    for _, signal in signals:
        if not signal.rows or not rejects(signal, exchange):
            continue
        rule = RULES[signal.rule]
        message = f"Refused by Clyra: {rule.description} Rule {rule.id}, verdict {exchange.id}."
        for index in signal.rows:
            found.setdefault(index, Rejection(index, rule.id, rule.reason.value, message))
    return tuple(found[index] for index in sorted(found))


def rejects(signal: RowSignal, exchange: Exchange) -> bool:
    """Whether a signal about rows may and does keep them back."""
    rule = RULES[signal.rule]
    action = rule.action if signal.action is None else signal.action
    return action is Action.BLOCK and rule.mode(exchange.route) is Mode.ENFORCE
