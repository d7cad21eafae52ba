"""OpenAI's realtime API over WebSocket, with the official SDK, through the running proxy."""

from __future__ import annotations

import json

import pytest
from openai import AsyncOpenAI

from clyra_proxy.genai.rehearsal.samples import fill
from tests.support.genai.said import MODEL, Said
from tests.support.genai.upstream import ModelUpstream
from tests.support.proxy import RunningProxy


async def ask(url: str, said: str) -> str:
    """What the model says to one user message, over one connection."""
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
    async with client.realtime.connect(model=MODEL) as connection:
        content = [{"type": "input_text", "text": said}]
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await connection.response.create()
        text = ""
        async for event in connection:
            if event.type == "response.output_text.delta":
                text += event.delta
            elif event.type == "response.done":
                return text
    raise AssertionError("the connection ended without an answer")


async def test_realtime_works_unchanged(models: ModelUpstream, through_proxy: RunningProxy) -> None:
    models.said = Said("It rains in Bergen.")
    assert await ask(models.tls_url, "What is the weather in Bergen?") == models.said.text
    (session,) = models.journal.requests("/v1/realtime")
    sent = [json.loads(payload)["type"] for _, payload in session.frames]
    assert sent == ["session.update", "conversation.item.create", "response.create"]
    (line,) = through_proxy.wait_for_verdicts(1)
    assert line["unmapped"]["clyra"]["websocket"] is True


@pytest.mark.parametrize("piece", [1, 3, 200])
async def test_a_secret_in_pieces_is_redacted(piece: int, models: ModelUpstream, through_proxy: RunningProxy) -> None:
    secret = fill("{github}", "realtime")
    models.said = Said(f"The deploy token is {secret} as you can see in the file.", piece=piece)
    text = await ask(models.tls_url, "What is in the file?")
    assert secret not in text
    assert text.startswith("The deploy token is [")
    assert text.endswith(" as you can see in the file.")
    (line,) = through_proxy.wait_for_verdicts(1)
    assert line["unmapped"]["clyra"]["decision"] == "redact"
    assert {finding["rule"] for finding in line["unmapped"]["clyra"]["findings"]} == {"leak.secret"}
    assert secret not in str(line)
