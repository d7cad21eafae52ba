"""Messages as OpenAI's chat completions have them, and as all that copied it do (vLLM, Mistral, Groq, ...).

Source: OpenAI API reference "Chat Completions"; vLLM "OpenAI-compatible server"; Mistral API reference; DeepSeek.
A message's texts are read wherever they may stand: `content` as a string or as parts, `refusal`, `reasoning_content`,
`audio.transcript`. Tool results have the name of the tool whose call they answer.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.protocols.draft import Draft, word
from clyra_proxy.genai.protocols.json_text import ROOT
from clyra_proxy.genai.protocols.streams import objects
from clyra_proxy.genai.protocols.turns import CallNames

ROLES = {
    "system": Provenance.SYSTEM,
    "developer": Provenance.SYSTEM,
    "user": Provenance.USER,
    "assistant": Provenance.ASSISTANT,
    "model": Provenance.ASSISTANT,
    "chatbot": Provenance.ASSISTANT,
    "tool": Provenance.TOOL_RESULT,
    "function": Provenance.TOOL_RESULT,
    "ipython": Provenance.TOOL_RESULT,
}
_PLAIN = ("text", "input_text", "output_text", "refusal", "summary_text", "reasoning_text")
_TEXT_MEMBERS = ("text", "refusal")
_SPOKEN = ("refusal", "reasoning_content", "reasoning", "thinking", "tool_plan")
_READ = frozenset({
    "role", "content", "name", "tool_name", "tool_call_id", "tool_calls", "function_call", "audio", "annotations",
    "images", "citations", *_SPOKEN,
})  # fmt: skip
_FOUND = ("citations", "search_results", "related_questions")
_BESIDE = frozenset({
    "id", "object", "created", "model", "choices", "usage", "error", "system_fingerprint", "service_tier",
    "obfuscation", *_FOUND,
})  # fmt: skip
_URL_KINDS = {
    "image_url": "image",
    "video_url": "video",
    "audio_url": "audio",
    "file_url": "file",
    "document_url": "file",
}


def read_role(draft: Draft, message: dict[str, Any]) -> Provenance:
    """Who wrote the message; an unknown role is said to be unread."""
    role = message.get("role")
    known = ROLES.get(role.lower()) if isinstance(role, str) else None
    if known is None:
        draft.unread("unknown_role")
        return Provenance.UNKNOWN
    return known


def read_message(
    draft: Draft, message: dict[str, Any], provenance: Provenance, path: str, block: str, names: CallNames
) -> None:
    """Add everything a message says and calls."""
    name = _label(draft, message, provenance, path, block, names)
    read_content(draft, message.get("content"), provenance, f"{path}/content", name=name, block=block)
    for member in _SPOKEN:
        read_content(draft, message.get(member), provenance, f"{path}/{member}", name=name, block=f"{block}/{member}")
    audio = message.get("audio")
    if isinstance(audio, dict):
        draft.text(audio.get("transcript"), provenance, f"{path}/audio/transcript", block=f"{block}/audio")
        draft.unread("audio")
    read_citations(draft, message.get("citations"), provenance, f"{path}/citations", block)
    read_calls(draft, message, path, block, names)
    draft.others(message, _READ, provenance, path)


def read_content(
    draft: Draft, content: object, provenance: Provenance, path: str, *, name: str = "", block: str = ""
) -> None:
    """Add a `content`: a string, an array of parts, or a single part."""
    if isinstance(content, list):
        for at, part in enumerate(content):
            read_part(draft, part, provenance, f"{path}/{at}", name=name, block=block)
    elif isinstance(content, dict):
        read_part(draft, content, provenance, path, name=name, block=block)
    else:
        draft.text(content, provenance, path, name=name, block=block)


def read_part(
    draft: Draft, part: object, provenance: Provenance, path: str, *, name: str = "", block: str = ""
) -> None:
    """Add one part of a content array."""
    if not isinstance(part, dict):
        draft.texts(part, provenance, path, name=name, block=block)
        return
    kind = part.get("type")
    if kind in _PLAIN or (kind is None and isinstance(part.get("text"), str)):
        for member in _TEXT_MEMBERS:
            draft.text(part.get(member), provenance, f"{path}/{member}", name=name, block=block)
        read_annotations(draft, part.get("annotations"), f"{path}/annotations", block)
        draft.echo(part.get("logprobs"), f"{path}/logprobs", path)
    elif kind in _URL_KINDS:
        _read_url(draft, part, str(kind), provenance, path)
    elif kind in ("input_audio", "audio"):
        _read_audio(draft, part.get("input_audio"), provenance, path)
    elif kind in ("file", "input_file"):
        inner = part.get("file")
        _read_file(
            draft, inner if isinstance(inner, dict) else part, f"{path}/file" if isinstance(inner, dict) else path
        )
    elif kind == "thinking":  # Mistral: an array of text parts
        read_content(draft, part.get("thinking"), provenance, f"{path}/thinking", name=name, block=block)
    elif kind == "document":  # Cohere
        read_document(draft, part.get("document"), f"{path}/document", block=block)
    elif kind == "reference":  # Mistral: numbers of sources
        draft.text(part.get("text"), provenance, f"{path}/text", block=block)
    else:
        draft.strange(part, provenance, path, kind, block=block)


def read_beside(draft: Draft, value: dict[str, Any]) -> None:
    """Add what an answer brings beside its choices: what a search found (Perplexity), and members nobody knows."""
    for member in _FOUND:
        draft.texts(value.get(member), Provenance.DOCUMENT, f"/{member}", block=member)
    draft.others(value, _BESIDE, Provenance.UNKNOWN, ROOT)


def read_document(draft: Draft, document: object, path: str, *, block: str = "") -> None:
    """Add a document a client hands over (Cohere, vLLM): text, or an object of texts with an id."""
    label = document.get("id") if isinstance(document, dict) else ""
    draft.texts(document, Provenance.DOCUMENT, path, name=label if isinstance(label, str) else "", block=block)


def read_annotations(draft: Draft, annotations: object, path: str, block: str) -> None:
    """Add titles, addresses and quotations that an answer cites: words of the pages cited."""
    draft.texts(annotations, Provenance.DOCUMENT, path, block=block)


def read_citations(draft: Draft, citations: object, provenance: Provenance, path: str, block: str) -> None:
    """Add Cohere's citations."""
    for at, citation in objects(citations):
        read_citation(draft, citation, provenance, f"{path}/{at}", f"{block}/citations")


def read_citation(draft: Draft, citation: object, provenance: Provenance, path: str, block: str) -> None:
    """Add one of Cohere's citations: what the message says once more, and words of the sources."""
    if isinstance(citation, dict):
        draft.text(citation.get("text"), provenance, f"{path}/text", block=block)
        draft.texts(citation.get("sources"), Provenance.DOCUMENT, f"{path}/sources", block=block)


def read_calls(draft: Draft, message: dict[str, Any], path: str, block: str, names: CallNames) -> None:
    """Add `tool_calls` and the older `function_call`."""
    calls = message.get("tool_calls")
    for at, call in enumerate(calls if isinstance(calls, list) else ()):
        place, key = f"{path}/tool_calls/{at}", f"{block}/call/{at}"
        kind = call.get("type") if isinstance(call, dict) else None
        body = call.get(kind if kind in ("function", "custom") else "function") if isinstance(call, dict) else None
        if not isinstance(body, dict):
            draft.strange(call, Provenance.ARGUMENTS, place, kind, block=key)
            continue
        names.remember(call.get("id"), body.get("name"))
        inner = "custom" if kind == "custom" else "function"
        member = "input" if kind == "custom" else "arguments"
        draft.call(body.get("name"), body.get(member), f"{place}/{inner}/{member}", id=call.get("id"), block=key)
    older = message.get("function_call")
    if isinstance(older, dict):
        draft.call(older.get("name"), older.get("arguments"), f"{path}/function_call/arguments", block=f"{block}/call")


def _label(
    draft: Draft, message: dict[str, Any], provenance: Provenance, path: str, block: str, names: CallNames
) -> str:
    """The tool that a result belongs to. A participant's name is shown to the model, so it is a text."""
    name = message.get("name") or message.get("tool_name")
    if provenance is Provenance.TOOL_RESULT:
        return name if isinstance(name, str) else names.name(message.get("tool_call_id"))
    draft.text(message.get("name"), provenance, f"{path}/name", block=f"{block}/name")
    return ""


def _read_url(draft: Draft, part: dict[str, Any], kind: str, provenance: Provenance, path: str) -> None:
    held = part.get(kind)
    place, url = (f"{path}/{kind}/url", held.get("url")) if isinstance(held, dict) else (f"{path}/{kind}", held)
    for member in ("document_name", "filename"):
        draft.label(part.get(member), f"{path}/{member}")
    label = part.get("document_name") or part.get("filename")
    foreign = Provenance.DOCUMENT if isinstance(url, str) and url[:5].lower() == "data:" else provenance
    draft.link(url, foreign, place, _URL_KINDS[kind], name=label)


def _read_audio(draft: Draft, held: object, provenance: Provenance, path: str) -> None:
    body = held if isinstance(held, dict) else {"data": held}
    place = f"{path}/input_audio/data" if isinstance(held, dict) else f"{path}/input_audio"
    draft.medium("audio", provenance, place, media_type=word(body.get("format")), base64=word(body.get("data")))


def _read_file(draft: Draft, file: dict[str, Any], path: str) -> None:
    """A file by content (a data URL or bare base64), by address or by id."""
    name, data = file.get("filename"), file.get("file_data")
    draft.label(name, f"{path}/filename")
    if isinstance(data, str) and data[:5].lower() != "data:":
        draft.attachment("", data, Provenance.DOCUMENT, f"{path}/file_data", name=name)
    elif isinstance(data, str):
        draft.link(data, Provenance.DOCUMENT, f"{path}/file_data", "file", name=name)
    elif "file_url" in file:
        draft.link(file.get("file_url"), Provenance.USER, f"{path}/file_url", "file", name=name)
    else:
        draft.unread("file")
