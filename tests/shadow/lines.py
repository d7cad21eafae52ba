"""Verdict lines as the log has them, with what the counts need."""

from __future__ import annotations

from typing import Any

DAY_MS = 86_400_000
START_MS = 1_800_000_000_000
LIVE, OTHER, CANDIDATE = "a" * 64, "b" * 64, "c" * 64


def finding(rule: str, mode: str = "shadow", action: str = "block", **more: Any) -> dict[str, Any]:
    return {"rule": rule, "mode": mode, "action": action, "detail": {}, "error": False, **more}


def line(
    number: int,
    *findings: dict[str, Any],
    checks: tuple[str, ...] = ("schema",),
    policy: str = LIVE,
    at: int | None = None,
    total: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    ours = {
        "verdict": f"v-{number:06d}",
        "agent": f"agent-{number % 3}",
        "route": "crm",
        "rule": findings[0]["rule"] if findings else "",
        "policy_sha256": policy,
        "check_us": dict.fromkeys(checks, 5),
        "findings": list(findings),
        "findings_total": len(findings) if total is None else total,
        **more,
    }
    moment = START_MS + number * 1000 if at is None else at
    return {"time": moment, "dst_endpoint": {"hostname": "crm.example"}, "unmapped": {"clyra": ours}}


def said(relation: str, *rules: str, **more: Any) -> dict[str, Any]:
    differs = relation in ("stricter", "looser")
    return {"policy_sha256": CANDIDATE, "relation": relation, "differs": differs, "rules": list(rules), **more}
