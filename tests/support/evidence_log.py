"""Logs of real records, written by the real store: every event a line as a proxy would have handed it in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from recorder import canonical, dsse, trust
from recorder.admission import parse_batch
from recorder.keys import LocalKey
from recorder.layout import Layout
from recorder.main import prepare
from recorder.seal import seal_window
from recorder.store import Store
from tests.support.recorder_process import VERDICT, batch_body

POLICY, OTHER_POLICY = "c" * 64, "d" * 64
SUBJECT_KEY = "5" * 32


def exchange(name: str, *, phase: str = "whole", typ: str = "pef.http_call", **changes: Any) -> dict[str, Any]:
    """A sound event of one exchange. changes: `agent`, `act`, `verdict`, `io`, `claim`, ... and `data`, merged in."""
    event: dict[str, Any] = {
        "typ": typ,
        "agent": {"uid": "agent-1", "auth": "proxy", "tenant": "acme"},
        "act": {
            "op": "http.request",
            "proto": "HTTP/1.1",
            "method": "POST",
            "host": "https://api.example.com:443",
            "target": "/v1/rows",
        },
        "verdict": dict(VERDICT),
        "trace": {"trace_id": "ab" * 16, "span_id": "cd" * 8, "flags": "01"},
        "data": {"phase": phase, "exchange": name, "route": "crm", "address": "203.0.113.7", "generation": 1},
    }
    if phase != "intent":
        event["io"] = {"req": {"len": 12, "mt": "application/json"}, "res": {"len": 34, "status": 200}}
        event["perf"] = {"proxy_us": 900, "upstream_us": 4100, "bytes_in": 12, "bytes_out": 34}
        event["data"] |= {"result": "completed", "action": "allow", "would_action": "allow"}
    if phase == "outcome":
        del event["agent"], event["act"]
        for key in ("route", "address", "generation"):
            del event["data"][key]
    return _merged(event, changes)


def denied(
    name: str, rule: str = "schema.violation", reason: str = "schema_violation", **changes: Any
) -> dict[str, Any]:
    """An exchange that an enforced rule refused."""
    verdict = {"decision": "deny", "reason": reason, "rule": rule}
    finding = {"check": rule.partition(".")[0], "rule": rule, "reason": reason, "action": "block"}
    data = {
        "result": "refused",
        "action": "block",
        "would_action": "block",
        "findings": [{**finding, "mode": "enforce", "phase": "request_body", "path": "/rows/3"}],
        "findings_total": 1,
    }
    return _merged(exchange(name, verdict=verdict, data=data, io={"res": {"len": 90, "status": 422}}), changes)


def shadowed(name: str, rule: str = "egress.destination", reason: str = "destination_unknown") -> dict[str, Any]:
    """An exchange that passed and that a rule in shadow mode would have refused."""
    finding = {"check": "egress", "rule": rule, "reason": reason, "action": "block", "mode": "shadow"}
    data = {"would_action": "block", "findings": [{**finding, "phase": "request_head"}], "findings_total": 1}
    return exchange(name, verdict={"mode": "shadow", "reason": reason, "rule": rule}, data=data)


class EvidenceLog:
    """A log under construction. seal() ends it and returns the bundle."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        prepare(self.layout)
        keys = self.layout.keys
        self._store: Store | None = Store(self.layout, keys.signing_key("log"), keys.signing_key("seal"))
        self._next: dict[str, int] = {}

    def write(self, events: Sequence[dict[str, Any]], source: str = "proxy-1", lost: int = 0) -> EvidenceLog:
        """Commit events of a source; `lost` of its events before them never arrive, which is declared as a gap."""
        assert self._store is not None
        first = self._next.get(source, 1) + lost
        self._next[source] = first + len(events)
        header = {"cause": "overflow"} if lost else {}
        committed = self._store.commit([parse_batch(batch_body(source, first, events, **header), "source", "a" * 64)])
        assert [getattr(result, "rejected", result) for result in committed.results] == [[]], committed.results
        return self

    def close(self) -> Layout:
        """No more records; the log stays open for a later recorder."""
        if self._store is not None:
            self._store.shut()
            self._store = None
        return self.layout

    def seal(self, start: int | None = None, end: int | None = None) -> Path:
        return seal_window(self.close(), start, end).path


def log_key_pem(layout: Layout) -> bytes:
    """The public log key, as others' libraries take it."""
    public = Ed25519PublicKey.from_public_bytes(layout.keys.signing_key("log").public)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def trust_with_auditor(layout: Layout, auditor: LocalKey) -> bytes:
    """The trust file of a log with an auditor's key added, signed anew by its root."""
    document = canonical.check(dsse.parse(layout.trust.read_bytes(), trust.PAYLOAD_TYPE).payload, trust.MAX_BYTES)
    entry = {"keyid": auditor.key_id, "alg": "ed25519", "pub": auditor.public.hex(), "role": "auditor"}
    document["keys"].append(entry | {"valid_from_size": 0, "state": "active"})
    document["version"] += 1
    return dsse.sign(canonical.encode(document), trust.PAYLOAD_TYPE, [layout.keys.signing_key("root")])


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
