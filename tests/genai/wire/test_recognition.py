"""Remembering what a head was recognised as changes no answer."""

from __future__ import annotations

import pytest

from clyra_proxy.exchange import Destination, HeaderFields, RequestHead
from clyra_proxy.genai.protocols.recognise import recognise
from clyra_proxy.genai.wire.recognition import LONGEST, TELLING, recognised

HEADS: list[tuple[str, str, str, HeaderFields]] = [
    ("POST", "/v1/chat/completions", "api.openai.com", ()),
    ("POST", "/v1/chat/completions?x=1", "api.mistral.ai", ()),
    ("POST", "/v1/messages", "api.anthropic.com", ((b"Anthropic-Version", b"2023-06-01"),)),
    ("POST", "/proxy/messages", "x.example", ((b"anthropic-version", b"2023-06-01"),)),
    ("POST", "/proxy/messages", "x.example", ()),
    ("POST", "/v1beta/models/g:generateContent", "generativelanguage.googleapis.com", ()),
    ("POST", "/mcp", "x.example", ((b"Accept", b"application/json, text/event-stream"),)),
    ("POST", "/mcp", "x.example", ((b"Mcp-Session-Id", b"secret-1"),)),
    ("GET", "/mcp", "x.example", ((b"Mcp-Session-Id", b"secret-2"),)),
    ("GET", "/sse", "x.example", ((b"accept", b"text/event-stream"),)),
    ("POST", "/messages/?session_id=1", "x.example", ()),
    ("POST", "/messages/?other=1", "x.example", ()),
    ("GET", "/v1/realtime?model=m", "api.openai.com", ((b"Upgrade", b"websocket"),)),
    ("GET", "/ws", "x.example", ((b"Upgrade", b"websocket"), (b"Sec-WebSocket-Protocol", b"mcp"))),
    ("POST", "/a2a", "x.example", ((b"A2A-Version", b"1.0"),)),
    ("POST", "/rows", "x.example", ((b"Content-Type", b"application/json"),)),
    ("POST", "/unknown", "api.openai.com", ((b"Content-Type", b"application/json"),)),
    ("POST", "/unknown", "api.openai.com", ((b"Content-Type", b"Application/JSON ; charset=utf-8"),)),
    ("POST", "/v1/files", "api.openai.com", ((b"Content-Type", b"multipart/form-data; boundary=a"),)),
    ("POST", "/v1/files", "x.example", ((b"Content-Type", b"multipart/form-data; boundary=b"),)),
    ("POST", "/" + "x" * LONGEST + "/chat/completions", "x.example", ()),
]


class _Watched(RequestHead):
    """Notes which fields are asked for."""

    asked: set[str] = set()  # noqa: RUF012 - one list for the whole test

    def get(self, name: str) -> str | None:
        self.asked.add(name)
        return super().get(name)


@pytest.mark.parametrize("declared", ["auto", "off", "generic"])
@pytest.mark.parametrize("head", HEADS)
def test_the_answer_is_the_same(head: tuple[str, str, str, HeaderFields], declared: str) -> None:
    method, path, host, fields = head
    destination = Destination(host, 443, "https", authority=host, sni=host)
    fields = ((b"Host", host.encode()), (b"X-Other", b"1"), *fields)
    expected = recognise(_Watched(fields, method, path, "HTTP/1.1"), destination, declared)
    for _ in range(2):
        found = recognised(RequestHead(fields, method, path, "HTTP/1.1"), destination, declared)
        assert (found and (type(found), found.id)) == (expected and (type(expected), expected.id))
    assert {name.encode() for name in _Watched.asked} <= TELLING
