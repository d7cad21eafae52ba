"""in-toto `ai-agent-action/v0.1` statements, one for every exchange that ended, one a line.

The subject is the record: its digest is SHA-256 over the record's exact bytes. The predicate's own hash chain is left
out, as it may be (records of other types stand between these, and our chain hashes leaves); the record's place in the
Merkle log is under `extensions`. Payload digests are left out too: the log keeps salted commitments, not bare hashes.
What the client merely claims is marked by `parties`, so a policy can tell witnessed from asserted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Any, Final

import orjson

from recorder import __version__, dsse, statement
from recorder.export.entry import Entry
from recorder.export.integrity import record_integrity
from recorder.keys import SigningKey
from recorder.reading import Provenance

PREDICATE_TYPE: Final = "https://in-toto.io/attestation/ai-agent-action/v0.1"
_PROTOCOLS: Final = {"pef.llm_call": "llm", "pef.tool_call": "mcp", "pef.rows": "rows"}
_DECLARED: Final = ("model", "sessionId", "turnId", "invocationReason")


def write(
    entries: Iterable[Entry],
    provenance: Provenance,
    key: SigningKey | None = None,
    skipped: Callable[[str], None] | None = None,
) -> Iterator[bytes]:
    """Statements; with a key, each in a DSSE envelope. skipped: told of outcomes whose intent is not in the window."""
    for entry in entries:
        if not entry.ends:
            continue
        if not entry.part("act"):
            if skipped is not None:
                skipped("outcomes whose intent is not in these records")
            continue
        document = orjson.dumps(action_statement(entry, provenance), option=orjson.OPT_SORT_KEYS)
        yield dsse.sign(document, statement.PAYLOAD_TYPE, [key]) if key is not None else document + b"\n"


def action_statement(entry: Entry, provenance: Provenance) -> dict[str, Any]:
    """The Statement v1 of one exchange that ended."""
    name = entry.part("claim").get("session") or entry.part("agent").get("instance_uid")
    return {
        "_type": statement.STATEMENT_TYPE,
        "subject": [
            {
                "name": f"session:{name}" if name else f"record:{provenance.origin}/{entry.item.seq}",
                "digest": {"sha256": sha256(entry.item.line).hexdigest()},
            }
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": _predicate(entry, provenance),
    }


def _predicate(entry: Entry, provenance: Provenance) -> dict[str, Any]:
    record, verdict = entry.record, entry.record.get("verdict") or {}
    agent, claim, place = entry.part("agent"), entry.part("claim"), entry.place
    return {
        "action": _action(entry),
        "agent": {
            "principal": agent.get("uid"),
            "model": claim.get("model"),
            "sessionId": claim.get("session"),
            "turnId": claim.get("turn"),
            "invocationReason": claim.get("reason"),
        },
        "parties": _parties(agent),
        "upstream": {"name": place.host or None, "transport": place.scheme or None},
        "extensions": {
            "record_integrity": record_integrity(entry.item, provenance),
            "record_type": record["typ"],
            "exchange": record["data"].get("exchange"),
            "verdict": verdict,
            "commitments": {side: flow["c"] for side, flow in (record.get("io") or {}).items() if "c" in flow},
        },
        "metadata": {"attestorVersion": f"clyra/{__version__}", "configHash": verdict.get("policy_sha256")},
    }


def _action(entry: Entry) -> dict[str, Any]:
    record, act = entry.record, entry.part("act")
    status = (record.get("io") or {}).get("res", {}).get("status", 0)
    succeeded = record["data"].get("result") == "completed" and status < 400
    return {
        "type": "tool_call",
        "protocol": _PROTOCOLS.get(record["typ"], "http"),
        "method": act["method"],
        "toolName": act.get("tool") or f"{act['method']} {entry.place.host}{act['target']}",
        "namespace": entry.place.host or None,
        "timestamp": record["ts"],
        "durationMs": (entry.duration_us or 0) // 1000,
        "success": succeeded,
        "errorCode": status if status >= 400 else None,
        "errorClass": None
        if succeeded
        else str(record["data"].get("error") or record["data"].get("result", "unknown")),
    }


def _parties(agent: dict[str, Any]) -> list[dict[str, Any]]:
    """Who vouches for which field. An agent's name is witnessed only where it was authenticated."""
    authenticated = agent.get("auth") not in (None, "none", "header")
    witnessed = ["action", "upstream", "extensions", *(["principal"] if authenticated else [])]
    declared = [*_DECLARED, *([] if authenticated else ["principal"])]
    return [
        {"party": "clyra", "role": "witness", "scope": witnessed},
        {"party": "client", "role": "asserter", "scope": declared},
    ]
