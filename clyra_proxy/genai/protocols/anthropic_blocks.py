"""Content blocks of Anthropic's Messages API.

Source: Anthropic API reference "Messages", "Tool use", "Citations", "Web search", "Web fetch", "MCP connector".
Rule: blocks whose type ends in `tool_use` are calls, in `tool_result` are results, whatever comes before; a type that
is not known has its strings read and is named as such. Opaque members (`signature`, `encrypted_content`, `data` of
redacted thinking) are no text.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.protocols.draft import Draft, word
from clyra_proxy.genai.protocols.json_text import leaves
from clyra_proxy.genai.protocols.turns import CallNames

_PROSE = {"text": "text", "thinking": "thinking", "compaction": "content"}
OPAQUE = ("encrypted_content", "encrypted_index", "encrypted_stdout", "signature", "page_age", "cache_control", "type")
_MEDIA = {"image": "image", "file": "file", "container_upload": "file", "audio": "audio", "video": "video"}


def read_blocks(
    draft: Draft, content: object, provenance: Provenance, path: str, block: str, names: CallNames, *, name: str = ""
) -> None:
    """Add a `content`: a string or an array of blocks. block: key of the message, "" in answers, where blocks are
    numbered by themselves."""
    if isinstance(content, str):
        draft.text(content, provenance, path, name=name, block=block)
        return
    for at, item in enumerate(content if isinstance(content, list) else [] if content is None else [content]):
        key = f"{block}/{at}" if block else f"block/{at}"
        place = f"{path}/{at}" if isinstance(content, list) else path
        if isinstance(item, dict):
            read_block(draft, item, provenance, place, key, names, name=name)
        else:
            draft.texts(item, provenance, place, name=name, block=key)


def read_block(
    draft: Draft,
    item: dict[str, Any],
    provenance: Provenance,
    path: str,
    block: str,
    names: CallNames,
    *,
    name: str = "",
) -> None:
    """Add one block and what is nested in it."""
    kind = word(item.get("type"))
    if kind in _PROSE:
        draft.text(item.get(_PROSE[kind]), provenance, f"{path}/{_PROSE[kind]}", name=name, block=block)
        read_quotes(draft, item.get("citations"), f"{path}/citations", block)
    elif kind.endswith("tool_use"):
        names.remember(item.get("id"), item.get("name"))
        called, id, place = item.get("name"), item.get("id"), f"{path}/input"
        draft.call(called, item.get("input"), place, id=id, kind=call_kind(kind), block=block)
    elif kind.endswith("tool_result"):
        _read_result(draft, item, path, block, names)
    elif kind == "document":
        _read_document(draft, item, path, block, names)
    elif kind == "search_result":
        _read_search_result(draft, item, path, block, names)
    elif kind == "redacted_thinking":
        draft.unread("ciphertext")
    elif kind in _MEDIA:
        _read_media(draft, item, provenance, path, _MEDIA[kind])
    elif kind == "tool_reference":
        draft.text(item.get("tool_name"), provenance, f"{path}/tool_name", name=name, block=block)
    else:
        draft.strange(item, provenance, path, kind, block=block)


def call_kind(kind: str) -> str:
    """The kind of tool that a block of type `kind` calls: the client's function, or one of the provider's own."""
    return "function" if kind == "tool_use" else kind


def _read_result(draft: Draft, item: dict[str, Any], path: str, block: str, names: CallNames) -> None:
    """A tool's result: text, blocks, or for the provider's own tools an object with texts somewhere inside."""
    name = names.name(item.get("tool_use_id")) or word(item.get("type")).removesuffix("_result").removesuffix("_tool")
    content, place = item.get("content"), f"{path}/content"
    if item.get("type") in ("tool_result", "mcp_tool_result") or isinstance(content, str):
        read_blocks(draft, content, Provenance.TOOL_RESULT, place, block, names, name=name)
        return
    if isinstance(content, dict) and content.get("type") == "web_fetch_result":
        draft.text(content.get("url"), Provenance.DOCUMENT, f"{place}/url", name=name, block=block)
        document = content.get("content")
        if isinstance(document, dict):
            _read_document(draft, document, f"{place}/content", block, names)
        return
    fetched = item.get("type") == "web_search_tool_result"
    _read_inside(draft, content, Provenance.DOCUMENT if fetched else Provenance.TOOL_RESULT, place, name, block)


def _read_inside(draft: Draft, value: object, provenance: Provenance, path: str, name: str, block: str) -> None:
    for place, text in leaves(value, path):
        member = place.rpartition("/")[2]
        if member.startswith("encrypted_"):
            draft.unread("ciphertext")
        elif member not in OPAQUE:
            draft.text(text, provenance, place, name=name, block=block)


def _read_document(draft: Draft, item: dict[str, Any], path: str, block: str, names: CallNames) -> None:
    title = word(item.get("title"))
    for member in ("title", "context"):
        draft.text(item.get(member), Provenance.DOCUMENT, f"{path}/{member}", name=title, block=block)
    source, place = item.get("source"), f"{path}/source"
    if not isinstance(source, dict):
        draft.strange(item, Provenance.DOCUMENT, path, "document", block=block)
        return
    kind = source.get("type")
    if kind == "text":
        draft.text(source.get("data"), Provenance.DOCUMENT, f"{place}/data", name=title, block=block)
    elif kind == "content":
        read_blocks(draft, source.get("content"), Provenance.DOCUMENT, f"{place}/content", block, names, name=title)
    elif kind == "base64":
        draft.attachment(
            source.get("media_type"), source.get("data"), Provenance.DOCUMENT, f"{place}/data", name=title, block=block
        )
    elif kind == "url":
        draft.link(source.get("url"), Provenance.USER, f"{place}/url", "file", name=title)
    else:
        draft.unread("file")


def _read_search_result(draft: Draft, item: dict[str, Any], path: str, block: str, names: CallNames) -> None:
    title = word(item.get("title"))
    for member in ("title", "source"):
        draft.text(item.get(member), Provenance.DOCUMENT, f"{path}/{member}", name=title, block=block)
    read_blocks(draft, item.get("content"), Provenance.DOCUMENT, f"{path}/content", block, names, name=title)


def _read_media(draft: Draft, item: dict[str, Any], provenance: Provenance, path: str, word_for: str) -> None:
    source = item.get("source")
    kind = source.get("type") if isinstance(source, dict) else None
    if isinstance(source, dict) and kind == "url":
        draft.link(source.get("url"), provenance, f"{path}/source/url", word_for)
    elif isinstance(source, dict) and kind == "base64":
        draft.medium(
            word_for,
            provenance,
            f"{path}/source/data",
            media_type=word(source.get("media_type")),
            base64=word(source.get("data")),
        )
    else:
        draft.unread(word_for)


def read_quotes(draft: Draft, citations: object, path: str, block: str) -> None:
    """Words of cited documents that stand beside an answer's text."""
    _read_inside(draft, citations, Provenance.DOCUMENT, path, "", block)
