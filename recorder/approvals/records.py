"""The records of an approval's life, from request to use or end: metadata, digests and commitments only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from recorder.approvals.packets import Request, Use
from recorder.record import timestamp

REASON_APPROVED = "approved"


def requested(
    packet: str, request: Request, display_sha256: str, requester_c: str, deadline: float, of: int, notified: list[str]
) -> dict[str, Any]:
    """`pef.approval.request`. of: people who could decide."""
    data: dict[str, Any] = {
        "exchange": request.exchange,
        "action_class": request.action_class,
        "payload": request.payload.model_dump() | {"display_sha256": display_sha256},
        "deadline": _time(deadline),
        "wait": request.wait,
        "quorum": {"need": request.need, "of": max(1, min(of, 1024)), "role": request.role},
        "group": packet,
        "requester_c": requester_c,
        "risks": [risk.model_dump() for risk in request.risks],
        "risks_total": request.risks_total,
        "notified": notified[:5],
        "escalation": 0,
    }
    if request.amount is not None:
        data["amount"] = request.amount.model_dump()
    if request.supersedes:
        data["replaces"] = request.supersedes
    event = _circumstances(request, request.verdict)
    return event | {"typ": "pef.approval.request", "appr": _appr(packet, "requested"), "data": data}


def escalated(request_event: Mapping[str, Any], level: int, notified: list[str]) -> dict[str, Any]:
    """The request once more, told to others because its deadline is near."""
    data = {**request_event["data"], "escalation": level, "notified": notified[:5]}
    return {**request_event, "data": data}


def decided(
    packet: str, request: Request, decision: str, cert_sha256: str, predicate: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """`pef.approval.grant` or `.deny`. more: waited_ms, have, expires, delegated_from_c, reason, comment_c."""
    approver = predicate["approver"]
    data: dict[str, Any] = {
        "exchange": request.exchange,
        "payload_sha256": request.payload.sha256,
        "approver_c": approver["sub_c"],
        "iss": approver["iss"],
        "binding": sorted({binding["kind"] for binding in predicate["binding"]}),
        "mfa": approver["mfa"],
        "phishing_resistant": approver["phishing_resistant"],
        "amr": approver["amr"],
        "group": packet,
        "need": request.need,
    }
    data |= {name: approver[name] for name in ("domain", "acr") if approver.get(name)}
    data |= {name: value for name, value in more.items() if value not in ("", None)}
    grant = decision == "grant"
    appr = {**_appr(packet, "granted" if grant else "denied"), "cert_sha256": cert_sha256}
    event = {"typ": "pef.approval.grant" if grant else "pef.approval.deny", "appr": appr, "data": data}
    return event | ({"trace": request.trace} if request.trace else {})


def consumed(
    packet: str, request: Request, use: Use, certificates: Sequence[str], requester_c: str, deployer_c: str
) -> dict[str, Any]:
    """`pef.approval.consume`: written before the call is released."""
    data: dict[str, Any] = {
        "exchange": use.exchange,
        "payload_sha256": use.payload.sha256,
        "certificates": list(certificates),
        "group": packet,
        "requester_c": requester_c,
        "token_sha256": sha256(use.token.encode()).hexdigest(),
    }
    if deployer_c:
        data["deployer_c"] = deployer_c
    verdict = {**request.verdict, "decision": "allow", "reason": REASON_APPROVED}
    appr = {**_appr(packet, "consumed"), "cert_sha256": certificates[0]}
    event = _circumstances(request, verdict) | {"typ": "pef.approval.consume", "appr": appr, "data": data}
    return event | ({"trace": use.trace} if use.trace else {})


def ended(row: sqlite3.Row, reason: str, now: float, certificates: Sequence[str] = ()) -> dict[str, Any]:
    """`pef.approval.expire`. reason: expired, superseded, unreachable, cancelled or policy_changed."""
    request = json.loads(row["request"])
    data: dict[str, Any] = {
        "exchange": request["exchange"],
        "payload_sha256": request["payload"]["sha256"],
        "reason": reason,
        "waited_ms": max(0, int((now - row["created"]) * 1000)),
    }
    if certificates:
        data["certificates"] = list(certificates)
    if row["superseded_by"]:
        data["superseded_by"] = row["superseded_by"]
    return {"typ": "pef.approval.expire", "appr": _appr(row["id"], "expired"), "data": data}


def _circumstances(request: Request, verdict: Mapping[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = {"agent": request.agent, "act": request.act, "verdict": dict(verdict)}
    return event | ({"trace": request.trace} if request.trace else {})


def _appr(packet: str, state: str) -> dict[str, str]:
    return {"id": packet, "state": state}


def _time(seconds: float) -> str:
    return timestamp(int(seconds * 1_000_000))
