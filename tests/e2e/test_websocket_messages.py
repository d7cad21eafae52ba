"""WebSocket messages and schemas on the running proxy: what reaches the other side, how both are closed, what the
verdict log says of the session."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import websockets
import websockets.exceptions
from websockets.asyncio.client import ClientConnection

from tests.support.certificates import Authority
from tests.support.journal import Message
from tests.support.proxy import RunningProxy, local_policy
from tests.support.upstream import Upstream

QUESTION = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "list": {"type": "array", "items": {"type": "integer"}}},
    "required": ["n"],
}
ANSWER = {**QUESTION, "properties": {**QUESTION["properties"], "n": {"maximum": 99}}}  # type: ignore[dict-item]
"""The upstream echoes, so a question above 99 is answered with what the client must not get."""

PATHS: dict[str, dict[str, Any]] = {
    "both": {},
    "shadow": {"modes": {"schema": "shadow", "json": "shadow", "body": "shadow"}},
    "binary": {"modes": {"body.media_type": "off"}},
}
_NUMBERS = itertools.count()

GOOD = '{"n":1,"list":[1,2]}'
BAD = '{"n":2,"list":[1,"x"]}'


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("messages")
    for name, schema in (("question", QUESTION), ("answer", ANSWER)):
        (folder / f"{name}.json").write_text(json.dumps(schema))
    schemas = {"request": "question.json", "response": "answer.json"}
    rules = [{"name": name, "paths": [f"/ws/{name}/*"], "schema": schemas, **more} for name, more in PATHS.items()]
    with RunningProxy.start(folder, local_policy(authority, destinations={"local": {"rules": rules}})) as running:
        yield running


@dataclass
class Heard:
    """What the client heard until the end. code, reason: of the close frame."""

    messages: list[str | bytes]
    code: int
    reason: str
    arrived: Message
    ours: dict[str, Any]

    @property
    def findings(self) -> list[dict[str, Any]]:
        return list(self.ours["findings"])


type Talk = Callable[[ClientConnection], Awaitable[None]]


async def _talk(proxy: RunningProxy, url: str, talk: Talk) -> tuple[list[str | bytes], int, str]:
    messages: list[str | bytes] = []
    address = url.replace("http", "ws", 1)
    trust = proxy.trust() if address.startswith("wss") else None
    async with asyncio.timeout(30), websockets.connect(address, proxy=proxy.url, ssl=trust, max_size=None) as socket:

        async def listen() -> None:
            while True:
                messages.append(await socket.recv())

        ear = asyncio.create_task(listen())
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            await talk(socket)
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            await ear
        return messages, socket.close_code or 0, socket.close_reason or ""


def hold(
    proxy: RunningProxy, upstream: Upstream, route: str, talk: Talk, scheme: str = "https", query: str = ""
) -> Heard:
    """Open a session on a path of its own, let `talk` happen, and ask everybody what they saw."""
    path = f"/ws/{route}/{next(_NUMBERS)}"
    base = upstream.tls_url if scheme == "https" else upstream.url
    messages, code, reason = asyncio.run(_talk(proxy, f"{base}{path}{query}", talk))
    lines = proxy.wait_for_verdicts(1, where=lambda line: line["http_request"]["url"]["path"] == path)
    assert len(lines) == 1
    assert lines[0]["http_response"]["code"] == 101
    (arrived,) = upstream.journal.requests(path)
    assert upstream.journal.wait_for(lambda: arrived.closing)
    return Heard(messages, code, reason, arrived, lines[0]["unmapped"]["clyra"])


def sends(*messages: str | bytes) -> Talk:
    """Send these one after the other and close."""

    async def talk(socket: ClientConnection) -> None:
        for message in messages:
            await socket.send(message)
        await socket.close()

    return talk


def in_turn(*messages: str | bytes) -> Talk:
    """Send each when the upstream has had the one before; the last one is expected to end the session."""

    async def talk(socket: ClientConnection) -> None:
        for message in messages:
            await socket.send(message)
            await (await socket.ping())
        await socket.wait_closed()

    return talk


REFUSED = [
    ("a value of the wrong type", BAD, "schema.violation", "/list/1", 1007),
    ("a duplicate key", '{"n":1,"n":2}', "json.duplicate_key", None, 1007),
    ("no JSON", "hello", "json.syntax", None, 1007),
    ("two documents", '{"n":1}{"n":1}', "json.trailing", None, 1007),
    ("nothing", "", "json.incomplete", None, 1007),
    ("binary", b'{"n":1}', "body.media_type", None, 1003),
]


@pytest.mark.parametrize(("what", "message", "rule", "path", "code"), REFUSED, ids=[case[0] for case in REFUSED])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_bad_message_of_the_client_never_reaches_the_upstream(
    listening: RunningProxy,
    upstream: Upstream,
    scheme: str,
    what: str,
    message: str | bytes,
    rule: str,
    path: str | None,
    code: int,
) -> None:
    heard = hold(listening, upstream, "both", in_turn(GOOD, message), scheme)
    assert heard.messages == [GOOD]
    assert heard.arrived.frames == [("text", GOOD.encode())]
    assert heard.arrived.received == len(GOOD)
    assert heard.code == code
    assert heard.reason.endswith(heard.ours["verdict"])
    assert heard.arrived.closing == (code, "")
    (finding,) = heard.findings
    assert (finding["rule"], finding["phase"], heard.ours["decision"]) == (rule, "message", "block")
    assert (finding["detail"]["row"], finding["detail"]["sender"]) == (1, "client")
    if path is not None:
        assert finding["path"] == path
        assert finding["detail"]["schema_pointer"] == "/properties/list/items/type"
    assert heard.ours["websocket"] is True
    assert heard.ours["request_body"]["seen"] == len(GOOD) + len(message)
    assert heard.ours["request_body"]["released"] == heard.ours["response_body"]["released"] == len(GOOD)


def test_a_bad_message_of_the_upstream_never_reaches_the_client(listening: RunningProxy, upstream: Upstream) -> None:
    heard = hold(listening, upstream, "both", in_turn(GOOD, '{"n":100}'))
    assert heard.messages == [GOOD]
    assert heard.code == 1007
    assert [payload for _, payload in heard.arrived.frames] == [GOOD.encode(), b'{"n":100}']
    (finding,) = heard.findings
    assert (finding["rule"], finding["path"]) == ("schema.violation", "/n")
    assert (finding["detail"]["row"], finding["detail"]["sender"]) == (1, "server")
    assert heard.ours["decision"] == "block"
    assert heard.ours["response_body"]["released"] == len(GOOD)
    assert (heard.ours["request_coverage"], heard.ours["response_coverage"]) == ("full", "full")


def test_a_message_in_fragments_is_judged_as_one(listening: RunningProxy, upstream: Upstream) -> None:
    async def talk(socket: ClientConnection) -> None:
        await socket.send([GOOD[:5], GOOD[5:9], GOOD[9:]])
        await (await socket.ping())
        await socket.send(['{"n":1', '}{"n"', ":1}"])
        await socket.wait_closed()

    heard = hold(listening, upstream, "both", talk)
    assert heard.messages == [GOOD]
    assert heard.code == 1007
    assert heard.arrived.received == len(GOOD)
    assert heard.findings[0]["rule"] == "json.trailing"


def test_in_shadow_every_message_passes_and_findings_are_counted(listening: RunningProxy, upstream: Upstream) -> None:
    sent: list[str | bytes] = [GOOD, BAD, "hello", b"\x00\xff"] * 250
    heard = hold(listening, upstream, "shadow", sends(*sent))
    assert [payload for _, payload in heard.arrived.frames] == [
        one if isinstance(one, bytes) else one.encode() for one in sent
    ]
    assert heard.messages == sent[: len(heard.messages)]
    assert (heard.code, heard.ours["decision"], heard.ours["would_action"]) == (1000, "allow", "block")
    found = {(one["rule"], one["detail"]["sender"]): one["detail"] for one in heard.findings}
    assert {rule for rule, sender in found if sender == "client"} == {
        "schema.violation",
        "json.syntax",
        "body.media_type",
    }
    assert len(found) == len(heard.findings)
    assert [found[rule, "client"]["count"] for rule in ("schema.violation", "json.syntax", "body.media_type")] == [
        250
    ] * 3
    assert heard.ours["request_body"]["released"] == heard.arrived.received
    assert heard.ours["request_coverage"] == "skipped:media_type"


def test_binary_messages_may_be_let_through_and_coverage_says_so(listening: RunningProxy, upstream: Upstream) -> None:
    heard = hold(listening, upstream, "binary", in_turn(b"\x00\xff", GOOD, BAD))
    assert heard.messages == [b"\x00\xff", GOOD]
    assert heard.code == 1007
    assert [one["rule"] for one in heard.findings] == ["schema.violation"]
    assert heard.findings[0]["detail"]["row"] == 2
    assert heard.ours["request_coverage"] == "skipped:media_type"


def test_without_a_schema_anything_passes_and_coverage_says_so(listening: RunningProxy, upstream: Upstream) -> None:
    heard = hold(listening, upstream, "free", sends("hello", b"\x00\xff", "{"))
    assert [payload for _, payload in heard.arrived.frames] == [b"hello", b"\x00\xff", b"{"]
    assert (heard.code, heard.ours["decision"], heard.findings) == (1000, "allow", [])
    assert heard.ours["request_coverage"] == "skipped:no_schema"


def test_a_message_that_is_too_large_to_hold_is_refused_and_said(listening: RunningProxy, upstream: Upstream) -> None:
    heard = hold(listening, upstream, "free", in_turn("small", "x" * 9_000_000))
    assert heard.messages == ["small"]
    assert heard.code == 1009
    assert heard.arrived.received == 5
    (finding,) = heard.findings
    assert (finding["rule"], heard.ours["decision"]) == ("body.too_large", "block")
    assert heard.ours["request_body"]["seen"] > finding["detail"]["limit"]
    assert heard.ours["request_body"]["released"] == 5


def test_a_message_larger_than_one_decision_may_hold_is_refused(listening: RunningProxy, upstream: Upstream) -> None:
    padding = " " * 6_500_000
    heard = hold(listening, upstream, "both", in_turn(GOOD, '{"n":1}' + padding))
    assert heard.code == 1009
    assert heard.arrived.received == len(GOOD)
    assert heard.findings[0]["rule"] == "body.too_large"
    assert heard.ours["request_coverage"] == "skipped:body_too_large"
