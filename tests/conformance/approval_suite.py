"""`approval-binding/v1` of agent-evidence-vectors over our verifier.

Each of its cases is a document of another format. The adapter says the same thing in ours: a log with a certificate and
the record that used it up, sealed and verified by `recorder.verify`; our first code must be the one its reason stands
for. What our format has no place for (a contract's name) cannot be said, and is a listed miss.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from agent_evidence_vectors import approvalbinding

from recorder.approval import Action, Certificate, Challenge
from recorder.approval_payload import PayloadDigest
from recorder.verify.bundle import verify
from recorder.verify.options import Options
from vectors.generator.approvals import members
from vectors.generator.bundle import Bundle, pack
from vectors.generator.keys import key
from vectors.generator.log import Clock, Log
from vectors.generator.people import Passkey, certificate, commitment, identifier, signed
from vectors.generator.trust_file import trusting

CODES = {
    "bound": "",
    "approval_id_ambiguous": "E_APPROVAL_AMBIGUOUS",
    "approval_replayed": "E_APPROVAL_REUSED",
    "key_not_bound": "E_APPROVAL_APPROVER",
    "principal_mismatch": "E_APPROVAL_ACTION",
    "event_phase_mismatch": "E_APPROVAL_ACTION",
    "payload_mismatch": "E_APPROVAL_PAYLOAD or E_APPROVAL_ACTION",
    "approval_outside_validity": "E_APPROVAL_NOT_YET or E_APPROVAL_EXPIRED",
    "comparison_unavailable": "E_APPROVAL_POLICY",
    "release_not_served_at_decision": "E_APPROVAL_POLICY",
}
"""Its reason -> our codes that mean it. The principal is the tenant of the approved action."""
NO_CONTRACT = "our records name their format in `v`, not a contract; another `v` is `I_VERSION`"
AT_EXPIRY = (
    "in our format the second `exp` is the last in which an approval holds, in theirs the first in which it does not"
)
REASONS = {"contract-id-missing": NO_CONTRACT, "contract-id-unknown": NO_CONTRACT, "used-at-expiry": AT_EXPIRY}


def run() -> tuple[int, dict[str, str]]:
    """(number of cases, case -> our answer where it is not the suite's)."""
    manifest = json.loads((approvalbinding.ROOT / "MANIFEST.json").read_bytes())
    misses = {}
    for entry in manifest["vectors"]:
        folder = approvalbinding.ROOT / entry["path"]
        record = json.loads((folder / "record.json").read_bytes())
        first = first_code(record, (folder / record["use"]["payloadFile"]).read_bytes())
        if first not in CODES.get(entry["expected"]["reason"], "none").split(" or "):
            misses[entry["id"]] = first or "accepted"
    return len(manifest["vectors"]), misses


def first_code(record: dict[str, Any], used: bytes) -> str:
    """Our verifier's first E_ code about the same facts, "" when it has none."""
    approval, use = record["approval"], record["use"]
    at = _seconds(use["usedAt"])
    log = Log(clock=Clock(wall=at * 1_000_000 - 6_000)).begin()
    made = _certificate(approval, record)
    given = signed(made)
    every = [given, *(signed(_certificate(other, record)) for other in record["presentedApprovals"])]
    if approval["approvalId"] in record["consumedApprovalIds"]:
        log.clock.wall -= 1_000
        _use(log, record, made, given.digest, approval["payloadSha256"], approval)
    log.chain.last_ts = 0
    log.clock.wall = at * 1_000_000 - 1_000
    _use(log, record, made, given.digest, sha256(used).hexdigest(), use)
    bundle = Bundle(log, covered=members(*every))
    keys = [Passkey(who, key(name)).entry() for who, name in record["trustedKeys"].items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        path.write_bytes(pack(bundle.members()))
        report = verify(path, Options(trust=trusting(log, *keys))).document()
    return next((one["code"] for one in report["codes"] if one["code"].startswith("E_")), "")


def _certificate(approval: dict[str, Any], record: dict[str, Any]) -> Certificate:
    """The approval as one of our certificates, answered with the key it names."""
    person = Passkey(approval["approver"], key(approval["keyId"]))
    plain = certificate(
        approval["approvalId"],
        approval["approver"],
        id=identifier(approval["approvalId"]),
        payload=PayloadDigest(approval["payloadSha256"], "raw"),
        action=_action(approval),
        challenge=Challenge(
            sha256(json.dumps(approval, sort_keys=True).encode()).hexdigest(),
            _seconds(approval["issuedAt"]),
            _seconds(approval["expiresAt"]),
            approval["clientId"],
        ),
        requester_commitment=commitment("the agent"),
        policy_sha256=_policy(record, served=True),
    )
    return replace(plain, bindings=(person.binding(plain),))


def _action(said: dict[str, Any]) -> Action:
    return Action(f"{said['event']} {said['phase']}", said["target"], said["tool"], said["principal"])


def _policy(record: dict[str, Any], *, served: bool) -> str:
    """The release's digest; a release that could not be looked up, or was not served then, is another policy."""
    name = record["policyRelease"]["releaseId"] if served else "not served"
    return sha256(name.encode()).hexdigest()


def _use(log: Log, record: dict[str, Any], made: Certificate, digest: str, payload: str, use: dict[str, Any]) -> None:
    action = _action(use)
    served = record["policyRelease"]["lookup"] == "ok" and approvalbinding._served(record)
    facts = log.facts(0)
    log.source(
        "pef.approval.consume",
        {"payload_sha256": payload},
        agent={**facts["agent"], "tenant": action.tenant},
        act={**facts["act"], "op": action.op, "target": action.target, "tool": action.tool},
        verdict={**facts["verdict"], "policy_sha256": _policy(record, served=served)},
        appr={"id": made.id, "cert_sha256": digest, "state": "consumed"},
    )


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
