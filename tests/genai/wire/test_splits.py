"""A streamed answer through its gate, split at any byte and into any deltas: the same leaves, the same is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.exchange import Destination, Exchange, RequestHead, ResponseHead
from clyra_proxy.genai.compiled import CompiledGenAi
from clyra_proxy.genai.inspection import Workshop
from clyra_proxy.genai.wire.check import GenAiCheck
from clyra_proxy.policy.genai.section import GenAiSecurity
from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.stream.opening import open_gate
from clyra_proxy.verdict.model import Mode, Phase
from tests.genai.wire.toys import compile_toys

TOYS = compile_toys(GenAiSecurity(), Path("/"), Workshop(MemoryState(), bytes(32)))
PIECES = st.lists(
    st.sampled_from(["SECRET", "SEC", "RET", "123", "45", "6", "S", " ", "é", "\\", '"', "x", "\n"]), max_size=14
)


def _exchange(mode: Mode) -> Exchange:
    return Exchange(
        id="e",
        client_ip="",
        client_port=0,
        destination=Destination("api.openai.com", 443, "https"),
        request=RequestHead((), "POST", "/v1/chat/completions", "HTTP/1.1"),
        route=Route("r", "d", True, EvidenceClass.QUEUED, mode),
        policy_sha256="",
        policy_generation=1,
    )


def _through(raw: list[bytes], mode: Mode) -> tuple[bytes, list[str]]:
    """What leaves before the end, and with it; the rules of what was found."""
    exchange = _exchange(mode)

    def compiled() -> CompiledGenAi:
        return TOYS

    checks = [GenAiCheck(compiled)]
    open_gate(exchange, Phase.REQUEST_BODY, checks).finish()
    exchange.response = ResponseHead(((b"content-type", b"text/event-stream"),), 200, "HTTP/1.1")
    gate = open_gate(exchange, Phase.RESPONSE_BODY, checks)
    leaving = [part for piece in raw for part in gate.feed(piece)]
    leaving += gate.finish()
    return b"".join(leaving), sorted({finding.rule for finding in exchange.findings})


def _events(texts: list[str]) -> bytes:
    chunks = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    head = {"id": "c", "object": "chat.completion.chunk", "model": "m"}
    return b"".join(b"data: " + json.dumps({**head, **one}).encode() + b"\n\n" for one in chunks) + b"data: [DONE]\n\n"


def _said(raw: bytes) -> str:
    lines = [json.loads(line[6:]) for line in raw.decode().split("\n") if line.startswith("data: {")]
    return "".join(line["choices"][0]["delta"].get("content", "") for line in lines)


def _cut(raw: bytes, places: list[int]) -> Iterator[bytes]:
    at = 0
    for place in sorted({place % (len(raw) + 1) for place in places} | {len(raw)}):
        if place > at:
            yield raw[at:place]
        at = place


@settings(max_examples=150)
@given(PIECES, st.lists(st.integers(0, 100_000), max_size=30))
def test_any_split_leaves_the_same(texts: list[str], places: list[int]) -> None:
    raw = _events(texts)
    whole, rules = _through([raw], Mode.ENFORCE)
    parts, found = _through(list(_cut(raw, places)), Mode.ENFORCE)
    assert (_said(parts), found) == (_said(whole), rules)
    one_event, _ = _through([_events(["".join(texts)])], Mode.ENFORCE)
    assert _said(one_event) == _said(whole)
    assert "SECRET123" not in _said(whole)
    assert "SECRET456" not in _said(whole)


@settings(max_examples=50)
@given(PIECES, st.lists(st.integers(0, 100_000), max_size=30))
def test_shadow_changes_no_byte(texts: list[str], places: list[int]) -> None:
    raw = _events(texts)
    parts, found = _through(list(_cut(raw, places)), Mode.SHADOW)
    assert parts == raw
    assert found == _through([raw], Mode.ENFORCE)[1]
