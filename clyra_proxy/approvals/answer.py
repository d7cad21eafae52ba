"""The answer 202 to a request that waits for a person: come back with this id, in so many seconds.

Only protocols of plain HTTP get it; in JSON-RPC and model APIs a success of HTTP would be read as an answer, so there
the usual denial says that an approval is required, with the id in `Clyra-Approval` all the same.
"""

from __future__ import annotations

from dataclasses import replace

import orjson

from clyra_proxy.approvals.outcome import Outcome
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.denial import Denial
from clyra_proxy.verdict.protocol import Protocol, spoken_in


def pending_answer(denial: Denial, outcome: Outcome, exchange: Exchange) -> Denial:
    """`denial` (of `approval.required`) as the sender is told of it: 202, Retry-After and Clyra-Approval."""
    told = (b"Clyra-Approval", outcome.id.encode("ascii", "replace"))
    retry = (b"Retry-After", b"%d" % outcome.retry_after)
    if spoken_in(exchange) is not Protocol.HTTP:
        kept = tuple(pair for pair in denial.headers if pair[0].lower() != b"retry-after")
        return replace(denial, headers=(*kept, retry, told))
    document = {
        "title": "Waiting for approval",
        "status": 202,
        "approval": outcome.id,
        "retry_after": outcome.retry_after,
        "detail": "Send the very same request again with the header Clyra-Approval.",
    }
    body = b"" if exchange.request.method == "HEAD" else orjson.dumps(document)
    own = (b"content-type", b"content-length", b"retry-after")
    kept = tuple(pair for pair in denial.headers if pair[0].lower() not in own)
    headers = ((b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body)), *kept, retry, told)
    return replace(denial, status=202, headers=headers, body=body)
