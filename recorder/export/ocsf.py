"""OCSF 1.6 events as NDJSON: API Activity (class 6003) for exchanges, Base Event (class 0) for everything else.

Profiles `security_control` (what was decided) and `trace`. What OCSF has no place for is under `unmapped`: our own
fields as they stand in the record (`unmapped.clyra`) and the record's integrity (`unmapped.record_integrity`).
Attribute names and numbers: OCSF schema 1.6, `api_activity`, `base_event`, `security_control`, `trace`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from recorder import __version__
from recorder.export.entry import Entry
from recorder.export.integrity import record_integrity
from recorder.reading import Provenance

VERSION: Final = "1.6.0"
API_ACTIVITY: Final = 6003
_ACTIVITY: Final = {"POST": 1, "GET": 2, "HEAD": 2, "OPTIONS": 2, "PUT": 3, "PATCH": 3, "DELETE": 4}
_ACTIVITY_NAMES: Final = {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 99: "Other"}
# decision -> (action_id, action, disposition_id, disposition)
_CONTROL: Final = {
    "allow": (1, "Allowed", 1, "Allowed"),
    "observe": (3, "Observed", 15, "Detected"),
    "modify": (4, "Modified", 11, "Corrected"),
    "require_approval": (2, "Denied", 14, "Delayed"),
    "deny": (2, "Denied", 2, "Blocked"),
}
_WOULD: Final = (3, "Observed", 15, "Detected")
_STATUS: Final = {"completed": (1, "Success"), "refused": (2, "Failure"), "failed": (2, "Failure")}
_PRODUCT: Final = {"name": "Clyra", "vendor_name": "Clyra", "version": __version__}
_OURS: Final = ("boot", "mono_us", "src", "claim", "verdict", "io", "sec", "gov", "appr", "refs", "sd", "data")


def write(entries: Iterable[Entry], provenance: Provenance) -> Iterator[bytes]:
    """One event a line."""
    for entry in entries:
        yield orjson.dumps(event(entry, provenance), option=orjson.OPT_APPEND_NEWLINE)


def event(entry: Entry, provenance: Provenance) -> dict[str, Any]:
    """The OCSF event of one record."""
    found = _exchange(entry) if entry.is_exchange else _base(entry)
    found["metadata"] = _metadata(entry, provenance, found.pop("profiles", []))
    found["time"] = entry.micros // 1000
    if entry.duration_us is not None:
        found["duration"] = entry.duration_us // 1000
    found["unmapped"] = {
        "clyra": {name: entry.record[name] for name in _OURS if name in entry.record} | {"typ": entry.record["typ"]},
        "record_integrity": record_integrity(entry.item, provenance),
    }
    return found


def _metadata(entry: Entry, provenance: Provenance, profiles: list[str]) -> dict[str, Any]:
    record = entry.record
    found: dict[str, Any] = {
        "version": VERSION,
        "uid": f"{provenance.origin}/{entry.item.seq}",
        "product": _PRODUCT,
        "log_name": provenance.origin,
        "event_code": record["typ"],
        "sequence": entry.item.seq,
        "original_time": record["ts"],
    }
    if profiles:
        found["profiles"] = profiles
    if exchange := record["data"].get("exchange"):
        found["correlation_uid"] = exchange
    if tenant := entry.part("agent").get("tenant"):
        found["tenant_uid"] = tenant
    return found


def _base(entry: Entry) -> dict[str, Any]:
    """What is not an exchange: keys, gaps, clock steps, approvals, halts, anchors."""
    typ = entry.record["typ"]
    severity = 3 if typ in ("sys.gap", "sys.clock", "pef.bypass", "pef.halt", "pef.contradiction") else 1
    found = {
        "category_uid": 0,
        "class_uid": 0,
        "class_name": "Base Event",
        "activity_id": 99,
        "activity_name": typ,
        "type_uid": 99,
        "severity_id": severity,
        "message": typ,
    }
    if agent := entry.part("agent"):
        found["actor"] = _actor(entry, agent)
    return found


def _exchange(entry: Entry) -> dict[str, Any]:
    act, data = entry.part("act"), entry.record["data"]
    verdict = entry.record.get("verdict") or {}
    activity = _ACTIVITY.get(str(act.get("method", "")), 99)
    status_id, status = _STATUS.get(data.get("result", ""), (0, "Unknown"))
    found: dict[str, Any] = {
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": API_ACTIVITY,
        "class_name": "API Activity",
        "activity_id": activity,
        "activity_name": _ACTIVITY_NAMES[activity],
        "type_uid": API_ACTIVITY * 100 + activity,
        "type_name": f"API Activity: {_ACTIVITY_NAMES[activity]}",
        "severity_id": _severity(entry, verdict),
        "status_id": status_id,
        "status": status,
        "profiles": ["security_control"],
        "actor": _actor(entry, entry.part("agent")),
        "api": {"operation": act.get("tool") or act.get("method") or act.get("op") or "unknown"},
        "src_endpoint": {"name": entry.part("agent").get("uid", "unknown")},
    }
    if place := entry.place.host:
        found["api"]["service"] = {"name": place}
    _add_http(found, entry, act)
    _add_control(found, entry, verdict)
    _add_trace(found, entry)
    return found


def _actor(entry: Entry, agent: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"app_name": agent.get("uid", "unknown")}
    if instance := agent.get("instance_uid"):
        found["app_uid"] = instance
    if session := entry.part("claim").get("session"):
        found["session"] = {"uid": session}
    return found


def _severity(entry: Entry, verdict: dict[str, Any]) -> int:
    if verdict.get("decision") == "deny":
        return 4
    return 3 if entry.withheld or verdict.get("decision") == "require_approval" else 1


def _add_http(found: dict[str, Any], entry: Entry, act: dict[str, Any]) -> None:
    place, flow = entry.place, entry.record.get("io") or {}
    if place.host:
        found["dst_endpoint"] = {"hostname": place.host}
        if place.port is not None:
            found["dst_endpoint"]["port"] = place.port
        if address := (entry.subject or {}).get("data", {}).get("address"):
            found["dst_endpoint"]["ip"] = address
    if act:
        url = {"path": act.get("target", "")}
        url |= {"hostname": place.host} if place.host else {}
        url |= {"port": place.port} if place.port is not None else {}
        url |= {"scheme": place.scheme} if place.scheme else {}
        found["http_request"] = {"http_method": act["method"], "version": act["proto"], "url": url}
        if "req" in flow:
            found["http_request"]["length"] = flow["req"]["len"]
    if "status" in flow.get("res", {}):
        found["http_response"] = {"code": flow["res"]["status"], "length": flow["res"]["len"]}


def _add_control(found: dict[str, Any], entry: Entry, verdict: dict[str, Any]) -> None:
    decision = verdict.get("decision", "")
    if decision not in _CONTROL:
        return
    chosen = _WOULD if entry.withheld else _CONTROL[decision]
    found["action_id"], found["action"], found["disposition_id"], found["disposition"] = chosen
    found["policy"] = {"name": "policy", "uid": verdict["policy_sha256"]}
    if rule := verdict.get("rule"):
        found["firewall_rule"] = {"name": rule, "uid": rule}
        found["status_detail"] = verdict["reason"]


def _add_trace(found: dict[str, Any], entry: Entry) -> None:
    trace = entry.record.get("trace")
    if not trace:
        return
    found["profiles"].append("trace")
    end = entry.micros // 1000
    span = {"uid": trace["span_id"], "start_time": end - (entry.duration_us or 0) // 1000, "end_time": end}
    if parent := trace.get("parent_span_id"):
        span["parent_uid"] = parent
    found["trace"] = {"uid": trace["trace_id"], "span": span}
