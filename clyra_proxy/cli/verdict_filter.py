"""Which verdict lines a person asked for: by decision, agent, host, rule and time."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clyra_proxy.errors import UsageError
from clyra_proxy.verdict.model import Decision

_AGO = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class VerdictFilter:
    """All given conditions must hold; an empty set of words is no condition. Words may be shell patterns (`api.*`).

    The proxy's own start-up self-test is nobody's traffic: it is shown only when its agent is asked for.
    """

    decisions: frozenset[str] = field(default_factory=frozenset)
    agents: frozenset[str] = field(default_factory=frozenset)
    hosts: frozenset[str] = field(default_factory=frozenset)
    rules: frozenset[str] = field(default_factory=frozenset)
    since_ms: int = 0
    candidate_differs: bool = False

    def takes(self, event: Mapping[str, Any]) -> bool:
        ours = event.get("unmapped", {}).get("clyra", {})
        if self.since_ms and int(event.get("time", 0)) < self.since_ms:
            return False
        if self.decisions and not self.decisions & {str(ours.get("decision", "")), _would(ours)}:
            return False
        if not self.agents and _is_selftest(ours):
            return False
        if self.agents and not _any_match(self.agents, str(ours.get("agent", ""))):
            return False
        if self.hosts and not _any_match(self.hosts, str(event.get("dst_endpoint", {}).get("hostname", ""))):
            return False
        if self.candidate_differs and not ours.get("candidate", {}).get("differs"):
            return False
        return not self.rules or any(_any_match(self.rules, word) for word in _rules(ours))

    def takes_rule(self, name: str) -> bool:
        """Whether a rule is among those asked for."""
        return not self.rules or _any_match(self.rules, name)


def _is_selftest(ours: Mapping[str, Any]) -> bool:
    """Whether the line is of the self-test: its route and proxy credentials cannot be had by a client."""
    route, agent, auth = ours.get("route", ""), ours.get("agent"), ours.get("auth")
    return str(route).startswith("selftest/") and agent == "clyra-selftest" and auth == "proxy"


def _would(ours: Mapping[str, Any]) -> str:
    """`would-block` for an exchange that shadow mode let through."""
    would = str(ours.get("would_action", ""))
    return f"would-{would}" if would != ours.get("action") else ""


def _rules(ours: Mapping[str, Any]) -> list[str]:
    words = [str(ours.get("rule", "")), str(ours.get("reason", ""))]
    for finding in ours.get("findings", ()):
        words += [str(finding.get("rule", "")), str(finding.get("reason", ""))]
    return words


def _any_match(patterns: frozenset[str], word: str) -> bool:
    return any(word == pattern or fnmatch.fnmatchcase(word, pattern) for pattern in patterns)


def known_decisions(words: Collection[str]) -> frozenset[str]:
    """The words, all of which a verdict can have for its decision. Raises UsageError, naming those it can."""
    known = [*Decision, *(f"would-{action}" for action in ("mark", "redact", "approve", "block"))]
    for word in words:
        if word not in known:
            raise UsageError(f"No verdict has the decision '{word}'.", "", f"Choose from: {', '.join(known)}.")
    return frozenset(words)


def parse_since(text: str, now: datetime | None = None) -> int:
    """`15m`, `2h`, `1d`, or an ISO 8601 time (local when it names no zone) -> milliseconds since the epoch."""
    present = now or datetime.now(UTC)
    if match := _AGO.fullmatch(text.strip()):
        return int((present.timestamp() - float(match[1]) * _SECONDS[match[2]]) * 1000)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError as error:
        raise UsageError(
            f"--since {text!r} is not a time.",
            "It takes an age such as 15m, 2h, 1d, or an ISO 8601 time.",
            "Example: --since 2h, or --since 2026-11-22T08:00.",
        ) from error
