"""Items of OpenAI's Responses and Realtime APIs: messages, calls, results, reasoning.

Source: OpenAI API reference "Responses", "Realtime". Rule: a type that ends in `_call` is a call, one that ends in
`_output` is a tool's result, whatever comes before; what a provider's tool returned inside of a call (`output`,
`results`, `outputs`) is a result; the rest of an item whose type is not known is read, and named as such.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.protocols.chat_parts import read_part, read_role
from clyra_proxy.genai.protocols.draft import Draft, word
from clyra_proxy.genai.protocols.json_text import pointer
from clyra_proxy.genai.protocols.turns import CallNames

_BY_MODEL = ("reasoning", "mcp_list_tools", "mcp_approval_request", "compaction", "program")
_FORMAL = frozenset({
    "id", "type", "status", "call_id", "name", "namespace", "server_label", "object", "caller", "created_by",
    "container_id", "execution", "fingerprint", "approval_request_id", "role",
})  # fmt: skip
_ARGUMENTS = ("arguments", "input", "action", "actions", "operation", "code", "queries")
_RETURNED = ("output", "outputs", "results", "result", "error")


def written_by_model(item: Any) -> bool:
    """Whether an input item repeats what the model said or called."""
    if not isinstance(item, dict):
        return False
    kind = word(item.get("type"))
    return item.get("role") in ("assistant", "model") or kind in _BY_MODEL or kind.endswith("_call")


def read_item(draft: Draft, item: dict[str, Any], path: str, block: str, names: CallNames) -> None:
    """Add one item."""
    kind = word(item.get("type"))
    if kind in ("message", "") and ("content" in item or "role" in item):
        provenance = read_role(draft, item) if "role" in item else Provenance.ASSISTANT
        _read_message(draft, item.get("content"), provenance, f"{path}/content", block)
    elif kind == "reasoning":
        for member in ("summary", "content"):
            _read_message(draft, item.get(member), Provenance.ASSISTANT, f"{path}/{member}", f"{block}/{member}")
    elif kind == "compaction" or (kind == "item_reference"):
        draft.unread("ciphertext" if kind == "compaction" else "reference")
    elif kind == "mcp_list_tools" or (kind in ("tool_search_output", "additional_tools")):
        _read_tools(draft, item, path)
    elif kind.endswith("_output"):
        _read_output(draft, item, path, block, names.name(item.get("call_id")) or word(item.get("name")))
    elif kind.endswith("_call") or kind == "mcp_approval_request":
        _read_call(draft, item, kind, path, block, names)
    elif kind == "mcp_approval_response":
        draft.text(item.get("reason"), Provenance.USER, f"{path}/reason", block=block)
    else:
        draft.strange(item, Provenance.UNKNOWN, path, kind, block=block)


def call_kind(kind: str, name: str) -> str:
    """The kind of tool that an item of type `kind` calls: the client's function, a tool of a server, or `name` itself,
    which is one of the provider's own."""
    if kind in ("function_call", "custom_tool_call"):
        return "function"
    return "mcp_tool" if kind in ("mcp_call", "mcp_approval_request") else name


def _read_message(draft: Draft, content: object, provenance: Provenance, path: str, block: str) -> None:
    """A message's parts, each a block of its own, as they are streamed."""
    if not isinstance(content, list):
        draft.text(content, provenance, path, block=block)
        return
    for at, part in enumerate(content):
        key, place = f"{block}/{at}", f"{path}/{at}"
        spoken = isinstance(part, dict) and word(part.get("type")).endswith("audio")
        if isinstance(part, dict) and (spoken or "transcript" in part):
            draft.text(part.get("transcript"), provenance, f"{place}/transcript", block=key)
            draft.medium("audio", provenance, f"{place}/audio", base64=word(part.get("audio")))
        elif isinstance(part, dict) and part.get("type") == "input_image":
            address = part.get("image_url")
            draft.link(address, provenance, f"{place}/image_url", "image") if address else draft.unread("image")
        else:
            read_part(draft, part, provenance, place, block=key)


def _read_call(draft: Draft, item: dict[str, Any], kind: str, path: str, block: str, names: CallNames) -> None:
    """A call by the model: of a client's function, or of a provider's own tool, which may bring its result along."""
    name = word(item.get("name")) or kind.removesuffix("_call")
    names.remember(item.get("call_id"), name)
    member = next((each for each in _ARGUMENTS if item.get(each) is not None), "")
    draft.call(
        name, item.get(member) if member else {}, f"{path}/{member or 'arguments'}", id=item.get("call_id") or
        item.get("id"), kind=call_kind(kind, name), block=block,
    )  # fmt: skip
    foreign = Provenance.DOCUMENT if kind in ("file_search_call", "web_search_call") else Provenance.TOOL_RESULT
    for key, held in item.items():
        if key in _RETURNED:
            _read_returned(draft, held, foreign, pointer(path, key), name, block, image=kind.startswith("image_"))
        elif key != member and key not in _FORMAL:
            draft.texts(held, Provenance.ARGUMENTS, pointer(path, key), name=name, block=block)


def _read_returned(
    draft: Draft, held: object, provenance: Provenance, path: str, name: str, block: str, *, image: bool
) -> None:
    if image and isinstance(held, str):
        draft.medium("image", Provenance.ASSISTANT, path, base64=held)
    elif isinstance(held, (dict, list)):
        parts = held if isinstance(held, list) else [held]
        for at, part in enumerate(parts):
            place = f"{path}/{at}" if isinstance(held, list) else path
            shown = part
            if isinstance(part, dict):
                shown = {key: value for key, value in part.items() if key not in ("type", "file_id")}
            draft.texts(shown, provenance, place, name=name, block=block)
    else:
        draft.text(held, provenance, path, name=name, block=block)


def _read_output(draft: Draft, item: dict[str, Any], path: str, block: str, name: str) -> None:
    """A tool's result that the client hands over: text, parts, or an object (a screenshot, a shell's output)."""
    for key, held in item.items():
        place = pointer(path, key)
        if key in _FORMAL:
            continue
        if key == "output" and isinstance(held, dict) and held.get("image_url"):
            draft.link(held["image_url"], Provenance.TOOL_RESULT, f"{place}/image_url", "image", name=name)
        elif key == "output" and isinstance(held, list):
            for at, part in enumerate(held):
                known = isinstance(part, dict) and "type" in part
                if known and part["type"] == "input_image":
                    draft.link(part.get("image_url"), Provenance.TOOL_RESULT, f"{place}/{at}/image_url", "image")
                elif known:
                    read_part(draft, part, Provenance.TOOL_RESULT, f"{place}/{at}", name=name, block=block)
                else:
                    draft.texts(part, Provenance.TOOL_RESULT, f"{place}/{at}", name=name, block=block)
        else:
            draft.texts(held, Provenance.TOOL_RESULT, place, name=name, block=block)


def _read_tools(draft: Draft, item: dict[str, Any], path: str) -> None:
    tools = item.get("tools")
    listed = item.get("type") == "mcp_list_tools"
    for at, tool in enumerate(tools if isinstance(tools, list) else ()):
        read_tool(draft, tool, f"{path}/tools/{at}", kind="mcp_tool" if listed else "")
    draft.texts(item.get("error"), Provenance.TOOL_RESULT, f"{path}/error")


def read_tool(draft: Draft, tool: object, path: str, *, kind: str = "") -> None:
    """Add a tool as the Responses API declares it: flat, or a built-in, which has settings and no schema."""
    declared = word(tool.get("type")) if isinstance(tool, dict) else ""
    if kind == "mcp_tool":
        draft.tool(tool, path, kind=kind, schema="input_schema")
    elif declared in ("function", "custom", ""):
        draft.tool(tool, path)
    elif isinstance(tool, dict):
        draft.tool({"name": word(tool.get("server_label")) or declared, **tool}, path, kind=declared)
        for at, inner in enumerate(tool["tools"] if isinstance(tool.get("tools"), list) else ()):
            read_tool(draft, inner, f"{path}/tools/{at}")
