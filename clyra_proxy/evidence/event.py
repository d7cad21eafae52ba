"""From an exchange to the event the recorder turns into a record: metadata only.

Never in an event: a body, a header value, a query string, a secret in a path. What is in it: who, where to, what was
decided and why, lengths, salted commitments, timings. Strings are cut to the limits of the record schema and cleaned,
so an event made here is always accepted. Two shapes: an `intent` before the first byte goes upstream and an `outcome`
that answers it; an exchange without an intent writes one `whole` event.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any

import orjson

from clyra_proxy import __version__
from clyra_proxy.egress.names import named_host
from clyra_proxy.evidence.commitment import SubjectKey
from clyra_proxy.exchange import BodyTally, Exchange, HeaderFields, Identity
from clyra_proxy.telemetry.redaction import loggable_path, printable
from clyra_proxy.verdict.model import Action, Finding, Mode, Seen, Verdict

ENGINE = f"clyra/{__version__}"
TYPE = "pef.http_call"
ROWS_TYPE = "pef.rows"
ROWS = "evidence.rows"
"""Key in `Exchange.extensions` of the part `rows` of a record; an exchange that has one is a batch of rows."""
SQL = "evidence.sql"
"""Key in `Exchange.extensions` of the part `sql` of such a record: a statement of a SQL API."""
APPROVAL = "evidence.approval"
"""Key in `exchange.extensions`: the approval that the exchange used up, as `appr` of a record."""
MAX_FINDINGS = 32
MAX_HEADERS = 64
MAX_LABELS = 16

_LABEL = re.compile(r"[A-Za-z0-9.:_-]{1,64}")
_DECISIONS = {
    Action.ALLOW: "allow",
    Action.MARK: "allow",
    Action.REDACT: "modify",
    Action.APPROVE: "require_approval",
    Action.BLOCK: "deny",
}
_AUTH = frozenset(("mtls", "proxy", "process", "kubernetes", "header", "none"))


def intent_event(exchange: Exchange, key: SubjectKey) -> bytes:
    """The write-ahead event, encoded."""
    data = _basics(exchange, key)
    data["phase"] = "intent"
    event: dict[str, Any] = {
        "typ": _type(exchange),
        "agent": agent_of(exchange.identity),
        "act": act_of(exchange),
        "verdict": verdict_of(exchange),
        "io": {"req": _expected(exchange.request_body)},
        "data": data,
    }
    return _encode(event, exchange)


def outcome_event(exchange: Exchange) -> bytes:
    """The event that answers an intent, encoded."""
    data: dict[str, Any] = {"phase": "outcome", "exchange": exchange.id}
    return _encode({"typ": _type(exchange), **_ending(exchange, data)}, exchange)


def whole_event(exchange: Exchange, key: SubjectKey) -> bytes:
    """One event for an exchange that had no intent, encoded."""
    data = _basics(exchange, key)
    data["phase"] = "whole"
    who, what = agent_of(exchange.identity), act_of(exchange)
    return _encode({"typ": _type(exchange), "agent": who, "act": what, **_ending(exchange, data)}, exchange)


def _type(exchange: Exchange) -> str:
    return ROWS_TYPE if ROWS in exchange.extensions else TYPE


def _encode(event: dict[str, Any], exchange: Exchange) -> bytes:
    trace = exchange.trace
    if trace is not None:
        event["trace"] = {"trace_id": trace.trace_id, "span_id": trace.span_id, "flags": trace.flags}
        if trace.parent_span_id:
            event["trace"]["parent_span_id"] = trace.parent_span_id
    if (used := exchange.extensions.get(APPROVAL)) is not None:
        event["appr"] = used
    if (rows := exchange.extensions.get(ROWS)) is not None:
        event["data"]["rows"] = rows
    if (statement := exchange.extensions.get(SQL)) is not None:
        event["data"]["sql"] = statement
    identity = exchange.identity
    if identity.session:
        event["claim"] = {"session": _text(identity.session, 256)}
    return orjson.dumps(event)


def _basics(exchange: Exchange, key: SubjectKey) -> dict[str, Any]:
    destination = exchange.destination
    data: dict[str, Any] = {
        "exchange": exchange.id,
        "headers": _header_names(exchange.request.fields),
        "route": _text(exchange.route.id, 256),
        "generation": exchange.policy_generation,
        "subject_key": key.id,
        "target_c": key.commitment(exchange.id, "target", exchange.request.path.encode("utf-8", "surrogateescape")),
    }
    if destination.address:
        data["address"] = destination.address[:64]
    if destination.opaque:
        data["opaque"] = True
    if exchange.websocket:
        data["websocket"] = True
    return data


def _ending(exchange: Exchange, data: dict[str, Any]) -> dict[str, Any]:
    """Fields of an event written at the end of an exchange."""
    verdict = exchange.verdict
    request, response = exchange.request_body, exchange.response_body
    data["result"] = _result(exchange)
    data["released"] = {"req": request.released, "res": response.released}
    if exchange.error or exchange.copy:
        data["error"] = _text(exchange.error or "a mirrored copy: no upstream was called", 256)
    if verdict is not None:
        data["action"], data["would_action"] = verdict.action.word, verdict.would_action.word
        _add_coverage(data, verdict)
        if verdict.findings:
            data["findings"] = [_finding(finding) for finding in verdict.findings[:MAX_FINDINGS]]
            data["findings_total"] = len(verdict.findings)
            _add_labels(data, verdict)
    answer = _body(response)
    if exchange.response is not None:
        answer["status"] = min(max(exchange.response.status, 0), 999)
    elapsed = (time.perf_counter_ns() - exchange.started_ns) // 1000
    upstream = exchange.upstream_ns // 1000
    perf = {
        "proxy_us": max(0, elapsed - upstream),
        "upstream_us": upstream,
        "bytes_in": request.seen,
        "bytes_out": response.released,
    }
    return {"verdict": verdict_of(exchange), "io": {"req": _body(request), "res": answer}, "perf": perf, "data": data}


def _add_labels(data: dict[str, Any], verdict: Verdict) -> None:
    """OWASP LLM Top 10 and MITRE ATLAS ids of all findings, each once, those of the deciding finding first."""
    deciding = verdict.deciding
    ordered = verdict.findings if deciding is None else (deciding, *verdict.findings)
    labels = {label: None for finding in ordered for label in (*finding.atlas, *finding.owasp_llm)}
    known = [label for label in labels if _LABEL.fullmatch(label)]
    if known:
        data["taxonomy"] = known[:MAX_LABELS]


def _result(exchange: Exchange) -> str:
    if exchange.denial is not None:
        return "refused"
    return "failed" if exchange.error or exchange.copy else "completed"


def _add_coverage(data: dict[str, Any], verdict: Verdict) -> None:
    request, response = verdict.request_coverage, verdict.response_coverage
    if request.seen is Seen.NONE and response.seen is Seen.NONE:
        return
    data["coverage"] = {"req": str(request)[:96], "res": str(response)[:96]}


def verdict_of(exchange: Exchange) -> dict[str, Any]:
    """The decision as a record has it; `observe` while there is none."""
    verdict = exchange.verdict
    found: dict[str, Any] = {"policy_sha256": exchange.policy_sha256, "engine": ENGINE}
    if verdict is None:
        found |= {"decision": "observe", "reason": "none", "mode": str(exchange.route.mode), "eval_us": 0}
        return found
    found["decision"] = decision_word(verdict.action)
    found["mode"] = "enforce" if verdict.mode is Mode.ENFORCE else "shadow"
    found["eval_us"] = sum(verdict.check_us.values()) if verdict.check_us else 0
    deciding = verdict.deciding if verdict.findings else None
    if deciding is None:
        found["reason"] = "none"
    else:
        found["reason"], found["rule"] = str(deciding.reason), _text(deciding.rule, 128)
    return found


def decision_word(action: Action) -> str:
    """What was done, in a word of the record schema."""
    return _DECISIONS[action]


def _finding(finding: Finding) -> dict[str, Any]:
    found: dict[str, Any] = {
        "check": _text(finding.check, 64),
        "rule": _text(finding.rule, 128),
        "reason": str(finding.reason),
        "action": finding.action.word,
        "mode": "enforce" if finding.enforced else "shadow",
        "phase": str(finding.phase),
    }
    if finding.path:
        found["path"] = _text(finding.path, 512)
    row = finding.detail.get("row")
    if isinstance(row, int) and 0 <= row < 2**53:
        found["row"] = row
    if finding.error:
        found["error"] = True
    return found


def agent_of(identity: Identity) -> dict[str, Any]:
    """Who is calling, as a record has it."""
    auth = identity.auth if identity.auth in _AUTH else "none"
    found = {"uid": _text(identity.agent, 256) or "anonymous", "auth": auth}
    if identity.run:
        found["instance_uid"] = _text(identity.run, 256)
    if identity.tenant:
        found["tenant"] = _text(identity.tenant, 256)
    return found


def act_of(exchange: Exchange) -> dict[str, Any]:
    """What is done, as a record has it: no query, no secret in a path."""
    request, destination = exchange.request, exchange.destination
    op = "websocket.session" if exchange.websocket else "http.request"
    return {
        "op": op,
        "proto": _text(request.http_version, 32) or "unknown",
        "method": _text(request.method, 32) or "unknown",
        "host": _text(f"{destination.scheme}://{named_host(destination)}:{destination.port}", 300),
        "target": _text(loggable_path(request.path), 1024),
    }


def _body(tally: BodyTally) -> dict[str, Any]:
    found: dict[str, Any] = {"len": tally.seen}
    if tally.media_type:
        found["mt"] = _text(tally.media_type, 128)
    if tally.commitment:
        found["c"] = tally.commitment
    return found


def _expected(tally: BodyTally) -> dict[str, Any]:
    """A body that may still be on its way: its declared length, and its commitment only once it is complete."""
    if tally.complete:
        return _body(tally)
    found: dict[str, Any] = {"len": max(tally.declared, tally.seen, 0)}
    if tally.media_type:
        found["mt"] = _text(tally.media_type, 128)
    return found


@lru_cache(maxsize=4096)
def _names_of(names: tuple[bytes, ...]) -> list[str]:
    known = {name.decode("latin-1").lower() for name in names if 0 < len(name) <= 64}
    return sorted(name for name in known if name.isascii() and name.isprintable())[:MAX_HEADERS]


def _header_names(fields: HeaderFields) -> list[str]:
    """Names only, lower case, sorted, each once."""
    return _names_of(tuple([name for name, _ in fields]))


@lru_cache(maxsize=8192)
def _text(value: str, limit: int) -> str:
    """`value` as a record may hold it: printable, no lone surrogate, at most `limit` characters."""
    return printable(value)[:limit]
