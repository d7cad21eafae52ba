"""Events as a busy proxy hands them in: most of the envelope filled, about 1.5 KB a record once recorded."""

from __future__ import annotations

import orjson

_DIGEST = "9f" * 32


def event(number: int) -> bytes:
    """The encoded event `number`: a whole HTTP exchange of one of a hundred agents."""
    agent = number % 100
    return orjson.dumps(
        {
            "typ": "pef.http_call",
            "trace": {
                "trace_id": f"{number:032x}",
                "span_id": f"{number:016x}",
                "flags": "01",
            },
            "agent": {
                "uid": f"spiffe://example.org/agents/sales-{agent}",
                "version": "2026.11.1",
                "tenant": "emea",
                "auth": "spiffe",
            },
            "claim": {"model": "large-2026-10", "session": f"session-{number // 50}", "turn": str(number % 50)},
            "act": {
                "op": "update",
                "proto": "http/1.1",
                "method": "PATCH",
                "target": f"/services/data/v62.0/sobjects/Account/{number:018d}",
                "host": "crm.example.com:443",
                "rows": 1,
            },
            "verdict": {
                "decision": "allow",
                "reason": "allowed",
                "rule": "crm-write",
                "policy_sha256": _DIGEST,
                "engine": "clyra/0.1.0",
                "mode": "enforce",
                "eval_us": 112,
            },
            "io": {
                "req": {"len": 812, "mt": "application/json", "c": _DIGEST},
                "res": {"len": 204, "mt": "application/json", "c": _DIGEST, "status": 200},
            },
            "perf": {"proxy_us": 410, "upstream_us": 48_211},
            "sec": {"tls": "TLSv1.3", "egress_class": "saas"},
            "data": {
                "phase": "whole",
                "exchange": f"{number:032x}",
                "action": "allow",
                "findings_total": 0,
                "headers": ["authorization", "content-type"],
                "route": "crm/write",
                "generation": 3,
                "subject_key": _DIGEST[:32],
                "released": {"req": 812, "res": 204},
                "result": "completed",
            },
        }
    )
