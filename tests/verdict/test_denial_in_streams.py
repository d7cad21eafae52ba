"""A stream that is refused after it began ends with an error that the official clients raise as one of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import anthropic
import boto3
import cohere
import httpx
import mistralai.client
import ollama
import openai
import pytest
from a2a.client import ClientConfig, ClientFactory
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, Message, Part, Role, SendMessageRequest
from a2a.utils.errors import A2AError
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from google import genai
from google.genai.errors import APIError as GoogleError
from google.genai.types import HttpOptions
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamablehttp_client

from clyra_proxy.exchange import Destination, Exchange, ResponseHead
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.denial import JSONRPC_ID, Denial, build
from clyra_proxy.verdict.model import Phase
from clyra_proxy.verdict.rules import RULES
from tests.genai.protocols.answers import (
    AWS,
    SSE,
    Answer,
    aws_message,
    cohere_v1,
    cohere_v2,
    gemini,
    mistral,
    openai_chat,
    responses,
)
from tests.genai.protocols.answers import (
    anthropic as anthropic_format,
)
from tests.genai.protocols.answers import (
    ollama as ollama_format,
)
from tests.support.judging import exchange_to, route_under

ROUTE = route_under("extends: strict")
RULE = "injection.indirect"
ANSWER = Answer("one two three four", pieces=(4, 8, 14))
ASKED = [{"role": "user", "content": "x"}]


class Refused:
    """A local server that refuses everything: at once, or after the first bytes of a stream."""

    def __init__(self, begun: bytes = b"", media: str = "") -> None:
        self.begun = begun
        self.media = media
        self.exchanges: list[Exchange] = []

    def denial(self, handler: BaseHTTPRequestHandler, body: bytes) -> Denial:
        headers = tuple((name.lower(), value) for name, value in handler.headers.items())
        where = Destination("127.0.0.1", 443, "http", "127.0.0.1")
        exchange = exchange_to(ROUTE, where, path=handler.path, headers=headers, method=handler.command)
        if self.begun:
            fields = ((b"content-type", self.media.encode()),)
            exchange.response = ResponseHead(fields, status=200, http_version="HTTP/1.1")
        with suppress(ValueError):
            exchange.extensions[JSONRPC_ID] = json.loads(body).get("id")
        phase = Phase.RESPONSE_BODY if self.begun else Phase.REQUEST_BODY
        found = RULES[RULE].finding(ROUTE, phase, path="/messages/0")
        assert found is not None
        exchange.findings.append(found)
        self.exchanges.append(exchange)
        return build(decide(exchange), exchange)

    def is_told_in(self, text: object) -> bool:
        """Whether the client's words carry our rule and the id of the verdict."""
        return RULE in str(text) and self.exchanges[-1].id in str(text)


@contextmanager
def refusing(refused: Refused, before: Callable[[bytes], bytes | None] = lambda body: None) -> Iterator[str]:
    """The base URL of a server. before: an answer to give instead, to requests that are not refused."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            if (answer := before(body)) is not None:
                self._send(200 if answer else 202, (("content-type", "application/json"),), answer)
                return
            denial = refused.denial(self, body)
            if refused.begun:
                self._send(200, (("content-type", refused.media),), refused.begun + denial.closing)
            else:
                named = ((name.decode(), value.decode()) for name, value in denial.headers)
                fields = tuple(field for field in named if field[0] != "Content-Length")
                self._send(denial.status, fields, denial.body)

        def do_GET(self) -> None:
            self._send(405, (), b"")

        def do_DELETE(self) -> None:
            self._send(200, (), b"")

        def _send(self, status: int, fields: tuple[tuple[str, str], ...], body: bytes) -> None:
            self.send_response(status)
            for name, value in (*fields, ("content-length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def begun(stream: bytes, events: int = 3, separator: bytes = b"\n\n") -> bytes:
    """The first events of a stream."""
    return separator.join(stream.split(separator)[:events]) + separator


def ask_openai(url: str, *, stream: bool) -> object:
    client = openai.OpenAI(api_key="k", base_url=f"{url}/v1")
    if stream:
        return list(client.chat.completions.create(model="m", messages=ASKED, stream=True))  # type: ignore[call-overload]
    return client.chat.completions.create(model="m", messages=ASKED)  # type: ignore[arg-type]


def ask_responses(url: str, *, stream: bool) -> object:
    client = openai.OpenAI(api_key="k", base_url=f"{url}/v1")
    if stream:
        return list(client.responses.create(model="m", input="x", stream=True))
    return client.responses.create(model="m", input="x")


def ask_anthropic(url: str, *, stream: bool) -> object:
    client = anthropic.Anthropic(api_key="k", base_url=url)
    if stream:
        return list(client.messages.create(model="m", max_tokens=9, messages=ASKED, stream=True))  # type: ignore[call-overload]
    return client.messages.create(model="m", max_tokens=9, messages=ASKED)  # type: ignore[arg-type]


def ask_google(url: str, *, stream: bool) -> object:
    client = genai.Client(api_key="k", http_options=HttpOptions(base_url=url))
    if stream:
        return list(client.models.generate_content_stream(model="m", contents="x"))
    return client.models.generate_content(model="m", contents="x")


def ask_ollama(url: str, *, stream: bool) -> object:
    client = ollama.Client(host=url)
    return list(client.chat("m", ASKED, stream=True)) if stream else client.chat("m", ASKED)


def ask_mistral(url: str, *, stream: bool) -> object:
    client = mistralai.client.Mistral(api_key="k", server_url=url)
    if stream:
        return list(client.chat.stream(model="m", messages=ASKED))  # type: ignore[arg-type]
    return client.chat.complete(model="m", messages=ASKED)  # type: ignore[arg-type]


def bedrock(url: str) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"max_attempts": 1}),
    )


def ask_bedrock(url: str, *, stream: bool) -> object:
    messages = [{"role": "user", "content": [{"text": "x"}]}]
    if stream:
        return list(bedrock(url).converse_stream(modelId="m", messages=messages)["stream"])
    return bedrock(url).converse(modelId="m", messages=messages)


def ask_cohere(url: str, *, stream: bool) -> object:
    client = cohere.ClientV2(api_key="k", base_url=url)
    if stream:
        return list(client.chat_stream(model="m", messages=ASKED))  # type: ignore[arg-type]
    return client.chat(model="m", messages=ASKED)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ask", "stream", "media", "error"),
    [
        (ask_openai, openai_chat(ANSWER)[1], SSE, openai.APIError),
        (ask_responses, responses(ANSWER)[1], SSE, openai.APIError),
        (ask_anthropic, anthropic_format(ANSWER)[1], SSE, anthropic.APIStatusError),
        (ask_google, gemini(ANSWER)[1], SSE, GoogleError),
        (ask_mistral, mistral(ANSWER)[1], SSE, mistralai.client.errors.MistralError),
    ],
    ids=["openai-chat", "openai-responses", "anthropic", "gemini", "mistral"],
)
def test_clients_of_server_sent_events(
    ask: Callable[..., object], stream: bytes, media: str, error: type[Exception]
) -> None:
    for refused in (Refused(), Refused(begun(stream), media)):
        with refusing(refused) as url, pytest.raises(error) as caught:
            ask(url, stream=bool(refused.begun))
        assert refused.is_told_in(f"{caught.value} {getattr(caught.value, 'body', '')}")
        assert len(refused.exchanges) == 1, "asked again"


def test_the_ollama_client() -> None:
    lines = begun(ollama_format(ANSWER)[1], 2, b"\n")
    for refused in (Refused(), Refused(lines, "application/x-ndjson")):
        with refusing(refused) as url, pytest.raises(ollama.ResponseError) as caught:
            ask_ollama(url, stream=bool(refused.begun))
        assert refused.is_told_in(caught.value.error)


def test_the_bedrock_client() -> None:
    first = aws_message("messageStart", b'{"role":"assistant"}')
    for refused, error in ((Refused(), ClientError), (Refused(first, AWS), EventStreamError)):
        with refusing(refused) as url, pytest.raises(error) as caught:
            ask_bedrock(url, stream=bool(refused.begun))
        assert refused.is_told_in(caught.value)
        code = caught.value.response["Error"]["Code"]  # type: ignore[attr-defined]
        assert code == ("modelStreamErrorException" if refused.begun else "AccessDeniedException")


def test_the_cohere_client() -> None:
    refused = Refused()
    with refusing(refused) as url, pytest.raises(cohere.ForbiddenError) as caught:
        ask_cohere(url, stream=False)
    assert refused.is_told_in(caught.value.body["message"])
    refused = Refused(begun(cohere_v2(ANSWER)[1]), SSE)
    with refusing(refused) as url:
        events: Any = ask_cohere(url, stream=True)
    assert (events[-1].type, events[-1].delta.finish_reason) == ("message-end", "ERROR")
    assert refused.is_told_in(events[-1].delta.error)
    refused = Refused(begun(cohere_v1(ANSWER)[1], 2, b"\n"), "application/stream+json")
    with refusing(refused) as url:
        events = list(cohere.Client(api_key="k", base_url=url).chat_stream(message="x"))
    assert (events[-1].event_type, events[-1].finish_reason) == ("stream-end", "ERROR")


NOTICE = (
    b'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\n\n'
)


@pytest.mark.parametrize("started", [b"", NOTICE], ids=["at once", "in the stream"])
async def test_the_mcp_client_and_its_session_survives(started: bytes) -> None:
    refused = Refused(started, SSE)

    def allowed(body: bytes) -> bytes | None:
        message = json.loads(body)
        info = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
        results = {"initialize": info, "ping": {}}
        if message["method"] in results:
            return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]}).encode()
        return b"" if "id" not in message else None

    with refusing(refused, allowed) as url:
        async with streamablehttp_client(f"{url}/mcp") as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            with pytest.raises(McpError) as caught:
                await asyncio.wait_for(session.call_tool("t", {}), 10)
            assert refused.is_told_in(caught.value)
            await asyncio.wait_for(session.send_ping(), 10)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
async def test_the_a2a_client(binding: str, *, streaming: bool) -> None:
    update = {"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}}
    event = update if binding == "HTTP+JSON" else {"jsonrpc": "2.0", "id": "1", "result": update}
    refused = Refused(f"data: {json.dumps(event)}\n\n".encode() if streaming else b"", SSE)
    with refusing(refused) as url:
        interface = AgentInterface(url=url, protocol_binding=binding, protocol_version="1.0")
        card = AgentCard(
            name="a", supported_interfaces=[interface], capabilities=AgentCapabilities(streaming=streaming)
        )
        async with httpx.AsyncClient() as http:
            config = ClientConfig(httpx_client=http, streaming=streaming, supported_protocol_bindings=[binding])
            client = ClientFactory(config).create(card)
            said = Message(message_id="m", role=Role.ROLE_USER, parts=[Part(text="x")])
            with pytest.raises(A2AError) as caught:
                [event async for event in client.send_message(SendMessageRequest(message=said))]
    assert refused.is_told_in(caught.value)
