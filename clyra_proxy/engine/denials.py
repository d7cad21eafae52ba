"""Answers of last resort: what the engine says when no addon supplied a denial. RFC 9457, nothing about the house."""

from __future__ import annotations

import json
from http import HTTPStatus

from clyra_proxy.verdict.denial import Denial


def plain_denial(status: int, detail: str = "") -> Denial:
    """A problem document with the status and, when given, a few words without content."""
    problem: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        problem["detail"] = detail
    body = json.dumps(problem).encode()
    headers = ((b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body)))
    return Denial(status, headers, body)


def plain_response(status: int) -> bytes:
    """The same as bytes of an HTTP/1.1 response that closes the connection."""
    denial = plain_denial(status)
    fields = (*denial.headers, (b"connection", b"close"))
    head = b"".join(b"%s: %s\r\n" % field for field in fields)
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, HTTPStatus(status).phrase.encode(), head, denial.body)
