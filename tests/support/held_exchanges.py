"""A request that may need a person, as the domain sees it before anything of it left."""

from __future__ import annotations

from clyra_proxy.exchange import Exchange, HeaderFields, RequestHead
from tests.support.exchanges import exchange


def make_exchange(method: str = "POST", path: str = "/v1/rows", fields: HeaderFields = ()) -> Exchange:
    """Undecided, with these header fields."""
    made = exchange(method=method, path=path)
    made.request = RequestHead(fields, method, path, "HTTP/1.1")
    made.verdict, made.response, made.finished = None, None, False
    return made
