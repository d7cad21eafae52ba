"""A change of the kill switch as records: `pef.halt`, and `pef.bypass` for what a person lets pass meanwhile.

An override is both: the halt is suspended (`override`), and for its time a check does not act, which is what a bypass
is; so the same report that counts overdue bypasses counts overdue overrides.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from clyra_proxy.enforcement.halt.book import Change
from clyra_proxy.enforcement.halt.model import LONGEST_ACTOR, LONGEST_REASON, Cause, Phase, Place
from clyra_proxy.telemetry.redaction import printable

HALT = "pef.halt"
BYPASS = "pef.bypass"
CHECK = "halt.active"

type Event = tuple[str, dict[str, Any]]
"""Record type and its data."""


def events_of(change: Change, *, generation: int = 0, cut: int = 0, took_ms: int = 0) -> list[Event]:
    """The records of one change. cut: exchanges it cut short. took_ms: until it held in every worker."""
    halt = change.halt
    data = _basics(change) | {"generation": generation}
    if change.said.kind == "halt":
        data |= {"streams_cut": cut, "took_ms": took_ms}
    if halt.phase is Phase.PROBING:
        data["probes"] = halt.probes
    until = halt.override_until if halt.phase is Phase.OVERRIDDEN else halt.until
    if until is not None and halt.phase is not Phase.RESUMED:
        data["until"] = moment(until)
    events: list[Event] = [(HALT, data)]
    bypass = _bypass(change)
    return events if bypass is None else [*events, (BYPASS, bypass)]


def moment(seconds: float) -> str:
    """A moment as records have it: UTC, to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _basics(change: Change) -> dict[str, Any]:
    halt, said = change.halt, change.said
    data: dict[str, Any] = {
        "halt": halt.id,
        "change": said.kind,
        **_where(halt.place),
        "cause": said.cause.value,
        "channel": said.channel.value,
        "reason": printable(said.reason)[:LONGEST_REASON] or "none given",
    }
    if said.actor.name:
        data |= {"actor": printable(said.actor.name)[:LONGEST_ACTOR], "actor_auth": said.actor.auth[:32]}
    if halt.rule:
        data["rule"] = halt.rule
    if halt.measured is not None and said.cause not in (Cause.MANUAL, Cause.EXPIRY):
        measured = halt.measured
        data["measured"] = {
            "name": measured.name,
            "value": measured.value,
            "limit": measured.limit,
            "window_s": max(1, measured.window_s),
            "sample": measured.sample,
        }
    return data


def _bypass(change: Change) -> dict[str, Any] | None:
    """The record of the override that begins or ends with a change."""
    halt, before, said = change.halt, change.before, change.said
    was = before is not None and before.phase is Phase.OVERRIDDEN
    if halt.phase is Phase.OVERRIDDEN and halt.override_until is not None:
        kind, until = ("extend" if was else "begin"), halt.override_until
    elif was and before is not None and before.override_until is not None:
        kind, until = ("expired" if said.cause is Cause.EXPIRY else "end"), before.override_until
    else:
        return None
    data: dict[str, Any] = {
        "bypass": halt.id,
        "change": kind,
        "checks": [CHECK],
        **_where(halt.place),
        "channel": said.channel.value,
        "reason": printable(said.reason)[:LONGEST_REASON] or "none given",
        "until": moment(until),
    }
    if said.actor.name:
        data |= {"actor": printable(said.actor.name)[:LONGEST_ACTOR], "actor_auth": said.actor.auth[:32]}
    return data


def _where(place: Place) -> dict[str, str]:
    return {"scope": place.scope.value} | ({"target": printable(place.target)} if place.target else {})
