"""What became of an entry that was sent again: read from the destination's answer, row by row.

Rule: only rows that the destination says it took leave the quarantine. An answer that tells nothing of single rows
counts for all of them by its status; one that cannot be read, or asks to come later, leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clyra_proxy.activation.model import Answer, Batch, Reply
from clyra_proxy.activation.profile import Endpoint, UnreadableError
from clyra_proxy.activation.profiles import compile_catalogue
from clyra_proxy.activation.quarantine.entry import Content, Label, Request
from clyra_proxy.errors import PolicyError
from clyra_proxy.exchange import Destination, RequestHead

_EVERYTHING_TAKEN = (200, 299)


@dataclass(frozen=True, slots=True)
class Release:
    """taken, left: indices of rows as the entry has them. body: sends what is left; None when nothing can."""

    taken: frozenset[int]
    left: frozenset[int]
    body: bytes | None = None


def outcome(label: Label, content: Content, status: int, headers: Mapping[str, str], body: bytes) -> Release:
    """What an answer means for the rows of an entry that was sent whole."""
    everything = frozenset(row.index for row in content.rows)
    request = content.request
    if request is None or not _EVERYTHING_TAKEN[0] <= status <= _EVERYTHING_TAKEN[1]:
        return Release(frozenset(), everything, None if request is None else request.body)
    read = _read(label, request)
    if read is None:
        return Release(everything, frozenset())
    endpoint, batch = read
    reply = endpoint.reply(Answer(status, body, dict(headers)), batch)
    positions = _left(reply, batch)
    if not positions:
        return Release(everything, frozenset())
    if len(batch.rows) != len(content.rows) or len(positions) == len(batch.rows):
        return Release(frozenset(), everything, request.body)
    order = [row.index for row in content.rows]
    left = frozenset(order[position] for position in positions)
    good = frozenset(range(len(order))) - positions
    return Release(everything - left, left, endpoint.without(request.body, batch, good))


def _left(reply: Reply, batch: Batch) -> frozenset[int]:
    """Positions in the batch that were not taken."""
    if reply.limited:
        return frozenset(range(len(batch.rows)))
    return frozenset(reply.failed)


def _read(label: Label, request: Request) -> tuple[Endpoint, Batch] | None:
    """The request as its profile reads it; None when no profile does."""
    fields = tuple((name.encode("latin-1"), text.encode("latin-1")) for name, text in request.headers)
    head = RequestHead(fields, request.method, request.path, "HTTP/1.1")
    where = Destination(request.host, request.port, request.scheme)
    catalogue = compile_catalogue()
    try:
        profile = catalogue.recognise(head, where) or catalogue.declared(label.profile)
        endpoint = profile.endpoint(head, where)
        return None if endpoint is None else (endpoint, endpoint.read(head, request.body))
    except (PolicyError, UnreadableError):
        return None
