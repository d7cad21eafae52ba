"""Official SDKs, each told nothing but its base URL and a key; the proxy is in the environment.

A `Call` asks one thing through one SDK. `ask` returns the text and the tool calls it got, whatever the SDK calls them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.support.genai.said import MODEL

type Answer = tuple[str, list[tuple[str, dict[str, Any]]]]
"""Text, and (tool name, arguments) of each call."""


class EndedInError(Exception):
    """A stream said that it ended in an error, in an SDK that has no exception for it (Cohere's `message-end`)."""


PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = "Looks up the weather of a city."


@dataclass(frozen=True, slots=True)
class Call:
    """path: where the upstream is asked. ask: (base url, what the user says) -> answer. error: what the SDK raises
    when the service refuses. streaming: whether the answer is a stream. tools: whether it hands on tool calls."""

    path: str
    ask: Callable[[str, str], Answer]
    error: type[Exception] | tuple[type[Exception], ...]
    streaming: bool = False
    tools: bool = True
    text: bool = True


def _user(said: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": said}]


_FUNCTION = {"type": "function", "function": {"name": "weather", "description": WEATHER, "parameters": PARAMETERS}}


def _functions(calls: Iterable[Any] | None) -> list[tuple[str, dict[str, Any]]]:
    return [(call.function.name, _arguments(call.function.arguments)) for call in calls or ()]


def _arguments(value: Any) -> dict[str, Any]:
    return json.loads(value) if isinstance(value, str) else dict(value)


def _openai(url: str) -> Any:
    import openai

    return openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)


def _openai_chat(url: str, said: str) -> Answer:
    made = _openai(url).chat.completions.create(model=MODEL, messages=_user(said), tools=[_FUNCTION])
    message = made.choices[0].message
    return message.content or "", _functions(message.tool_calls)


def _openai_chat_stream(url: str, said: str) -> Answer:
    with _openai(url).chat.completions.stream(model=MODEL, messages=_user(said), tools=[_FUNCTION]) as stream:
        message = stream.get_final_completion().choices[0].message
    return message.content or "", _functions(message.tool_calls)


def _openai_completion(url: str, said: str) -> Answer:
    return _openai(url).completions.create(model=MODEL, prompt=said).choices[0].text, []


_RESPONSE_TOOL = {
    "type": "function",
    "name": "weather",
    "description": WEATHER,
    "parameters": PARAMETERS,
    "strict": False,
}


def _read_response(made: Any) -> Answer:
    calls = [(item.name, json.loads(item.arguments)) for item in made.output if item.type == "function_call"]
    return made.output_text, calls


def _openai_responses(url: str, said: str) -> Answer:
    return _read_response(_openai(url).responses.create(model=MODEL, input=said, tools=[_RESPONSE_TOOL]))


def _openai_responses_stream(url: str, said: str) -> Answer:
    with _openai(url).responses.stream(model=MODEL, input=said, tools=[_RESPONSE_TOOL]) as stream:
        for event in stream:
            if event.type == "response.completed":
                return _read_response(event.response)
    raise AssertionError("the stream ended without an answer")


def _openai_embeddings(url: str, said: str) -> Answer:
    made = _openai(url).embeddings.create(model=MODEL, input=[said], encoding_format="float")
    return str(made.data[0].embedding), []


_ANTHROPIC_TOOL = {"name": "weather", "description": WEATHER, "input_schema": PARAMETERS}


def _anthropic(url: str, said: str) -> tuple[Any, dict[str, Any]]:
    import anthropic

    asked = {"model": MODEL, "max_tokens": 100, "messages": _user(said), "tools": [_ANTHROPIC_TOOL]}
    return anthropic.Anthropic(base_url=url, api_key="k", max_retries=0), asked


def _read_message(made: Any) -> Answer:
    text = "".join(block.text for block in made.content if block.type == "text")
    return text, [(block.name, dict(block.input)) for block in made.content if block.type == "tool_use"]


def _anthropic_messages(url: str, said: str) -> Answer:
    client, asked = _anthropic(url, said)
    return _read_message(client.messages.create(**asked))


def _anthropic_stream(url: str, said: str) -> Answer:
    client, asked = _anthropic(url, said)
    with client.messages.stream(**asked) as stream:
        return _read_message(stream.get_final_message())


def _gemini(url: str) -> tuple[Any, Any]:
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    declared = types.FunctionDeclaration(name="weather", description=WEATHER, parameters_json_schema=PARAMETERS)
    return client, types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])


def _gemini_generate(url: str, said: str) -> Answer:
    client, config = _gemini(url)
    return _read_gemini([client.models.generate_content(model=MODEL, contents=said, config=config)])


def _gemini_stream(url: str, said: str) -> Answer:
    client, config = _gemini(url)
    return _read_gemini(client.models.generate_content_stream(model=MODEL, contents=said, config=config))


def _read_gemini(chunks: Iterable[Any]) -> Answer:
    text, calls = "", []
    for chunk in chunks:
        for part in chunk.candidates[0].content.parts or ():
            text += part.text or ""
            if part.function_call:
                calls.append((part.function_call.name, dict(part.function_call.args)))
    return text, calls


def _bedrock(url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1}),
    )


def _bedrock_asked(said: str) -> dict[str, Any]:
    spec = {"name": "weather", "description": WEATHER, "inputSchema": {"json": PARAMETERS}}
    messages = [{"role": "user", "content": [{"text": said}]}]
    return {"modelId": MODEL, "messages": messages, "toolConfig": {"tools": [{"toolSpec": spec}]}}


def _bedrock_converse(url: str, said: str) -> Answer:
    content = _bedrock(url).converse(**_bedrock_asked(said))["output"]["message"]["content"]
    calls = [(block["toolUse"]["name"], block["toolUse"]["input"]) for block in content if "toolUse" in block]
    return "".join(block.get("text", "") for block in content), calls


def _bedrock_converse_stream(url: str, said: str) -> Answer:
    text, names, inputs = "", [], []
    for event in _bedrock(url).converse_stream(**_bedrock_asked(said))["stream"]:
        if "contentBlockStart" in event:
            names.append(event["contentBlockStart"]["start"]["toolUse"]["name"])
            inputs.append("")
        elif "contentBlockDelta" in event:
            delta = event["contentBlockDelta"]["delta"]
            text += delta.get("text", "")
            if "toolUse" in delta:
                inputs[-1] += delta["toolUse"]["input"]
    return text, [(name, json.loads(raw)) for name, raw in zip(names, inputs, strict=True)]


def _invoke_body(said: str) -> str:
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": _user(said)})


def _bedrock_invoke(url: str, said: str) -> Answer:
    made = json.loads(_bedrock(url).invoke_model(modelId=MODEL, body=_invoke_body(said))["body"].read())
    blocks = made["content"]
    calls = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    return "".join(block.get("text", "") for block in blocks), calls


def _bedrock_invoke_stream(url: str, said: str) -> Answer:
    text = ""
    made = _bedrock(url).invoke_model_with_response_stream(modelId=MODEL, body=_invoke_body(said))
    for event in made["body"]:
        document = json.loads(event["chunk"]["bytes"])
        if document["type"] == "content_block_delta":
            text += document["delta"].get("text", "")
    return text, []


def _cohere(url: str, said: str) -> tuple[Any, dict[str, Any]]:
    import cohere

    asked = {"model": MODEL, "messages": _user(said), "tools": [_FUNCTION]}
    return cohere.ClientV2(api_key="k", base_url=url), asked


def _cohere_chat(url: str, said: str) -> Answer:
    client, asked = _cohere(url, said)
    message = client.chat(**asked).message
    return "".join(block.text for block in message.content or ()), _functions(message.tool_calls)


def _cohere_stream(url: str, said: str) -> Answer:
    client, asked = _cohere(url, said)
    text, names, inputs = "", [], []
    for event in client.chat_stream(**asked):
        if event.type == "content-delta":
            text += event.delta.message.content.text
        elif event.type == "tool-call-start":
            names.append(event.delta.message.tool_calls.function.name)
            inputs.append("")
        elif event.type == "tool-call-delta":
            inputs[-1] += event.delta.message.tool_calls.function.arguments
        elif event.type == "message-end" and event.delta.finish_reason == "ERROR":
            raise EndedInError(event.delta.error)
    return text, [(name, json.loads(raw)) for name, raw in zip(names, inputs, strict=True)]


def _mistral(url: str) -> Any:
    from mistralai.client import Mistral

    return Mistral(api_key="k", server_url=url)


def _mistral_chat(url: str, said: str) -> Answer:
    message = _mistral(url).chat.complete(model=MODEL, messages=_user(said), tools=[_FUNCTION]).choices[0].message
    return message.content or "", _functions(message.tool_calls)


def _mistral_stream(url: str, said: str) -> Answer:
    text = ""
    for event in _mistral(url).chat.stream(model=MODEL, messages=_user(said)):
        text += event.data.choices[0].delta.content or ""
    return text, []


def _ollama_chat(url: str, said: str) -> Answer:
    import ollama

    message = ollama.Client(host=url).chat(model=MODEL, messages=_user(said), tools=[_FUNCTION]).message
    return message.content or "", _functions(message.tool_calls)


def _ollama_stream(url: str, said: str) -> Answer:
    import ollama

    text, calls = "", []
    for part in ollama.Client(host=url).chat(model=MODEL, messages=_user(said), tools=[_FUNCTION], stream=True):
        text += part.message.content or ""
        calls += _functions(part.message.tool_calls)
    return text, calls


def _ollama_generate(url: str, said: str) -> Answer:
    import ollama

    return ollama.Client(host=url).generate(model=MODEL, prompt=said).response, []


def _langchain(url: str) -> Any:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model=MODEL, base_url=f"{url}/v1", api_key="k", max_retries=0)  # type: ignore[arg-type]
    return model.bind_tools([_FUNCTION])


def _langchain_invoke(url: str, said: str) -> Answer:
    return _read_langchain(_langchain(url).invoke(said))


def _langchain_stream(url: str, said: str) -> Answer:
    first, *rest = _langchain(url).stream(said)
    for chunk in rest:
        first += chunk
    return _read_langchain(first)


def _read_langchain(made: Any) -> Answer:
    return made.text, [(call["name"], call["args"]) for call in made.tool_calls]


def _errors() -> dict[str, type[Exception] | tuple[type[Exception], ...]]:
    import anthropic
    import cohere.core
    import ollama
    import openai
    from botocore.exceptions import ClientError
    from google.genai.errors import APIError
    from mistralai.client.errors import MistralError

    return {
        "openai": openai.APIError,
        "anthropic": anthropic.APIError,
        "gemini": APIError,
        "bedrock": ClientError,
        "cohere": (cohere.core.ApiError, EndedInError),
        "mistral": MistralError,
        "ollama": ollama.ResponseError,
        "langchain": openai.APIError,
    }


def calls() -> dict[str, Call]:
    """All calls by name; the first word is the SDK."""
    chat, converse = "/v1/chat/completions", f"/model/{MODEL}/converse"
    gemini, invoke = f"/v1beta/models/{MODEL}", f"/model/{MODEL}/invoke"
    rows: dict[str, tuple[str, Callable[[str, str], Answer], dict[str, bool]]] = {
        "openai chat": (chat, _openai_chat, {}),
        "openai chat stream": (chat, _openai_chat_stream, {"streaming": True}),
        "openai completion": ("/v1/completions", _openai_completion, {"tools": False}),
        "openai responses": ("/v1/responses", _openai_responses, {}),
        "openai responses stream": ("/v1/responses", _openai_responses_stream, {"streaming": True}),
        "openai embeddings": ("/v1/embeddings", _openai_embeddings, {"tools": False, "text": False}),
        "anthropic messages": ("/v1/messages", _anthropic_messages, {}),
        "anthropic messages stream": ("/v1/messages", _anthropic_stream, {"streaming": True}),
        "gemini generate": (f"{gemini}:generateContent", _gemini_generate, {}),
        "gemini generate stream": (f"{gemini}:streamGenerateContent", _gemini_stream, {"streaming": True}),
        "bedrock converse": (converse, _bedrock_converse, {}),
        "bedrock converse stream": (f"{converse}-stream", _bedrock_converse_stream, {"streaming": True}),
        "bedrock invoke": (invoke, _bedrock_invoke, {}),
        "bedrock invoke stream": (
            f"{invoke}-with-response-stream",
            _bedrock_invoke_stream,
            {"streaming": True, "tools": False},
        ),
        "cohere chat": ("/v2/chat", _cohere_chat, {}),
        "cohere chat stream": ("/v2/chat", _cohere_stream, {"streaming": True}),
        "mistral chat": (chat, _mistral_chat, {}),
        "mistral chat stream": (chat, _mistral_stream, {"streaming": True, "tools": False}),
        "ollama chat": ("/api/chat", _ollama_chat, {}),
        "ollama chat stream": ("/api/chat", _ollama_stream, {"streaming": True}),
        "ollama generate": ("/api/generate", _ollama_generate, {"tools": False}),
        "langchain chat": (chat, _langchain_invoke, {}),
        "langchain chat stream": (chat, _langchain_stream, {"streaming": True}),
    }
    errors = _errors()
    return {name: Call(path, ask, errors[name.split()[0]], **more) for name, (path, ask, more) in rows.items()}


CALLS = calls()
