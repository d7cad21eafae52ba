"""Whether a call is the one that was, or is to be, approved: each way in which it is not has a code of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from recorder.approvals import errors
from recorder.approvals import packets as wire
from recorder.approvals.errors import Refusal


def request_of(row: sqlite3.Row) -> wire.Request:
    """The request of a packet, as it was handed in."""
    return wire.parse(wire.Request, row["request"])


def hold_against(claims: wire.Claims, request: wire.Request) -> None:
    """Raise Refusal at the first thing in which a call differs from the one that is, or was, to be approved."""
    for code, same in _differences(claims, request):
        if not same:
            raise Refusal(code)


def _differences(claims: wire.Claims, request: wire.Request) -> Iterable[tuple[str, bool]]:
    yield errors.TENANT, claims.tenant == request.tenant
    yield errors.REQUESTER, claims.asker == request.asker
    yield errors.AUDIENCE, claims.audience == request.audience
    yield errors.POLICY, claims.policy_sha256 == request.policy_sha256
    yield errors.PAYLOAD, claims.payload == request.payload and claims.body_sha256 == request.body_sha256
    yield errors.ACTION, claims.action_sha256 == request.action_sha256 and claims.action() == request.action()
    yield errors.HEADERS, claims.headers_sha256 == request.headers_sha256
