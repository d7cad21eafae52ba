"""From a verdict in the log to the narrowest exceptions that would have covered it.

Rule: every condition is set that the finding allows and the same exchange will meet again; widening is asked for in
words: `text` leaves out the hash of the very text, `agent` also who sent it, `route` also where it went. Rule,
patterns, place and tool always stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from clyra_proxy.genai.exceptions import COVERABLE, ExceptionEntry, general_place, instant_of
from clyra_proxy.genai.inspection import Caller

LONGEST_S = 366 * 86_400
"""An exception ends after a year at the latest: what nobody looks at again is a hole."""

_CONDITIONS = ("rule", "patterns", "kind", "detector", "path", "text", "provenance", "tool", "agent", "route",
               "destination")  # fmt: skip


class Width(StrEnum):
    """How much wider than the one text of the one agent on the one route."""

    NARROW = "narrow"
    TEXT = "text"
    AGENT = "agent"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided. created, expires: seconds since the epoch."""

    reason: str
    person: str
    created: float
    expires: float
    width: Width = Width.NARROW


def entries_from(event: Mapping[str, Any], decision: Decision, rules: frozenset[str]) -> list[ExceptionEntry]:
    """An entry for each finding of the event that asked for something. rules: only these; empty: all."""
    made: dict[str, ExceptionEntry] = {}
    for finding in coverable(event):
        if not rules or finding["rule"] in rules:
            entry = _entry(finding, event, decision)
            made.setdefault(entry.id, entry)
    return list(made.values())


def coverable(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The findings of an event that an exception can cover: of GenAI rules, asking for something, not yet covered."""
    for finding in event["unmapped"]["clyra"]["findings"]:
        covered = "exception" in finding.get("detail", {})
        if finding["rule"] in COVERABLE and finding["action"] != "allow" and not finding.get("error") and not covered:
            yield finding


def _entry(finding: Mapping[str, Any], event: Mapping[str, Any], decision: Decision) -> ExceptionEntry:
    ours, detail = event["unmapped"]["clyra"], finding.get("detail", {})
    width = decision.width
    values: dict[str, Any] = {
        "rule": finding["rule"],
        "patterns": [word for word in str(detail.get("patterns", "")).split(",") if word],
        "kind": str(detail.get("kind", "")),
        "detector": str(detail.get("detector", "")),
        "path": general_place(str(finding.get("path", ""))),
        "text": str(detail.get("text", "")) if width is Width.NARROW else "",
        "provenance": str(detail.get("provenance", "")),
        "tool": str(detail.get("tool", "")),
        "agent": _agent(ours) if width in (Width.NARROW, Width.TEXT) else "",
        "route": str(ours.get("route", "")) if width is not Width.ROUTE else "",
        "destination": _destination(event) if width is not Width.ROUTE else "",
    }
    return ExceptionEntry(
        id=_id(values),
        **values,
        reason=decision.reason,
        person=decision.person,
        created=instant_of(decision.created),
        expires=instant_of(decision.expires),
        verdict=str(ours.get("verdict", "")),
    )


def _agent(ours: Mapping[str, Any]) -> str:
    """The agent, if one proved to be it: the name of a process is a guess that the next exchange may go without."""
    caller = Caller(str(ours.get("agent", "")), auth=str(ours.get("auth", "none")))
    return caller.agent if caller.named else ""


def _destination(event: Mapping[str, Any]) -> str:
    where = event.get("dst_endpoint", {})
    return f"{where.get('hostname', '')}:{where.get('port', '')}"


def _id(values: Mapping[str, Any]) -> str:
    """The same conditions have the same id, so that allowing twice is seen."""
    told = "\0".join(str(values[name]) for name in _CONDITIONS)
    return f"ex-{hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"
