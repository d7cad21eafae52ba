"""All ways one conversation can be sent and answered: whole, in pieces, compressed, streamed, over h2, as messages.

Each way returns the trace id of its exchange; the verdict is then looked up by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from clyra_proxy.genai.rehearsal.pack import Case, Place
from clyra_proxy.genai.rehearsal.wires import trials
from tests.support.genai.said import MODEL
from tests.support.genai.upstream import Delivery, ModelUpstream
from tests.support.genai.verdicts import new_trace
from tests.support.proxy import RunningProxy
from tests.support.replies import compress


@dataclass(frozen=True, slots=True)
class Road:
    """A proxy and an upstream, with clients for both versions of HTTP."""

    proxy: RunningProxy
    models: ModelUpstream
    http1: httpx.Client
    http2: httpx.Client


class _OnlyHttp2(ssl.SSLContext):
    """httpx offers HTTP/1.1 before HTTP/2, and a server may take the first."""

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        super().set_alpn_protocols(["h2"])


def open_road(proxy: RunningProxy, models: ModelUpstream) -> Road:
    http1 = httpx.Client(proxy=proxy.url, verify=proxy.trust(), trust_env=False, timeout=20)
    context = _OnlyHttp2(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(proxy.home.ca_certificate))
    http2 = httpx.Client(proxy=proxy.url, verify=context, trust_env=False, timeout=20, http2=True)
    return Road(proxy, models, http1, http2)


def post(
    road: Road, path: str, body: bytes, headers: Mapping[str, str], *, cut: int = 0, coding: str = "", h2: bool = False
) -> tuple[str, int, bytes]:
    """(trace, status, answer). cut: bytes a piece of the request, 0 for one piece with its length."""
    trace, more = new_trace()
    sent = {"content-type": "application/json", **headers, **more}
    if coding:
        sent["content-encoding"] = coding
    data = compress(body, coding)
    content = _pieces(data, cut) if cut else data
    client = road.http2 if h2 else road.http1
    received = b""
    try:
        with client.stream("POST", road.models.tls_url + path, content=content, headers=sent) as answer:
            for piece in answer.iter_raw():
                received += piece
        assert answer.http_version == ("HTTP/2" if h2 else "HTTP/1.1")
        if answer.headers.get("content-encoding") == "gzip":
            received = zlib.decompressobj(31).decompress(received)
        return trace, answer.status_code, received
    except (httpx.TransportError, zlib.error):
        return trace, 0, received


def _pieces(data: bytes, cut: int) -> Iterator[bytes]:
    for at in range(0, len(data), cut):
        yield data[at : at + cut]


def request_ways(road: Road, case: Case, cut: int) -> dict[str, str]:
    """The case's text in a request, in every way: name -> trace."""
    found: dict[str, str] = {}
    for trial in trials(case):
        if trial.where != "request":
            continue
        body = json.dumps(trial.body, ensure_ascii=False).encode()
        ascii_body = json.dumps(trial.body).encode()
        ways: dict[str, dict[str, Any]] = {
            "whole": {},
            "chunked": {"cut": cut},
            "chunked gzip": {"cut": cut, "coding": "gzip"},
            "br": {"coding": "br"},
            "h2": {"h2": True},
            "h2 in pieces": {"h2": True, "cut": cut},
            "h2 gzip": {"h2": True, "coding": "gzip"},
        }
        for name, options in ways.items():
            found[f"{trial.protocol} {name}"] = post(road, trial.path, body, trial.headers, **options)[0]
        found[f"{trial.protocol} escaped"] = post(road, trial.path, ascii_body, trial.headers)[0]
    if (messages := _realtime(case)) is not None:
        found["websocket"] = talk(road, messages)[0]
    return found


def _realtime(case: Case) -> list[dict[str, Any]] | None:
    """The case as messages of a realtime session."""
    item: dict[str, Any]
    match case.place:
        case Place.USER:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": case.text}]}
        case Place.TOOL_RESULT:
            item = {"type": "function_call_output", "call_id": "call_1", "output": case.text}
        case Place.TOOL_DESCRIPTION:
            tool = {"type": "function", "name": "look_up", "description": case.text, "parameters": {"type": "object"}}
            return [{"type": "session.update", "session": {"type": "realtime", "tools": [tool]}}]
        case _:
            return None
    return [{"type": "conversation.item.create", "item": item}]


def talk(road: Road, messages: list[dict[str, Any]], answers: int = 0) -> tuple[str, bytes]:
    """Say the messages over one WebSocket session and read until it has said `answers` or ended: trace, what came."""
    trace, headers = new_trace()
    received = asyncio.run(_session(road, messages, headers, 1 + max(answers, len(messages))))
    return trace, "".join(_delta(message) for message in received).encode()


async def _session(road: Road, messages: list[dict[str, Any]], headers: dict[str, str], most: int) -> list[str]:
    """Not with the threads of `websockets.sync`: over TLS they can wait for each other for ever (CPython 3.13.0)."""
    received: list[str] = []
    url = road.models.tls_url.replace("https", "wss") + f"/v1/realtime?model={MODEL}"
    with contextlib.suppress(ConnectionClosed, TimeoutError):
        async with connect(url, ssl=road.proxy.trust(), additional_headers=headers, proxy=road.proxy.url) as socket:
            for message in messages:
                await socket.send(json.dumps(message))
            while len(received) < most:
                received.append(str(await asyncio.wait_for(socket.recv(), 10)))
                if json.loads(received[-1])["type"] == "response.done":
                    break
    return received


def _delta(message: str) -> str:
    """What a client would append to its text."""
    said = json.loads(message)
    return str(said["delta"]) if said["type"].endswith(".delta") else message


def response_ways(road: Road, cut: int) -> dict[str, tuple[str, bytes]]:
    """What the model says now (`models.said`) as an answer, in every way: name -> trace, what the client got."""
    deliveries: dict[str, tuple[Delivery, bool, bool]] = {
        "whole": (Delivery(), False, False),
        "whole chunked": (Delivery(cut=cut), False, False),
        "whole gzip": (Delivery(cut=cut, coding="gzip"), False, False),
        "whole h2": (Delivery(), False, True),
        "events": (Delivery(), True, False),
        "events cut": (Delivery(cut=cut), True, False),
        "events h2": (Delivery(), True, True),
        "events h2 cut": (Delivery(cut=cut), True, True),
    }
    user = [{"role": "user", "content": "Please have a look."}]
    bodies: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
        "openai": ("/v1/chat/completions", {"model": MODEL, "messages": user}, {}),
        "responses": ("/v1/responses", {"model": MODEL, "input": "Please have a look."}, {}),
        "anthropic": (
            "/v1/messages",
            {"model": MODEL, "max_tokens": 9, "messages": user},
            {"anthropic-version": "2023-06-01"},
        ),
        "ollama": ("/api/chat", {"model": MODEL, "messages": user}, {}),
    }
    found: dict[str, tuple[str, bytes]] = {}
    for protocol, (path, body, headers) in bodies.items():
        for name, (delivery, streamed, h2) in deliveries.items():
            road.models.delivery = delivery
            asked = json.dumps({**body, "stream": streamed}).encode()
            trace, _, received = post(road, path, asked, headers, h2=h2)
            found[f"{protocol} {name}"] = trace, received
    road.models.delivery = Delivery()
    return found
