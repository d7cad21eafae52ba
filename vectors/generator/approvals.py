"""Approvals in a hand-made log: what the cases about them are made of."""

from __future__ import annotations

from typing import Any

from recorder.approval import Certificate, Signed
from vectors.generator.bundle import Bundle, sealed
from vectors.generator.case import Case
from vectors.generator.log import POLICY, Log
from vectors.generator.people import (
    ALICE,
    BOB,
    PROVIDERS,
    signed,
)
from vectors.generator.trust_file import trusting

GOOD = "P_TAIL_UNANCHORED"
WORD = "an approval by the operator's word"
PASSKEY = "an approval by a passkey"
TOKEN = "an approval by an ID token of ES256"
TWO = "an approval by two people where two are needed"
MEANT = "That the person read what was shown, or was not made to approve it."
ASSERTED = "W_APPROVAL_OPERATOR_ASSERTED"
PEOPLE = (ALICE.entry(), BOB.entry(), *(one.entry() for one in PROVIDERS.values()))


def used(
    log: Log, made: Certificate, given: Signed, *others: Signed, in_data: dict[str, Any] | None = None, **fields: Any
) -> int:
    """The record that uses an approval up, as the certificate asks for it. fields: members that differ."""
    data: dict[str, Any] = {"payload_sha256": made.payload.sha256, **(in_data or {})}
    if others:
        data["certificates"] = [one.digest for one in (given, *others)]
    action = made.action
    act = {"op": action.op, "proto": "http/1.1", "method": "POST", "target": action.target}
    act |= {"tool": action.tool} if action.tool else {}
    agent = {"uid": "agent-7", "auth": "mtls", **({"tenant": action.tenant} if action.tenant else {})}
    facts: dict[str, Any] = {
        "agent": agent | fields.pop("agent", {}),
        "act": act | fields.pop("act", {}),
        "verdict": {
            "decision": "allow",
            "reason": "approved",
            "policy_sha256": POLICY,
            "engine": "clyra/0",
            "mode": "enforce",
            "eval_us": 5,
        },
        "appr": {"id": made.id, "cert_sha256": given.digest, "state": "consumed"},
    }
    return log.source("pef.approval.consume", data, **{**facts, **fields})


def members(*every: Signed) -> dict[str, bytes]:
    return {one.member: one.envelope for one in every}


def case(title: str, log: Log, code: str, *every: Signed, **told: Any) -> Case:
    """A bundle of a whole log with these certificates."""
    told = {"trust": trusting(log, *PEOPLE), "silent": MEANT, **told}
    bundle = Bundle(log, told.pop("start", 0), covered={**members(*every), **told.pop("covered", {})})
    told.setdefault("twin", "" if code == GOOD else WORD)
    return sealed(title, bundle, code, **told)


def once(
    title: str, made: Certificate, code: str, *, edit: Any = None, told: dict[str, Any] | None = None, **fields: Any
) -> Case:
    """One certificate and the record that uses it up. edit: of the statement. fields: of the record."""
    log = Log().begin()
    given = signed(made, edit=edit)
    used(log, made, given, **fields)
    return case(title, log, code, given, **(told or {}))


def counted(certificates: int, consumed: int, valid: int, asserted: int) -> dict[str, Any]:
    names = ("certificates", "consumed", "operator_asserted", "valid")
    return {"approvals": dict(zip(names, (certificates, consumed, asserted, valid), strict=True))}
