"""A verdict line of the log as one line for a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clyra_proxy.cli.output import painted
from clyra_proxy.telemetry.redaction import printable

_COLOUR = {
    "allow": "green",
    "mark": "yellow",
    "redact": "magenta",
    "approve": "blue",
    "block": "red",
    "error": "red",
}


def decision_word(ours: Mapping[str, Any]) -> tuple[str, str]:
    """(`block`, its colour); an exchange shadow mode let through reads `would-block`, in yellow."""
    would, action = str(ours.get("would_action", "")), str(ours.get("action", ""))
    if would and would != action:
        return f"would-{would}", "yellow"
    decision = str(ours.get("decision", "?"))
    return decision, _COLOUR.get(decision, "dim")


def one_line(event: Mapping[str, Any], colour: bool) -> str:
    """Time, decision, status, method, host and path, reason, agent, verdict id, ms."""
    ours = event.get("unmapped", {}).get("clyra", {})
    if "gap" in ours:
        return painted(f"{clock(event)}  gap          {printable(str(event.get('message', '')))}", "red", colour)
    request = event.get("http_request", {})
    url = request.get("url", {})
    decision, tint = decision_word(ours)
    port = url.get("port")
    host = f"{url.get('hostname', '?')}{'' if port in (443, 80) else f':{port}'}"
    reason = str(ours.get("reason", ""))
    if ours.get("rule"):
        reason = f"{reason} ({ours['rule']})" if reason else str(ours["rule"])
    parts = [
        clock(event),
        painted(f"{printable(decision):<13}", tint, colour),
        f"{event.get('http_response', {}).get('code') or '-':>3}",
        f"{printable(str(request.get('http_method', '?'))):<6}",
        printable(f"{host}{url.get('path', '')}"),
        painted(printable(reason), tint, colour) if reason else "-",
        painted(printable(str(ours.get("agent", ""))), "cyan", colour),
        painted(printable(str(ours.get("verdict", ""))), "dim", colour),
        f"{float(ours.get('ms', 0)):.1f}ms",
        *_candidate(ours, colour),
    ]
    return "  ".join(parts)


def _candidate(ours: Mapping[str, Any], colour: bool) -> list[str]:
    """What the candidate policy would have done, where that is something else."""
    candidate = ours.get("candidate", {})
    if not candidate.get("differs"):
        return []
    rules = ", ".join(map(str, candidate.get("rules", ())))
    return [painted(printable(f"candidate: {candidate.get('decision')} {rules}".rstrip()), "yellow", colour)]


def clock(event: Mapping[str, Any]) -> str:
    """Local time of day with milliseconds."""
    moment = datetime.fromtimestamp(int(event.get("time", 0)) / 1000).astimezone()
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
