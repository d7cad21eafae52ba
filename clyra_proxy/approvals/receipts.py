"""The tool receipt: what an approved action did, as the system that carried it out answered (`pef.receipt`).

Rule: every action that was released under an approval leaves one, also when nobody knows what became of it. It links
packet, certificate, verdict and exchange by their ids and holds no byte of the answer, only a keyed commitment to it.
"""

from __future__ import annotations

import time
from typing import Any

import orjson

from clyra_proxy.approvals.outcome import Outcome, Standing
from clyra_proxy.evidence.commitment import SubjectKey
from clyra_proxy.evidence.event import act_of, agent_of
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.identifiers import new_identifier
from recorder.record import timestamp

TYPE = "pef.receipt"


def receipt_event(
    exchange: Exchange, outcome: Outcome, key: SubjectKey, body: bytes | None, *, rows: int = 0, query_id: str = ""
) -> bytes:
    """The event, encoded. body: the answer, None when it was not kept (then its commitment on the wire counts).

    rows: how many the destination acknowledged. query_id: what the destination calls the action.
    """
    receipt = new_identifier()
    data: dict[str, Any] = {
        "receipt": receipt,
        "exchange": exchange.id,
        "action": _action(outcome),
        "result": result_of(exchange),
        "result_c": _commitment(exchange, key, receipt, body),
        "subject_key": key.id,
        "finished": timestamp(int(time.time() * 1_000_000)),
        "attempts": 1,
    }
    data |= _links(exchange, outcome)
    data |= {name: value for name, value in (("rows", rows), ("query_id", query_id[:128])) if value}
    event: dict[str, Any] = {"typ": TYPE, "agent": agent_of(exchange.identity), "act": _act(exchange, outcome)}
    event["data"] = data
    if exchange.trace is not None:
        trace = exchange.trace
        event["trace"] = {"trace_id": trace.trace_id, "span_id": trace.span_id, "flags": trace.flags}
    if outcome.standing is Standing.CONSUMED and outcome.certificates:
        event["appr"] = appr_of(outcome)
    return orjson.dumps(event)


def _links(exchange: Exchange, outcome: Outcome) -> dict[str, Any]:
    """Packet, class, verdict and status, where there are such."""
    found: dict[str, Any] = {"packet": outcome.id} if outcome.id else {}
    if outcome.requirement is not None:
        found["action_class"] = outcome.requirement.action_class.value
    if exchange.verdict is not None:
        found["verdict_id"] = exchange.verdict.id[:64]
    if exchange.response is not None:
        found["status"] = min(max(exchange.response.status, 0), 999)
    return found


def appr_of(outcome: Outcome) -> dict[str, str]:
    """The link from a record to the approval that was used up."""
    return {"id": outcome.id, "cert_sha256": outcome.certificates[0], "state": "consumed"}


def result_of(exchange: Exchange) -> str:
    """How it ended, by the answer alone: a cut connection is unknown, because the action may have happened."""
    if exchange.response is None:
        return "unknown"
    status = exchange.response.status
    if exchange.error:
        return "unknown"
    if status == 207:  # multi-status, RFC 4918 section 11.1
        return "partial"
    return "completed" if 200 <= status < 400 else "failed"


def _act(exchange: Exchange, outcome: Outcome) -> dict[str, Any]:
    return outcome.call.act if outcome.call is not None else act_of(exchange)


def _action(outcome: Outcome) -> str:
    return outcome.requirement.name if outcome.requirement is not None else "none"


def _commitment(exchange: Exchange, key: SubjectKey, receipt: str, body: bytes | None) -> str:
    if body is None and exchange.response_body.commitment:
        return exchange.response_body.commitment
    return key.commitment(receipt, "result", body or b"")
