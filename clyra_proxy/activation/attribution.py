"""Which sync and run sent a batch, best word first.

Rule: what the proxy's own authentication says of a run cannot be forged by a payload, so it comes first; then what the
payload says of itself (Census plans, RudderStack sources, comments in SQL), then headers (`X-Clyra-Run`, RudderStack's
instance), then the agent's name. Parts that a better source leaves empty are filled from the next; `source` names the
one that told the run, else the sync. Our own headers are taken out of the request before it leaves (`OWN_HEADERS`).
"""

from __future__ import annotations

from dataclasses import replace

from clyra_proxy.activation.model import NOBODY, Attribution, Batch
from clyra_proxy.exchange import Identity, RequestHead

RUN, SYNC, TOOL = "x-clyra-run", "x-clyra-sync", "x-clyra-tool"
OWN_HEADERS = frozenset({RUN, SYNC, TOOL, "clyra-release"})
"""Headers a sender may set for Clyra; they are not for the destination."""
LONGEST = 128
_TOLD_BY_HEADERS = (("x-rudder-instance-id", "rudderstack"),)
_AGENTS = (
    ("rudderlabs", "rudderstack"),
    ("rudder-", "rudderstack"),
    ("analytics-python/", "segment"),
    ("analytics-", "segment"),
    ("hightouch", "hightouch"),
    ("census", "census"),
    ("drt/", "drt"),
    ("dlt/", "dlt"),
    ("dbt", "dbt"),
    ("singer", "singer"),
    ("target-", "singer"),
    ("meltano", "meltano"),
    ("airbyte", "airbyte"),
    ("fivetran", "fivetran"),
    ("polytomic", "polytomic"),
)
"""Beginnings of User-Agent fields -> tool."""
_PROVEN = frozenset({"proxy", "mtls", "kubernetes"})


def attribution_of(head: RequestHead, identity: Identity, batch: Batch | None = None) -> Attribution:
    """Everything known of who sent a batch. batch: as its profile read it, with what its payload says of itself."""
    known = NOBODY
    for better in (_of_identity(identity), batch.attribution if batch else NOBODY, _of_headers(head)):
        if better != NOBODY:
            known = _filled(known, better)
    if not known.tool and (tool := _tool_of(head)):
        known = replace(known, tool=tool)
    if not known.source and identity.auth in _PROVEN and identity.agent != "anonymous":
        known = replace(known, sync=known.sync or identity.agent, source="agent")
    return known


def _filled(known: Attribution, more: Attribution) -> Attribution:
    return Attribution(
        known.tool or _printable(more.tool),
        known.sync or _printable(more.sync),
        known.run or _printable(more.run),
        known.source or (more.source if more.run or more.sync else ""),
    )


def _of_identity(identity: Identity) -> Attribution:
    if not identity.run or identity.auth not in _PROVEN:
        return NOBODY
    return Attribution(run=identity.run, source="proxy")


def _of_headers(head: RequestHead) -> Attribution:
    run, sync, tool = (head.get(name) or "" for name in (RUN, SYNC, TOOL))
    if not tool:
        tool = next((name for header, name in _TOLD_BY_HEADERS if head.get(header)), "")
    if not sync:
        sync = next((value for header, _ in _TOLD_BY_HEADERS if (value := head.get(header))), "")
    return Attribution(tool, sync, run, "header") if tool or sync or run else NOBODY


def _tool_of(head: RequestHead) -> str:
    agent = (head.get("user-agent") or "").lower()
    return next((tool for start, tool in _AGENTS if agent.startswith(start)), "")


def _printable(text: str) -> str:
    """At most 128 printable characters: these words are told in records."""
    if len(text) <= LONGEST and text.isprintable():
        return text
    return "".join(sign for sign in text[:LONGEST] if sign.isprintable())
