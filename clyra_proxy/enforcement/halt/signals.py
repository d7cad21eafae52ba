"""What one exchange says to the triggers: which bad things were seen in it, and whether a trial went well.

Rule: everything is read from the findings and the outcome of the exchange, whatever mode a rule is in: a shadow rule
counts too. Exchanges that a halt refused say nothing, or a halt would feed itself. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from clyra_proxy.egress.hosts import InvalidHostError, normalise_host
from clyra_proxy.egress.names import named_host
from clyra_proxy.enforcement.halt.model import EVERYTHING, Place, Scope
from clyra_proxy.enforcement.halt.state import Subject
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.reasons import Reason

ROWS_WRITTEN = "rows_written"
"""Key in `Exchange.extensions`: how many rows the request was to write; absent where nobody counted."""
ROW_VOLUME = "row_volume"
UPSTREAM_ERRORS = "upstream_errors"

EVENTS: Mapping[Reason, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                Reason.JSON_SYNTAX,
                Reason.JSON_ENCODING,
                Reason.JSON_DUPLICATE_KEY,
                Reason.JSON_TRAILING,
                Reason.JSON_INCOMPLETE,
                Reason.SCHEMA_VIOLATION,
                Reason.SCHEMA_DRIFT,
                Reason.ROW_INVALID,
                Reason.ROW_REJECTED,
                Reason.ROWS_UNREADABLE,
            ),
            "schema_violations",
        ),
        Reason.NULL_OVERWRITE: "null_overwrites",
        Reason.PROMPT_INJECTION: "injections",
        Reason.INDIRECT_INJECTION: "injections",
        Reason.JAILBREAK: "injections",
        Reason.TOOL_POISONED: "injections",
        Reason.CANARY: "canaries",
        Reason.CHECK_ERROR: "errors",
        Reason.CHECK_TIMEOUT: "errors",
        Reason.OVERFLOW: "errors",
    }
)
"""Reason of a finding -> the trigger it counts for."""


def subject_of(exchange: Exchange, tools: tuple[str, ...] = ()) -> Subject:
    """What the exchange is about: its caller, its destination by name and by host."""
    identity, host = exchange.identity, _plain(named_host(exchange.destination))
    name = exchange.route.destination
    return Subject(identity.agent, identity.tenant, (name, host) if name else (host,), tools)


def place_of(exchange: Exchange, scope: Scope) -> Place | None:
    """Where a trigger of this scope counts the exchange; a destination by its name in the policy, else by its host."""
    subject = subject_of(exchange)
    match scope:
        case Scope.GLOBAL:
            return EVERYTHING
        case Scope.AGENT:
            return Place(Scope.AGENT, subject.agent)
        case Scope.TENANT:
            return Place(Scope.TENANT, subject.tenant) if subject.tenant else None
        case Scope.DESTINATION:
            return Place(Scope.DESTINATION, subject.destinations[0].lower())
        case _:
            return None


def events_of(exchange: Exchange) -> Mapping[str, int]:
    """Trigger -> what the exchange adds to it."""
    found = {event: 1 for finding in exchange.findings if (event := EVENTS.get(finding.reason)) is not None}
    if _failed_upstream(exchange):
        found[UPSTREAM_ERRORS] = 1
    rows = exchange.extensions.get(ROWS_WRITTEN, 0)
    if rows:
        found[ROW_VOLUME] = rows
    return found


def is_halted(exchange: Exchange) -> bool:
    """Whether a halt refused or cut it."""
    return any(finding.reason is Reason.HALTED for finding in exchange.findings)


def went_well(exchange: Exchange) -> bool | None:
    """Whether a trial passed; None when the exchange says nothing about that (refused for another reason)."""
    events = set(events_of(exchange)) - {ROW_VOLUME}
    if events:
        return False
    if exchange.denial is not None or exchange.response is None:
        return None
    return True


@lru_cache(maxsize=4096)
def _plain(host: str) -> str:
    """A host in the one form that policy compares, so that no other spelling of it goes round a halt."""
    try:
        return normalise_host(host)
    except InvalidHostError:
        return host.lower()


def _failed_upstream(exchange: Exchange) -> bool:
    if exchange.denial is not None:
        return False
    if exchange.own_status in (502, 504):
        return True
    return exchange.response is not None and exchange.response.status >= 500
