"""Content blocks, tools and settings of Amazon Bedrock's Converse API (and of Amazon Nova's own format).

Source: Amazon Bedrock API reference "Converse", "ContentBlock", "ToolConfiguration"; Nova "Complete request schema".
A block's kind is the member it has. What is not known is read and named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.protocols.chat_parts import read_role
from clyra_proxy.genai.protocols.draft import Draft, whole, word
from clyra_proxy.genai.protocols.json_text import ROOT
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.genai.protocols.streams import objects
from clyra_proxy.genai.protocols.turns import CallNames, first_new, has_role

_READ = frozenset({"messages", "system", "toolConfig", "promptVariables", "additionalModelRequestFields"})
_SILENT = frozenset({"cachePoint", "type"})


def read_converse(draft: Draft, value: dict[str, Any]) -> None:
    """Add a request. Raises UnreadableError."""
    messages = value.get("messages")
    if not isinstance(messages, list):
        raise UnreadableError("unknown_shape")
    names = CallNames()
    read_blocks(draft, value.get("system"), Provenance.SYSTEM, "/system", "system", names)
    _read_settings(draft, value)
    new = first_new(messages, has_role("assistant"))
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise UnreadableError("unknown_shape")
        provenance = read_role(draft, message)
        draft.history = at < new and provenance is not Provenance.SYSTEM
        read_blocks(draft, message.get("content"), provenance, f"/messages/{at}/content", f"message/{at}", names)
    draft.history = False


def read_blocks(
    draft: Draft, blocks: object, provenance: Provenance, path: str, block: str, names: CallNames, *, name: str = ""
) -> None:
    """Add an array of content blocks. block: key of the message, "" in answers."""
    if not isinstance(blocks, list):
        draft.texts(blocks, provenance, path, name=name, block=block or "block/0")
        return
    for at, item in enumerate(blocks):
        key = f"{block}/{at}" if block else f"block/{at}"
        if not isinstance(item, dict):
            draft.texts(item, provenance, f"{path}/{at}", name=name, block=key)
            continue
        for member, held in item.items():
            place = f"{path}/{at}/{member}"
            if member == "text":
                draft.text(held, provenance, place, name=name, block=key)
            elif member == "json":
                draft.texts(held, provenance, place, name=name, block=key)
            elif (reader := _KINDS.get(member)) is not None and isinstance(held, dict):
                reader(draft, held, provenance, place, key, names)
            elif member not in _SILENT:
                draft.strange(held, provenance, place, member, block=key)


def _read_settings(draft: Draft, value: dict[str, Any]) -> None:
    config = value.get("toolConfig")
    tools = config.get("tools") if isinstance(config, dict) else None
    for at, tool in objects(tools):
        place = f"/toolConfig/tools/{at}"
        spec, own = tool.get("toolSpec"), tool.get("systemTool")
        if isinstance(spec, dict):
            shape = spec.get("inputSchema")
            schema = shape.get("json") if isinstance(shape, dict) else None
            draft.tool({**tool, "toolSpec": {**spec, "schema": schema}}, place, inner="toolSpec", schema="schema")
        elif isinstance(own, dict):
            draft.tool(own, place, kind=word(own.get("name")))
        elif "cachePoint" not in tool:
            draft.strange(tool, Provenance.TOOL_DESCRIPTION, place, "tool")
    settings = value.get("inferenceConfig")
    if isinstance(settings, dict):
        draft.max_output_tokens = max(whole(settings.get("maxTokens")), whole(settings.get("max_new_tokens")))
    variables = value.get("promptVariables")
    draft.texts(variables, Provenance.USER, "/promptVariables")
    more = value.get("additionalModelRequestFields")
    draft.texts(more, Provenance.UNKNOWN, "/additionalModelRequestFields")
    draft.others(value, _READ, Provenance.UNKNOWN, ROOT)


def _tool_use(draft: Draft, held: dict[str, Any], _: Provenance, path: str, block: str, names: CallNames) -> None:
    names.remember(held.get("toolUseId"), held.get("name"))
    kind = word(held.get("type")) or "function"
    draft.call(held.get("name"), held.get("input"), f"{path}/input", id=held.get("toolUseId"), kind=kind, block=block)


def _tool_result(draft: Draft, held: dict[str, Any], _: Provenance, path: str, block: str, names: CallNames) -> None:
    name = names.name(held.get("toolUseId")) or word(held.get("type"))
    read_blocks(draft, held.get("content"), Provenance.TOOL_RESULT, f"{path}/content", block, names, name=name)


def _document(draft: Draft, held: dict[str, Any], _: Provenance, path: str, block: str, names: CallNames) -> None:
    name, source = word(held.get("name")), held.get("source")
    for member in ("name", "context"):
        draft.text(held.get(member), Provenance.DOCUMENT, f"{path}/{member}", name=name, block=block)
    if not isinstance(source, dict):
        draft.strange(held, Provenance.DOCUMENT, path, "document", block=block)
        return
    draft.text(source.get("text"), Provenance.DOCUMENT, f"{path}/source/text", name=name, block=block)
    if "content" in source:
        read_blocks(draft, source["content"], Provenance.DOCUMENT, f"{path}/source/content", block, names, name=name)
    if "bytes" in source:
        place = f"{path}/source/bytes"
        draft.attachment(
            held.get("format"), source["bytes"], Provenance.DOCUMENT, place, name=name, block=block
        )  # fmt: skip
    if "s3Location" in source:
        draft.unread("file")


def _reasoning(draft: Draft, held: dict[str, Any], prov: Provenance, path: str, block: str, names: CallNames) -> None:
    spoken = held.get("reasoningText")
    if isinstance(spoken, dict):
        draft.text(spoken.get("text"), prov, f"{path}/reasoningText/text", block=block)
    if "redactedContent" in held:
        draft.unread("ciphertext")


def _guarded(draft: Draft, held: dict[str, Any], prov: Provenance, path: str, block: str, names: CallNames) -> None:
    spoken = held.get("text")
    if isinstance(spoken, dict):
        draft.text(spoken.get("text"), prov, f"{path}/text/text", block=block)
    if "image" in held:
        _medium("image")(draft, held["image"] if isinstance(held["image"], dict) else {}, prov, path, block, names)


def _cited(draft: Draft, held: dict[str, Any], prov: Provenance, path: str, block: str, names: CallNames) -> None:
    for at, part in objects(held.get("content")):
        draft.text(part.get("text"), prov, f"{path}/content/{at}/text", block=block)
    draft.texts(held.get("citations"), Provenance.DOCUMENT, f"{path}/citations", block=block)


def _search_result(draft: Draft, held: dict[str, Any], _: Provenance, path: str, block: str, names: CallNames) -> None:
    title = word(held.get("title"))
    for member in ("title", "source"):
        draft.text(held.get(member), Provenance.DOCUMENT, f"{path}/{member}", name=title, block=block)
    read_blocks(draft, held.get("content"), Provenance.DOCUMENT, f"{path}/content", block, names, name=title)


type _Reader = Callable[[Draft, dict[str, Any], Provenance, str, str, CallNames], None]


def _medium(kind: str) -> _Reader:
    def read(draft: Draft, held: dict[str, Any], prov: Provenance, path: str, block: str, names: CallNames) -> None:
        source = held.get("source")
        data = source.get("bytes") if isinstance(source, dict) else None
        media = f"{kind}/{word(held.get('format'))}"
        draft.medium(kind, prov, f"{path}/source/bytes", media_type=media, base64=word(data))

    return read


_KINDS: dict[str, _Reader] = {
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "document": _document,
    "reasoningContent": _reasoning,
    "guardContent": _guarded,
    "citationsContent": _cited,
    "searchResult": _search_result,
    "image": _medium("image"),
    "video": _medium("video"),
    "audio": _medium("audio"),
}
