"""HTTP framing that two readers could understand differently is refused (RFC 9112 sections 5, 6 and 11.2).

Guarantee: a message that passes here has exactly one reading of where its body ends: no transfer coding but chunked,
never both lengths, one Host, no bare CR, NUL or line folding in a field. HTTP/2 cleartext upgrades are not offered
on, because after one we could no longer read the connection.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mitmproxy import http
from mitmproxy.net.http.validate import validate_headers

_LONGEST_NAME = 256
_SOUND = "clyra_sound"
"""Attribute of a message: what of it was judged and found sound."""
HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"http2-settings"})
NOT_IN_TRAILERS = HOP_BY_HOP | {
    b"authorization", b"content-encoding", b"content-length", b"content-range", b"content-type", b"cookie", b"host",
    b"set-cookie", b"trailer", b"transfer-encoding",
}  # fmt: skip
"""Fields that change how a message is framed, routed or authorised (RFC 9110 section 6.5.1)."""


_VERSIONS = frozenset({b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0"})
_TARGET = re.compile(rb"/[^\x00-\x20#\x7f]*+")
"""Origin-form (RFC 9112 section 3.2.1); HTTP/2 would carry blanks that end the target of an HTTP/1.1 request line.

A target has no fragment: some servers cut it off, others take it for a part of the path.
"""
_END_TO_END = NOT_IN_TRAILERS - HOP_BY_HOP
_USUAL_OPTIONS = frozenset({b"keep-alive", b"close", b"upgrade"})
_STRIPPED = re.compile(rb"[\x0b\x0c]|\r[ \t]*+(?:\n|\Z)|:[ \t]*+\r")
_BAD_VALUE = re.compile(rb"[\r\n\0]")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-zA-Z]+")


@lru_cache(2048)
def _lowered(name: bytes) -> bytes:
    """A field name in lower case; b"" when it is no token (RFC 9110 section 5.1)."""
    return name.lower() if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) else b""


def sound_lines(lines: list[bytearray]) -> list[bytes]:
    """The lines of a head as the parser wants them. Raises ValueError when it would strip more than blanks and tabs.

    A vertical tab, a form feed or a bare return at the edge of a value is gone once the head is parsed, and another
    reader keeps it: `Transfer-Encoding: \\x0bchunked` is chunked for the one and unknown for the other.
    """
    sound = [bytes(line) for line in lines]
    head = b"\n".join(sound)
    if (b"\x0b" in head or b"\x0c" in head or b"\r" in head) and _STRIPPED.search(head):
        raise ValueError("control characters at the edge of a field")
    return sound


def message_problem(message: http.Message) -> str:
    """Why the head of this message is ambiguous, in a few words without content; "" when it is sound.

    The connection asks, and then the stream: what was found sound is known again as long as nothing of it changed.
    """
    data = message.data
    judged = (data.headers.fields, data.http_version, getattr(data, "status_code", 0))
    if getattr(message, _SOUND, None) == judged:
        return ""
    problem = _head_problem(message)
    if not problem:
        setattr(message, _SOUND, judged)
    return problem


def _head_problem(message: http.Message) -> str:
    framed = False
    for name, value in message.data.headers.fields:
        lower = _lowered(name)
        if not lower:
            return "an invalid header name"
        if lower in (b"content-length", b"transfer-encoding"):
            framed = True
            if lower == b"transfer-encoding" and value.lower() != b"chunked":
                return "a transfer coding other than chunked"
        if _BAD_VALUE.search(value):
            return "control characters in a header field"
    if framed:
        try:
            validate_headers(message)
        except ValueError:
            return "ambiguous or invalid body length"
    return ""


def request_problem(request: http.Request) -> str:
    """`message_problem` and what holds for requests alone."""
    if request.data.scheme not in (b"http", b"https", b""):
        return "unknown URL scheme"
    if request.data.method == b"PRI":
        return "HTTP/2 without TLS is not offered"
    if request.data.http_version not in _VERSIONS:
        return "unknown HTTP version"
    hosts = 0
    for name, value in request.data.headers.fields:
        if len(name) == 4:
            hosts += name.lower() == b"host"
        elif len(name) == 10 and name.lower() == b"connection" and _drops_what_counts(value.lower()):
            return "a Connection field that would have the next hop drop what the message needs"
    if hosts > 1:
        return "more than one Host"
    method, path = request.data.method, request.data.path
    if not _TARGET.fullmatch(path) and method.upper() != b"CONNECT" and (method, path) != (b"OPTIONS", b"*"):
        return "an invalid request target"
    return message_problem(request)


def _drops_what_counts(options: bytes) -> bool:
    """Whether connection options (lower case) name a field that says how the message is framed, routed or read.

    The next hop takes out what they name (RFC 9110 section 7.6.1): without its length, a body is the next request.
    """
    return options not in _USUAL_OPTIONS and any(option.strip() in _END_TO_END for option in options.split(b","))


def strip_h2c(request: http.Request) -> None:
    """Take an offer to switch to cleartext HTTP/2 out of the request (RFC 9110 section 7.8: a proxy may)."""
    if request.headers.get("upgrade", "").lower() == "h2c":
        for name in ("upgrade", "http2-settings", "connection"):
            request.headers.pop(name, None)


def strip_alternatives(response: http.Response) -> None:
    """Take out Alt-Svc (RFC 7838): it invites the client to reach the origin past this proxy."""
    if "alt-svc" in response.headers:
        del response.headers["alt-svc"]


def sound_trailers(trailers: http.Headers) -> http.Headers | None:
    """The trailer fields that may be passed on; None when there are none."""
    fields = [(name, value) for name, value in trailers.fields if name.lower() not in NOT_IN_TRAILERS]
    return http.Headers(fields) if fields else None


def has_length(message: http.Message) -> bool:
    """Whether the end of the body shows in the message itself (Content-Length or chunked)."""
    headers = message.headers
    return "content-length" in headers or "transfer-encoding" in headers


_OF_THE_BODY = ("content-md5", "digest", "content-digest", "repr-digest", "etag", "accept-ranges")


def fit_length(headers: http.Headers, length: int) -> None:
    """Make the head fit another body of `length` bytes: its length, and nothing that vouches for the old one."""
    for name in _OF_THE_BODY:
        headers.pop(name, None)
    headers.pop("transfer-encoding", None)
    headers["content-length"] = str(length)
