"""What MCP messages carry: content blocks, tools, resources, prompts.

Source: Model Context Protocol 2025-06-18 and 2025-11-25, "Server features", "Client features". Rule: a server's words
are foreign, all of them; a result is read by what it holds and not by what was asked for, so that a server cannot hide
a text in a member that the call did not promise. Members nobody knows are read as text of a tool result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.protocols.draft import Draft, is_prose, word
from clyra_proxy.genai.protocols.json_text import ROOT, leaves, pointer

_QUIET = frozenset({"nextCursor", "protocolVersion", "role", "stopReason", "model", "action", "isError", "mimeType"})


def read_content(draft: Draft, content: object, provenance: Provenance, path: str, name: str, block: str) -> None:
    """Add content blocks: an array, or one (sampling, prompts)."""
    if isinstance(content, list):
        for at, item in enumerate(content):
            _read_block(draft, item, provenance, f"{path}/{at}", name, block)
    else:
        _read_block(draft, content, provenance, path, name, block)


def read_result(draft: Draft, result: Any, path: str, name: str, block: str) -> None:
    """Add everything a result holds. name: the tool, prompt or resource that was asked for."""
    if not isinstance(result, dict):
        draft.texts(result, Provenance.TOOL_RESULT, path, name=name, block=block)
        return
    for member, held in result.items():
        place = pointer(path, member)
        reader = _MEMBERS.get(member)
        if reader is not None:
            reader(draft, held, place, name, block)
        elif member not in _QUIET or is_prose(word(held)):
            draft.texts(held, Provenance.TOOL_RESULT, place, name=name, block=block)


def read_client_result(draft: Draft, result: Any, path: str, block: str) -> None:
    """Add what a client answers its server: what its model said (sampling), or what its user did (elicitation)."""
    if isinstance(result, dict) and "role" in result and "content" in result:
        read_content(draft, result["content"], Provenance.ASSISTANT, f"{path}/content", "", block)
        result = {member: held for member, held in result.items() if member not in ("content", "role", "model")}
    draft.texts(result, Provenance.USER, path, block=block)


def read_messages(draft: Draft, messages: object, path: str, name: str, block: str) -> None:
    """Add messages a server made: a prompt, or what it wants to have sampled. Whatever role it writes, they are its."""
    for at, message in enumerate(messages if isinstance(messages, list) else ()):
        if isinstance(message, dict):
            read_content(draft, message.get("content"), Provenance.TOOL_RESULT, f"{path}/{at}/content", name, block)
        else:
            draft.texts(message, Provenance.TOOL_RESULT, f"{path}/{at}", name=name, block=block)


def _read_block(draft: Draft, item: object, provenance: Provenance, path: str, name: str, block: str) -> None:
    if not isinstance(item, dict):
        draft.texts(item, provenance, path, name=name, block=block)
        return
    kind = item.get("type")
    if kind == "text":
        draft.text(item.get("text"), provenance, f"{path}/text", name=name, block=block)
    elif kind in ("image", "audio"):
        media = word(item.get("mimeType"))
        draft.medium(kind, provenance, f"{path}/data", media_type=media, base64=word(item.get("data")), name=name)
    elif kind == "resource":
        _read_resource(draft, item.get("resource"), f"{path}/resource", block)
    elif kind == "resource_link":
        for member in ("name", "title", "description", "uri"):
            draft.text(item.get(member), provenance, f"{path}/{member}", name=name, block=block)
    elif kind == "tool_use":
        draft.call(item.get("name"), item.get("input"), f"{path}/input", id=item.get("id"), block=block)
    elif kind == "tool_result":
        read_content(draft, item.get("content"), Provenance.TOOL_RESULT, f"{path}/content", name, block)
        draft.texts(
            item.get("structuredContent"), Provenance.TOOL_RESULT, f"{path}/structuredContent", name=name, block=block
        )
    else:
        draft.strange(item, provenance, path, kind, block=block)


def _read_resource(draft: Draft, item: object, path: str, block: str) -> None:
    """The content of a resource: text, or a blob that is text by its media type."""
    if not isinstance(item, dict):
        draft.texts(item, Provenance.DOCUMENT, path, block=block)
        return
    uri = word(item.get("uri"))
    if "blob" in item:
        name = uri.rpartition("/")[2]
        draft.attachment(
            item.get("mimeType"), item.get("blob"), Provenance.DOCUMENT, f"{path}/blob", name=name, block=block
        )
    draft.text(item.get("text"), Provenance.DOCUMENT, f"{path}/text", name=uri, block=block)
    draft.others(item, ("blob", "text", "mimeType"), Provenance.DOCUMENT, path or ROOT)


def _declared(kind: str, schema: str) -> Callable[[Draft, Any, str, str, str], None]:
    """A reader of a list of declarations."""

    def read(draft: Draft, items: Any, path: str, _name: str, _block: str) -> None:
        for at, item in enumerate(items if isinstance(items, list) else [items]):
            draft.tool(item, f"{path}/{at}" if isinstance(items, list) else path, kind=kind, schema=schema)

    return read


def _contents(draft: Draft, items: Any, path: str, _name: str, block: str) -> None:
    for at, item in enumerate(items if isinstance(items, list) else [items]):
        _read_resource(draft, item, f"{path}/{at}" if isinstance(items, list) else path, block)


def _content(draft: Draft, content: Any, path: str, name: str, block: str) -> None:
    read_content(draft, content, Provenance.TOOL_RESULT, path, name, block)


def _described(draft: Draft, value: Any, path: str, name: str, block: str) -> None:
    """Words about the server that clients put before the model (`instructions`), or show (`serverInfo`)."""
    for place, text in leaves(value, path):
        draft.text(text, Provenance.TOOL_DESCRIPTION, place, name=name, block=block)


_MEMBERS: dict[str, Callable[[Draft, Any, str, str, str], None]] = {
    "content": _content,
    "contents": _contents,
    "messages": read_messages,
    "tools": _declared("mcp_tool", "inputSchema"),
    "resources": _declared("mcp_resource", ""),
    "resourceTemplates": _declared("mcp_resource", ""),
    "prompts": _declared("mcp_prompt", "arguments"),
    "instructions": _described,
    "serverInfo": _described,
    "description": _described,
}
