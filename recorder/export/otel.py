"""OpenTelemetry logs as OTLP JSON, one export request a line, as the collector's file receiver reads them.

Each line holds up to `BATCH` log records under one resource, the log; trace and span ids are the ones the exchange
really had, so a backend shows decision and call side by side. References: OTLP 1.x JSON encoding (hex ids, 64-bit
numbers as strings, lowerCamelCase), semantic conventions for HTTP and events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from recorder import __version__
from recorder.export.entry import Entry
from recorder.reading import Provenance

BATCH: Final = 128
_INFO, _WARN, _ERROR = (9, "INFO"), (13, "WARN"), (17, "ERROR")
_NOTABLE: Final = frozenset({"sys.gap", "sys.clock", "pef.bypass", "pef.halt", "pef.contradiction"})


def write(entries: Iterable[Entry], provenance: Provenance) -> Iterator[bytes]:
    """Batches of log records, one export request a line."""
    batch: list[dict[str, Any]] = []
    for entry in entries:
        batch.append(log_record(entry, provenance))
        if len(batch) == BATCH:
            yield _request(batch, provenance)
            batch = []
    if batch:
        yield _request(batch, provenance)


def log_record(entry: Entry, provenance: Provenance) -> dict[str, Any]:
    """The OTLP LogRecord of one record."""
    record = entry.record
    number, text = _severity(entry)
    nanos = str(entry.micros * 1000)
    found: dict[str, Any] = {
        "timeUnixNano": nanos,
        "observedTimeUnixNano": nanos,
        "severityNumber": number,
        "severityText": text,
        "eventName": f"clyra.{record['typ']}",
        "body": {"stringValue": _sentence(entry)},
        "attributes": [_attribute(name, value) for name, value in _attributes(entry, provenance) if value is not None],
    }
    if trace := record.get("trace"):
        found |= {"traceId": trace["trace_id"], "spanId": trace["span_id"], "flags": int(trace["flags"], 16)}
    return found


def _request(batch: list[dict[str, Any]], provenance: Provenance) -> bytes:
    resource: list[tuple[str, Any]] = [
        ("service.name", "clyra"),
        ("service.version", __version__),
        ("clyra.log.origin", provenance.origin),
    ]
    resource += [("clyra.evidence.verdict", provenance.verdict), ("clyra.evidence.forced", provenance.forced)]
    resource += [("clyra.evidence.bundle", provenance.bundle), ("clyra.evidence.first", provenance.first)]
    document = {
        "resourceLogs": [
            {
                "resource": {"attributes": [_attribute(name, value) for name, value in resource if value != ""]},
                "scopeLogs": [{"scope": {"name": "clyra.recorder", "version": __version__}, "logRecords": batch}],
            }
        ]
    }
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _severity(entry: Entry) -> tuple[int, str]:
    verdict, data = entry.record.get("verdict") or {}, entry.record["data"]
    if data.get("result") == "failed":
        return _ERROR
    notable = verdict.get("decision") in ("deny", "require_approval") or entry.record["typ"] in _NOTABLE
    return _WARN if notable or entry.withheld else _INFO


def _sentence(entry: Entry) -> str:
    act, verdict = entry.part("act"), entry.record.get("verdict") or {}
    if not act:
        return str(entry.record["typ"])
    return f"{verdict.get('decision', 'observe')} {act['method']} {act.get('host', '')}{act['target']}"


def _attributes(entry: Entry, provenance: Provenance) -> Iterator[tuple[str, Any]]:
    record, data = entry.record, entry.record["data"]
    act, agent, verdict, flow = (
        entry.part("act"),
        entry.part("agent"),
        record.get("verdict") or {},
        record.get("io") or {},
    )
    yield "clyra.record.seq", entry.item.seq
    yield "clyra.record.leaf_sha256", entry.item.leaf.hex()
    yield "clyra.record.prev_sha256", record["prev"]
    yield "clyra.record.anchored", entry.item.seq < provenance.anchored_end
    yield "clyra.agent.uid", agent.get("uid")
    yield "clyra.agent.auth", agent.get("auth")
    yield "clyra.agent.tenant", agent.get("tenant")
    yield "session.id", entry.part("claim").get("session")
    yield "http.request.method", act.get("method")
    yield "server.address", entry.place.host or None
    yield "server.port", entry.place.port
    yield "url.scheme", entry.place.scheme or None
    yield "url.path", act.get("target")
    yield "http.request.body.size", flow.get("req", {}).get("len")
    yield "http.response.body.size", flow.get("res", {}).get("len")
    yield "http.response.status_code", flow.get("res", {}).get("status")
    for name in ("decision", "reason", "rule", "mode", "policy_sha256"):
        yield f"clyra.verdict.{name}", verdict.get(name)
    for name in ("phase", "exchange", "result", "action", "would_action", "route"):
        yield f"clyra.exchange.{name}", data.get(name)


def _attribute(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"key": name, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    return {"key": name, "value": {"stringValue": str(value)}}
