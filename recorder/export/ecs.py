"""Elastic Common Schema 8 events as NDJSON, ready for a bulk load.

Standard field sets: base, ecs, event, agent, source, destination, url, http, trace, transaction, rule, user, log.
What ECS has no field for is under `clyra`, a custom field set, including the record's integrity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from recorder import __version__
from recorder.export.entry import Entry
from recorder.export.integrity import record_integrity
from recorder.reading import Provenance

VERSION: Final = "8.17.0"
_OUTCOMES: Final = {"completed": "success", "refused": "failure", "failed": "failure"}
_TYPES: Final = {"deny": "denied", "require_approval": "denied", "allow": "allowed"}
_OURS: Final = ("boot", "mono_us", "src", "verdict", "io", "sec", "gov", "appr", "refs", "sd", "data")


def write(entries: Iterable[Entry], provenance: Provenance) -> Iterator[bytes]:
    """One event a line."""
    for entry in entries:
        yield orjson.dumps(event(entry, provenance), option=orjson.OPT_APPEND_NEWLINE)


def event(entry: Entry, provenance: Provenance) -> dict[str, Any]:
    """The ECS event of one record."""
    record = entry.record
    found: dict[str, Any] = {
        "@timestamp": record["ts"],
        "ecs": {"version": VERSION},
        "message": record["typ"],
        "log": {"logger": provenance.origin},
        "observer": {"name": provenance.origin, "vendor": "Clyra", "product": "Clyra", "version": __version__},
        "event": _event(entry, provenance),
        "clyra": {name: record[name] for name in _OURS if name in record}
        | {"typ": record["typ"], "record_integrity": record_integrity(entry.item, provenance)},
    }
    _add_network(found, entry)
    _add_identity(found, entry)
    return found


def _event(entry: Entry, provenance: Provenance) -> dict[str, Any]:
    verdict = entry.record.get("verdict") or {}
    found: dict[str, Any] = {
        "id": f"{provenance.origin}/{entry.item.seq}",
        "sequence": entry.item.seq,
        "dataset": f"clyra.{entry.record['typ']}",
        "module": "clyra",
        "provider": "clyra-recorder",
        "hash": entry.item.leaf.hex(),
        "kind": "event" if entry.is_exchange else "state",
    }
    if entry.is_exchange:
        found["category"] = ["network", "web"]
        found["type"] = ["access", *([_TYPES[verdict["decision"]]] if verdict.get("decision") in _TYPES else [])]
        found["action"] = entry.part("act").get("op", entry.record["typ"])
        found["outcome"] = _OUTCOMES.get(entry.record["data"].get("result", ""), "unknown")
    else:
        found["action"] = entry.record["typ"]
    if entry.duration_us is not None:
        found["duration"] = entry.duration_us * 1000
    if reason := verdict.get("reason"):
        found["reason"] = reason
    return found


def _add_network(found: dict[str, Any], entry: Entry) -> None:
    act, place, flow = entry.part("act"), entry.place, entry.record.get("io") or {}
    if place.host:
        found["destination"] = {"address": place.host, "domain": place.host}
        found["url"] = {"domain": place.host, "path": act.get("target", "")}
        if place.port is not None:
            found["destination"]["port"] = found["url"]["port"] = place.port
        if place.scheme:
            found["url"]["scheme"] = place.scheme
    if address := (entry.subject or {}).get("data", {}).get("address"):
        found.setdefault("destination", {})["ip"] = address
    http: dict[str, Any] = {}
    if act:
        http["request"] = {"method": act["method"]}
        http["version"] = str(act["proto"]).removeprefix("HTTP/")
    for side, name in (("req", "request"), ("res", "response")):
        if side in flow:
            http.setdefault(name, {})["body"] = {"bytes": flow[side]["len"]}
            if "mt" in flow[side]:
                http[name]["mime_type"] = flow[side]["mt"]
    if "status" in flow.get("res", {}):
        http["response"]["status_code"] = flow["res"]["status"]
    if http:
        found["http"] = http


def _add_identity(found: dict[str, Any], entry: Entry) -> None:
    agent, verdict, trace = entry.part("agent"), entry.record.get("verdict") or {}, entry.record.get("trace")
    if agent:
        found["user"] = {"id": agent["uid"], "name": agent["uid"]}
        if tenant := agent.get("tenant"):
            found["organization"] = {"id": tenant}
        found["source"] = {"address": agent["uid"]}
    if rule := verdict.get("rule"):
        found["rule"] = {"id": rule, "name": rule, "ruleset": verdict["policy_sha256"]}
    if trace:
        found["trace"] = {"id": trace["trace_id"]}
        found["span"] = {"id": trace["span_id"]}
