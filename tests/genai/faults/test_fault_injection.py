"""Raise, hang and return garbage in every place where an inspector is asked, for every kind of body.

Enforced: nothing complete passes; the upstream never gets the whole request (faults in requests), the client never
the whole answer (faults in answers), and the verdict says that a check failed. In shadow: not a byte is touched, and
the verdict says it all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from clyra_proxy.genai.compiled import CompiledGenAi
from clyra_proxy.genai.exceptions import load_exceptions
from clyra_proxy.genai.inspection import Inspection, Signal, TextEdit, Workshop
from clyra_proxy.genai.model import Direction, ToolCall
from clyra_proxy.policy.genai.section import GenAiSecurity
from clyra_proxy.verdict.model import Decision
from tests.support.data_path import House, house
from tests.support.genai import openai_wire
from tests.support.genai.said import Said, Use, dump
from tests.support.genai.upstream import SSE, Delivery, streamed
from tests.support.replies import json_reply

PATH = "/v1/chat/completions"
SAID = Said("It rains in Bergen, as always in autumn.", (Use("weather", {"city": "Bergen"}),))
LAST = b"[DONE]"
FAULTS = ("raise", "hang", "garbage")
BUDGET_MS = 200


def misbehave(fault: str) -> Any:
    """Do the wrong thing: raise, take longer than anybody waits, or return what nobody expects."""
    if fault == "raise":
        raise RuntimeError("a piece of the body that must not be logged")
    if fault == "hang":
        time.sleep(5 * BUDGET_MS / 1000)
    return "garbage"


@dataclass
class Faulty:
    """An inspector that fails in one place: `request`, `answer`, `call`, `open`, `feed` or `end`."""

    fault: str
    place: str
    id: str = "injection"

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        asked = inspection.conversation.direction is Direction.REQUEST
        if self.place == ("request" if asked else "answer"):
            yield misbehave(self.fault)

    def judge_call(self, call: ToolCall, inspection: Inspection) -> list[Signal]:
        return [misbehave(self.fault)] if self.place == "call" else []

    def open_stream_scanner(self, inspection: Inspection) -> Any:
        if self.place == "open":
            return misbehave(self.fault)
        return FaultyScanner(self.fault, self.place) if self.place in ("feed", "end") else None


@dataclass
class FaultyScanner:
    fault: str
    place: str
    length: int = 0

    def feed(self, block: str, text: str) -> tuple[int, Sequence[Signal | TextEdit]]:
        self.length += len(text)
        return misbehave(self.fault) if self.place == "feed" else (self.length, ())

    def end(self, block: str) -> Sequence[Signal | TextEdit]:
        return misbehave(self.fault) if self.place == "end" else ()


async def ask(
    folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str, faulty: Faulty, streaming: bool
) -> tuple[House, int, bytes]:
    """One call through a data path with the faulty inspector; (house, status or 0, what the client got)."""

    def compiled(settings: GenAiSecurity, base_dir: Path, workshop: Workshop) -> CompiledGenAi:
        return CompiledGenAi(settings, (faulty,), load_exceptions(None), None, workshop.secret)

    monkeypatch.setattr("clyra_proxy.genai.compiled.compile_genai", compiled)
    reply = streamed(openai_wire.chat_events(SAID), SSE, Delivery()) if streaming else json_reply(whole_answer())
    asked = {"model": "m", "stream": streaming, "messages": [{"role": "user", "content": "And tomorrow?"}]}
    async with house(folder, mode, genai_security={"budget_ms": BUDGET_MS}) as running:
        running.upstream.routes[PATH] = reply
        proxy = f"http://127.0.0.1:{running.port}"
        received, status = b"", 0
        async with httpx.AsyncClient(proxy=proxy, trust_env=False, timeout=20) as client:
            try:
                async with client.stream("POST", f"{running.upstream.url}{PATH}", json=asked) as answer:
                    status = answer.status_code
                    async for piece in answer.aiter_raw():
                        received += piece
            except httpx.RemoteProtocolError:
                status = 0
        await running.verdict()
        return running, status, received


def whole_answer() -> bytes:
    return dump(openai_wire.chat(SAID)).encode()


CASES = [
    (fault, place, streaming)
    for fault in FAULTS
    for place, streaming in (
        ("request", False),
        ("answer", False),
        ("answer", True),
        ("call", True),
        ("open", True),
        ("feed", True),
        ("end", True),
    )
]


@pytest.mark.parametrize(("fault", "place", "streaming"), CASES)
async def test_enforced_nothing_complete_passes(
    fault: str, place: str, streaming: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, status, received = await ask(tmp_path, monkeypatch, "enforce", Faulty(fault, place), streaming)
    exchange = await running.verdict()
    assert exchange.verdict is not None
    assert exchange.verdict.decision is Decision.ERROR
    assert any(finding.error for finding in exchange.verdict.findings)
    if place == "request":
        assert running.upstream.journal.complete(PATH) == []
        assert status >= 400
    assert LAST not in received
    assert whole_answer() not in received
    assert b'"finish_reason":"tool_calls"' not in received
    assert b"a piece of the body" not in received


@pytest.mark.parametrize(("fault", "place", "streaming"), CASES)
async def test_shadow_touches_nothing_and_tells(
    fault: str, place: str, streaming: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, status, received = await ask(tmp_path, monkeypatch, "shadow", Faulty(fault, place), streaming)
    exchange = await running.verdict()
    assert status == 200
    assert received == (b"".join(openai_wire.chat_events(SAID)) if streaming else whole_answer())
    assert len(running.upstream.journal.complete(PATH)) == 1
    assert exchange.verdict is not None
    assert exchange.verdict.decision is Decision.ERROR
    assert any(finding.error for finding in exchange.verdict.findings)
