"""The paths the fake upstream answers without being told, the query string being the knobs.

    /echo                       the request body back, same content type
    /status/N                   that status
    /json?size=B                a JSON object of about B bytes (default 1024)
    /bytes/N                    N bytes, Content-Length
    /chunked?size=N&piece=P     N bytes, chunked, P bytes a chunk
    /coded/CODING               a JSON object in gzip, deflate, br or zstd
    /sse?events=N&gap=S         N server-sent events, S seconds apart
    /close                      a body ended by closing
    /trailers                   chunked with trailers
    /hints                      103 Early Hints, then 200
    /early                      a 413 before the body is read (the body is read after)
    /die?after=N&how=close      dies after N of 2N promised bytes
    /stall?after=N              stops after N of 2N promised bytes, connection open
    /slow?seconds=S             waits, then answers
    /v1/...                     OpenAI and Anthropic wire formats (clyra_proxy.demo.completions)
    /__journal                  what arrived so far, as JSON

Anything else: 200 and a JSON object that says how many body bytes arrived.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from clyra_proxy.demo.completions import answer_model_call
from tests.support.journal import Journal, Message
from tests.support.replies import Die, Pause, Reply, Stall, json_reply, split

FILL = b"0123456789abcdef" * 4096


def builtin_reply(message: Message, journal: Journal) -> Reply:
    """The reply for a path that no test has set."""
    parts = urlsplit(message.target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.path == "/__journal":
        document = {
            "messages": [entry.summary() for entry in journal.messages],
            "connections": [
                {"number": c.number, "tls": c.tls, "sni": c.sni, "received": c.received, "ended": c.ended}
                for c in journal.connections
            ],
        }
        return json_reply(json.dumps(document).encode())
    if parts.path.startswith("/v1/"):
        return _model_call(message, parts.path)
    _, first, *rest = parts.path.split("/")
    if (make := _PATHS.get(first)) is not None:
        return make(message, rest, query)
    arrived = {"ok": True, "received": message.received, "sha256": message.sha256}
    return json_reply(json.dumps(arrived).encode())


def early_reply(message: Message) -> Reply | None:
    """The reply that does not wait for the request body, on the one path that has it."""
    return _early(message, [], {}) if message.path == "/early" else None


def filler(size: int) -> bytes:
    return (FILL * (size // len(FILL) + 1))[:size]


def _model_call(message: Message, path: str) -> Reply:
    answer = answer_model_call(message.method, path, bytes(message.body))
    headers = (("content-type", answer.media_type),)
    if answer.events:
        return Reply(headers=headers, body=answer.events, framing="chunked")
    return Reply(status=answer.status, headers=headers, body=(answer.body,))


def _echo(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    media_type = message.header("content-type") or "application/octet-stream"
    return Reply(headers=(("content-type", media_type),), body=(bytes(message.body),))


def _status(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    return Reply(status=int(rest[0]))


def _json(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    size = int(query.get("size", "1024"))
    return json_reply(json.dumps({"fill": "x" * max(0, size - 12)}).encode())


def _bytes(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    return Reply(body=split(filler(int(rest[0])), 65536))


def _chunked(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    size, piece = int(query.get("size", "65536")), int(query.get("piece", "4096"))
    return Reply(body=split(filler(size), piece), framing="chunked")


def _coded(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    return json_reply(json.dumps({"fill": "x" * 4096}).encode(), coding=rest[0], framing="chunked")


def _sse(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    gap = float(query.get("gap", "0.01"))
    body: list[bytes | Pause] = []
    for number in range(int(query.get("events", "5"))):
        body += [b'id: %d\ndata: {"number":%d}\n\n' % (number, number), Pause(gap)]
    return Reply(headers=(("content-type", "text/event-stream"),), body=body, framing="chunked")


def _close(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    return Reply(body=(b'{"ended":"by closing"}',), framing="close", headers=(("content-type", "application/json"),))


def _trailers(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    return Reply(body=(b'{"a":', b"1}"), framing="chunked", trailers=(("x-checksum", "abc"),))


def _hints(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    return json_reply(b'{"ok":true}', informational=((103, (("link", "</style.css>; rel=preload"),)),))


def _early(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    return json_reply(b'{"error":"too large"}', status=413, read_first=False)


def _die(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    after = int(query.get("after", "1000"))
    body = (filler(after), Pause(0.05), Die(query.get("how", "close")))
    return Reply(headers=(("content-length", str(2 * after)),), body=body)


def _stall(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    after = int(query.get("after", "1000"))
    return Reply(headers=(("content-length", str(2 * after)),), body=(filler(after), Stall()))


def _slow(message: Message, rest: list[str], query: dict[str, str]) -> Reply:
    return json_reply(b"", framing="chunked", body=(Pause(float(query.get("seconds", "1"))), b'{"ok":true}'))


_PATHS: dict[str, Callable[[Message, list[str], dict[str, str]], Reply]] = {
    "echo": _echo,
    "status": _status,
    "json": _json,
    "bytes": _bytes,
    "chunked": _chunked,
    "coded": _coded,
    "sse": _sse,
    "close": _close,
    "trailers": _trailers,
    "hints": _hints,
    "early": _early,
    "die": _die,
    "stall": _stall,
    "slow": _slow,
}
