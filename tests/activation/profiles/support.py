"""Requests for profiles, as short as can be."""

from __future__ import annotations

from urllib.parse import urlsplit

from clyra_proxy.activation.model import Answer, Rejection
from clyra_proxy.activation.profile import Endpoint
from clyra_proxy.activation.profiles import Catalogue, compile_catalogue
from clyra_proxy.exchange import Destination, RequestHead

JSON = "application/json"


def head_of(line: str, content_type: str = JSON, **headers: str) -> RequestHead:
    """`METHOD url` as a request head."""
    method, url = line.split(" ", 1)
    parts = urlsplit(url)
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if content_type:
        fields.append((b"content-type", content_type.encode()))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return RequestHead(tuple(fields), method, path, "HTTP/1.1")


def destination_of(line: str) -> Destination:
    return Destination(urlsplit(line.split(" ", 1)[1]).hostname or "", 443, "https")


def endpoint_of(line: str, head: RequestHead, declared: str = "auto", catalogue: Catalogue | None = None) -> Endpoint:
    """The endpoint of a request; fails the test when nobody knows it."""
    destination = destination_of(line)
    profile = (catalogue or compile_catalogue()).recognise(head, destination, declared)
    assert profile is not None
    endpoint = profile.endpoint(head, destination)
    assert endpoint is not None
    return endpoint


def rejection(index: int) -> Rejection:
    return Rejection(index, "rows.field", "field_denied", f"Row {index} was refused.")


def json_answer(status: int, body: bytes) -> Answer:
    return Answer(status, body, {"content-type": JSON, "content-length": str(len(body))})
