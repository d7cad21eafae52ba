"""A text that was redacted does not leave once more, token by token, in the probabilities beside it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from clyra_proxy.verdict.model import Action
from tests.genai.wire.conftest import Open
from tests.support.data_path import House
from tests.support.replies import Reply

TOKENS = ("it", " is", " SEC", "RET1", "23", " now")
SIGNS = ("SECRET", "SEC", "RET1")
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
NOTHING: tuple[Any, ...] = (None, [])


def chosen(*tokens: str) -> list[dict[str, Any]]:
    return [
        {"token": one, "logprob": -0.1, "bytes": list(one.encode()), "top_logprobs": [{"token": one, "logprob": -0.1}]}
        for one in tokens
    ]


def _choice(member: str) -> Callable[[str, Any, bool], list[dict[str, Any]]]:
    def events(text: str, likely: Any, last: bool) -> list[dict[str, Any]]:
        head = {"id": "c", "model": "m", "object": "chat.completion.chunk"}
        said = {"role": "assistant", "content": text} if member != "text" else text
        chunk = {"index": 0, member: said, "logprobs": likely, "finish_reason": None}
        end = [{**head, "choices": [{"index": 0, member: {} if member != "text" else "", "finish_reason": "stop"}]}]
        return [{**head, "choices": [chunk]}, *(end if last else ())]

    return events


def _response_event(text: str, likely: Any, last: bool) -> list[dict[str, Any]]:
    where = {"item_id": "i", "output_index": 0, "content_index": 0}
    delta = {"type": "response.output_text.delta", **where, "delta": text, "logprobs": likely}
    if not last:
        return [delta]
    part = {"type": "output_text", "text": "".join(TOKENS), "annotations": [], "logprobs": chosen(*TOKENS)}
    item = {"type": "message", "id": "i", "role": "assistant", "content": [part]}
    return [
        delta,
        {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": part["logprobs"]},
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [item]}},
    ]


def _candidate(text: str, likely: Any, last: bool) -> list[dict[str, Any]]:
    made = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, "logprobsResult": likely}
    return [{"candidates": [{**made, **({"finishReason": "STOP"} if last else {})}]}]


def _ollama(text: str, likely: Any, last: bool) -> list[dict[str, Any]]:
    return [{"model": "m", "message": {"role": "assistant", "content": text}, "logprobs": likely, "done": last}]


def _items(*tokens: str) -> list[dict[str, Any]]:
    return [{"text": one, "token_ids": [7], "logprobs": [-0.1]} for one in tokens]


def _cohere(text: str, likely: Any, last: bool) -> list[dict[str, Any]]:
    """One item an event, of all its tokens."""
    said = "".join(one["text"] for one in likely or ())
    item = {"logprobs": {"text": said, "token_ids": [7], "logprobs": [-0.1]}} if likely else {}
    delta = {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}, **item}
    end = {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}
    return [delta, *([{"type": "content-end", "index": 0}, end] if last else ())]


@dataclass(frozen=True)
class Api:
    """path: of a stream, and of a whole answer. likely: `logprobs` of tokens. events: of one piece of a stream."""

    path: str
    likely: Callable[..., Any]
    events: Callable[[str, Any, bool], list[dict[str, Any]]]
    whole: Callable[[str, Any], dict[str, Any]]
    asked: dict[str, Any]
    lines: bool = False
    whole_path: str = ""


APIS = {
    "chat": Api(
        "/v1/chat/completions",
        lambda *tokens: {"content": chosen(*tokens), "refusal": None},
        _choice("delta"),
        lambda text, likely: {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": likely}]
        },
        ASKED,
    ),
    "completions": Api(
        "/v1/completions",
        lambda *tokens: {"tokens": list(tokens), "token_logprobs": [-0.1] * len(tokens), "top_logprobs": None},
        _choice("text"),
        lambda text, likely: {"object": "text_completion", "choices": [{"index": 0, "text": text, "logprobs": likely}]},
        {"model": "m", "prompt": "?"},
    ),
    "responses": Api(
        "/v1/responses",
        chosen,
        _response_event,
        lambda text, likely: {
            "object": "response",
            "output": [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": likely}],
                }
            ],
        },
        {"model": "m", "input": "?"},
    ),
    "gemini": Api(
        "/v1beta/models/g:streamGenerateContent?alt=sse",
        lambda *tokens: {
            "chosenCandidates": [{"token": one, "logProbability": -0.1} for one in tokens],
            "topCandidates": [{"candidates": [{"token": one, "logProbability": -0.1}]} for one in tokens],
        },
        _candidate,
        lambda text, likely: _candidate(text, likely, True)[0],
        {"contents": [{"role": "user", "parts": [{"text": "?"}]}]},
        whole_path="/v1beta/models/g:generateContent",
    ),
    "cohere": Api(
        "/v2/chat",
        _items,
        _cohere,
        lambda text, likely: {
            "id": "c",
            "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": text}]},
            "logprobs": likely,
        },
        ASKED,
    ),
    "ollama": Api("/api/chat", chosen, _ollama, lambda text, likely: _ollama(text, likely, True)[0], ASKED, lines=True),
}


def placed(tokens: tuple[str, ...], where: str) -> list[tuple[str, ...]]:
    """The tokens that stand beside each piece of the text."""
    if where == "first":
        return [tokens, *[()] * (len(tokens) - 1)]
    if where == "last":
        return [*[()] * (len(tokens) - 1), tokens]
    beside = [(token,) for token in tokens]
    return [*beside[1:], ()] if where == "ahead" else beside


def stream(api: Api, tokens: tuple[str, ...], where: str) -> Reply:
    ends = [False] * (len(tokens) - 1) + [True]
    pieces = zip(tokens, placed(tokens, where), ends, strict=True)
    events = [one for text, near, last in pieces for one in api.events(text, api.likely(*near) if near else None, last)]
    if api.lines:
        return Reply(
            headers=(("content-type", "application/x-ndjson"),),
            body=[json.dumps(one).encode() + b"\n" for one in events],
            framing="chunked",
        )
    body = [f"event: {one.get('type', 'x')}\ndata: {json.dumps(one)}\n\n".encode() for one in events]
    return Reply(headers=(("content-type", "text/event-stream"),), body=body, framing="chunked")


def said(api: Api, raw: bytes) -> list[dict[str, Any]]:
    start = "{" if api.lines else "data: {"
    return [json.loads(line.removeprefix("data: ")) for line in raw.decode().splitlines() if line.startswith(start)]


def likely_of(value: Any) -> list[Any]:
    """Every `logprobs` in a JSON value."""
    if isinstance(value, list):
        return [found for one in value for found in likely_of(one)]
    if not isinstance(value, dict):
        return []
    own = [held for key, held in value.items() if key in ("logprobs", "logprobsResult")]
    return own + [found for key, one in value.items() if key not in ("logprobs",) for found in likely_of(one)]


def url(house: House, path: str, reply: Reply) -> str:
    house.upstream.routes[path.partition("?")[0]] = reply
    return f"http://{house.authority}{path}"


@pytest.mark.parametrize("where", ["beside", "ahead", "first", "last"])
@pytest.mark.parametrize("name", sorted(APIS))
async def test_a_stream(opened: Open, name: str, where: str) -> None:
    """Wherever a server puts the tokens: beside their text, before it, all in the first event, all in the last."""
    api = APIS[name]
    async with opened("enforce") as (house, client):
        asked = {**api.asked, "stream": True} if name != "gemini" else api.asked
        reply = stream(api, TOKENS, where)
        answer = await client.post(url(house, api.path, reply), json=asked)
        assert answer.status_code == 200
        assert "[gone]" in answer.text
        assert not any(sign in answer.text for sign in SIGNS)
        events = said(api, answer.content)
        assert "error" not in events[-1]
        assert len(events) == len(said(api, b"".join(reply.body)))
        assert all(events), "an event stays an event"
        assert any(held in NOTHING for held in likely_of(events))
        if where == "beside":
            kept = json.dumps(likely_of(events[0]))
            assert '"it"' in kept, "what stands beside other words stays"


@pytest.mark.parametrize("name", sorted(APIS))
async def test_a_whole_answer(opened: Open, name: str) -> None:
    api = APIS[name]
    whole = api.whole("".join(TOKENS), api.likely(*TOKENS))
    reply = Reply(headers=(("content-type", "application/json"),), body=[json.dumps(whole).encode()])
    async with opened("enforce") as (house, client):
        answer = await client.post(url(house, api.whole_path or api.path, reply), json=api.asked)
        assert answer.status_code == 200
        assert "it is [gone] now" in answer.text
        assert not any(sign in answer.text for sign in SIGNS)
        assert [held in NOTHING for held in likely_of(answer.json())] == [True]


@pytest.mark.parametrize("name", sorted(APIS))
async def test_an_answer_without_anything_in_it_keeps_its_probabilities(opened: Open, name: str) -> None:
    api = APIS[name]
    tokens = ("it", " is", " fine")
    whole = api.whole("".join(tokens), api.likely(*tokens))
    reply = Reply(headers=(("content-type", "application/json"),), body=[json.dumps(whole).encode()])
    async with opened("enforce") as (house, client):
        answer = await client.post(url(house, api.whole_path or api.path, reply), json=api.asked)
        assert answer.json() == whole


async def test_tokens_as_numbers_go_with_the_text_of_their_event(opened: Open) -> None:
    api = APIS["chat"]
    pieces = [("it ", "token_id:11", False), ("SECRET123", "token_id:9906", False), (" now", "token_id:12", True)]
    events = [one for text, number, last in pieces for one in api.events(text, api.likely(number), last)]
    body = [f"data: {json.dumps(one)}\n\n".encode() for one in events]
    reply = Reply(headers=(("content-type", "text/event-stream"),), body=body, framing="chunked")
    async with opened("enforce") as (house, client):
        answer = await client.post(url(house, api.path, reply), json={**api.asked, "stream": True})
        assert "token_id:11" in answer.text
        assert "token_id:12" in answer.text
        assert "token_id:9906" not in answer.text


async def test_a_coded_stream_whose_probabilities_alone_hold_it_is_refused(opened: Open) -> None:
    api = APIS["chat"]
    events = [*api.events("fine", api.likely(*TOKENS), False), *api.events(" so", None, True)]
    body = [f"data: {json.dumps(one)}\n\n".encode() for one in events]
    reply = Reply(headers=(("content-type", "text/event-stream"),), body=body, framing="chunked", coding="gzip")
    async with opened("enforce") as (house, client):
        with contextlib.suppress(httpx.HTTPError):
            answer = await client.post(url(house, api.path, reply), json={**api.asked, "stream": True})
            assert not any(sign in answer.text for sign in SIGNS)
        verdict = (await house.verdict()).verdict
        assert verdict is not None
        assert verdict.action is Action.BLOCK
