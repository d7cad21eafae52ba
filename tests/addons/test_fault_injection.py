"""Raise, hang and return garbage in every check, in every phase, on every kind of exchange.

Enforced: nothing complete reaches the upstream (faults before or in the request), nothing complete reaches the client
(faults in the response), and the verdict says `error`. In shadow: the exchange is untouched, and the verdict says
`error` all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websockets
import websockets.exceptions

import addons
import addons.egress
import addons.identify
from clyra_proxy.checks import EVERYTHING, BodySession
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Action, Decision, Mode, Phase
from clyra_proxy.watchdog import WATCHDOG
from tests.support.certificates import client_context
from tests.support.data_path import House, house
from tests.support.raw import Answer, Http1Client, Http2Client, dial
from tests.support.replies import Pause, Reply

BODY = b'{"rows":[' + b",".join(b'{"id":%d}' % number for number in range(4000)) + b"]}"
FAULTS = ("raise", "hang", "garbage")
STAGES = ("open", "feed", "finish")


def misbehave(fault: str) -> Any:
    """Do the wrong thing: raise, never return, or return what nobody expects."""
    if fault == "raise":
        raise RuntimeError("secret body text that must not be logged")
    if fault == "hang":
        while True:
            time.sleep(0)
    return "garbage"


@dataclass
class FaultySession:
    fault: str
    stage: str
    mode: Mode
    check_id: str = "faulty"
    seen: int = 0

    def feed(self, data: bytes) -> int:
        self.seen += len(data)
        return misbehave(self.fault) if self.stage == "feed" else self.seen

    def finish(self) -> int:
        return misbehave(self.fault) if self.stage == "finish" else EVERYTHING


@dataclass
class FaultyCheck:
    """A body check that fails at one stage of one phase."""

    fault: str
    stage: str
    phase: Phase
    id: str = "faulty"
    budget_ms: float = 10.0
    on_error: Action = Action.BLOCK

    @property
    def phases(self) -> frozenset[Phase]:
        return frozenset({self.phase})

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        if self.stage == "open":
            return misbehave(self.fault)  # type: ignore[no-any-return]
        return FaultySession(self.fault, self.stage, exchange.route.mode_of("check.error"))


@pytest.fixture(autouse=True)
def impatient() -> Any:
    """Hanging checks are interrupted sooner than in production."""
    budget, WATCHDOG.budget = WATCHDOG.budget, 0.15
    yield
    WATCHDOG.stop()
    WATCHDOG.budget = budget


def whole(house: House) -> Answer:
    with Http1Client(dial(house.proxy)) as client:
        target = f"http://{house.authority}/in"
        return client.request("POST", target, house.authority, BODY, "Content-Type: application/json\r\n")


def streamed(house: House) -> Answer:
    with Http1Client(dial(house.proxy)) as client:
        head = f"POST http://{house.authority}/in HTTP/1.1\r\nHost: {house.authority}\r\n"
        client.send(f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            for at in range(0, len(BODY), 9000):
                piece = BODY[at : at + 9000]
                client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
                time.sleep(0.002)
            client.send(b"0\r\n\r\n")
        return client.read("POST")


def over_http2(house: House) -> Answer:
    address = ("localhost", house.upstream.tls_port)
    trust = client_context(house.authority_certificate, ("h2",))
    with Http2Client(dial(address, proxy=house.proxy, tls=trust)) as client:
        headers = [("content-type", "application/json")]
        return client.request("POST", "/in", f"localhost:{address[1]}", BODY, headers)


REQUESTS: dict[str, Callable[[House], Answer]] = {"whole": whole, "streamed": streamed, "h2": over_http2}


def reply_whole() -> Reply:
    return Reply(headers=(("content-type", "application/json"),), body=(BODY,))


def reply_chunked() -> Reply:
    pieces = tuple(BODY[at : at + 9000] for at in range(0, len(BODY), 9000))
    return Reply(headers=(("content-type", "application/json"),), body=pieces, framing="chunked")


def reply_events() -> Reply:
    events = (b'data: {"n":1}\n\n', Pause(0.02), b'data: {"n":2}\n\n')
    return Reply(headers=(("content-type", "text/event-stream"),), body=events, framing="chunked")


REPLIES = {"whole": reply_whole, "streamed": reply_chunked, "sse": reply_events}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", REQUESTS)
async def test_a_fault_in_a_request_check_stops_it(tmp_path: Path, kind: str, fault: str, stage: str) -> None:
    async with house(tmp_path, "enforce", [FaultyCheck(fault, stage, Phase.REQUEST_BODY)]) as running:
        answer = await asyncio.to_thread(REQUESTS[kind], running)
        exchange = await running.verdict()
        assert running.upstream.journal.complete("/in") == []
        assert answer.status in (500, 503)
        assert exchange.verdict is not None
        assert exchange.verdict.decision is Decision.ERROR
        assert exchange.verdict.action is Action.BLOCK


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", REQUESTS)
async def test_in_shadow_a_fault_in_a_request_check_changes_nothing(
    tmp_path: Path, kind: str, fault: str, stage: str
) -> None:
    async with house(tmp_path, "shadow", [FaultyCheck(fault, stage, Phase.REQUEST_BODY)]) as running:
        answer = await asyncio.to_thread(REQUESTS[kind], running)
        exchange = await running.verdict()
        arrived = running.upstream.journal.complete("/in")
        assert answer.status == 200
        assert [message.received for message in arrived] == [len(BODY)]
        assert exchange.verdict is not None
        assert exchange.verdict.decision is Decision.ERROR
        assert exchange.verdict.action is Action.ALLOW


def fetch(house: House) -> Answer:
    with Http1Client(dial(house.proxy)) as client:
        return client.request("GET", f"http://{house.authority}/out", house.authority)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", REPLIES)
async def test_a_fault_in_a_response_check_keeps_the_answer_incomplete(
    tmp_path: Path, kind: str, fault: str, stage: str
) -> None:
    async with house(tmp_path, "enforce", [FaultyCheck(fault, stage, Phase.RESPONSE_BODY)]) as running:
        running.upstream.routes["/out"] = REPLIES[kind]()
        answer = await asyncio.to_thread(fetch, running)
        exchange = await running.verdict()
        assert answer.status in (500, 502, 503) or not answer.complete
        assert exchange.verdict is not None
        assert exchange.verdict.decision is Decision.ERROR


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", FAULTS)
async def test_in_shadow_a_fault_in_a_response_check_changes_nothing(tmp_path: Path, fault: str, stage: str) -> None:
    async with house(tmp_path, "shadow", [FaultyCheck(fault, stage, Phase.RESPONSE_BODY)]) as running:
        running.upstream.routes["/out"] = reply_chunked()
        answer = await asyncio.to_thread(fetch, running)
        assert (answer.status, answer.body, answer.complete) == (200, BODY, True)


async def say(house: House, text: str) -> str:
    """Send one WebSocket message; the echo, or the close code in words."""
    address = f"ws://{house.authority}/ws"
    async with websockets.connect(address, proxy=f"http://127.0.0.1:{house.port}") as socket:
        try:
            await socket.send(text)
            return str(await asyncio.wait_for(socket.recv(), 5))
        except websockets.exceptions.ConnectionClosed as closed:
            return f"closed {closed.rcvd.code if closed.rcvd else 'without a code'}"


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_in_a_message_check_stops_the_message(tmp_path: Path, fault: str, stage: str) -> None:
    async with house(tmp_path, "enforce", [FaultyCheck(fault, stage, Phase.MESSAGE)]) as running:
        heard = await say(running, "hello")
        exchange = await running.verdict()
        frames = [frame for message in running.upstream.journal.messages for frame in message.frames]
        assert not any(b"hello" in bytes(str(frame), "utf-8") for frame in frames)
        assert heard.startswith("closed")
        assert exchange.verdict is not None
        assert exchange.verdict.decision is Decision.ERROR


@pytest.mark.parametrize("fault", FAULTS)
async def test_in_shadow_a_fault_in_a_message_check_changes_nothing(tmp_path: Path, fault: str) -> None:
    async with house(tmp_path, "shadow", [FaultyCheck(fault, "feed", Phase.MESSAGE)]) as running:
        assert await say(running, "hello") == "hello"


HEAD_CHECKS = {
    "egress": (addons.egress, "inspect_head"),
    "dial": (addons.egress, "inspect_addresses"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("check", HEAD_CHECKS)
async def test_a_fault_in_a_head_check_stops_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: str, fault: str
) -> None:
    async with house(tmp_path, "enforce", []) as running:
        place, name = HEAD_CHECKS[check]
        monkeypatch.setattr(place, name, lambda *_, **__: misbehave(fault))
        answer = await asyncio.to_thread(whole, running)
        exchange = await running.verdict()
        assert running.upstream.journal.complete("/in") == []
        assert answer.status in (500, 503)
        assert exchange.verdict is not None
        assert exchange.verdict.decision is Decision.ERROR


@pytest.mark.parametrize("fault", ["raise", "hang"])
async def test_nobody_passes_as_nobody_where_callers_must_be_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    token = f"sha256${'a' * 22}${'0' * 64}"
    identity = {"required": True, "agents": {"somebody": {"token": token}}}
    async with house(tmp_path, "shadow", [], identity=identity) as running:
        monkeypatch.setattr(addons.identify, "resolve_caller", lambda *_: misbehave(fault))
        answer = await asyncio.to_thread(whole, running)
        assert running.upstream.journal.complete("/in") == []
        assert answer.status == 407


HOOKS = ("requestheaders", "request", "clyra_release", "clyra_dial", "responseheaders")


class FaultyAddon:
    """Fails in one hook: at once, or when awaited."""

    def __init__(self, hook: str, fault: str) -> None:
        async def later(_: Any) -> None:
            if fault == "hang":
                await asyncio.sleep(60)
            raise RuntimeError("later")

        setattr(self, hook, later if fault != "raise" else lambda _: misbehave("raise"))


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
@pytest.mark.parametrize("fault", ["raise", "raise later", "hang"])
@pytest.mark.parametrize("hook", HOOKS)
async def test_a_fault_in_a_hook_has_its_declared_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hook: str, fault: str, mode: str
) -> None:
    build = addons.build_addons

    def with_fault(runtime: Any, checks: Any = None) -> list[object]:
        chain = build(runtime, checks)
        return chain if checks is None else [*chain, FaultyAddon(hook, fault)]

    monkeypatch.setattr(addons, "build_addons", with_fault)
    async with house(tmp_path, mode, []) as running:
        answer = await asyncio.to_thread(whole, running)
        exchange = await running.verdict()
        assert exchange.verdict is not None
        if mode == "shadow" and hook != "clyra_dial":
            assert answer.status == 200
            assert len(running.upstream.journal.complete("/in")) == 1
        else:
            assert answer.status >= 500 or not answer.complete
            if hook != "responseheaders":
                assert running.upstream.journal.complete("/in") == []
