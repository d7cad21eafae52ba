"""Contents and tools of Google's Gemini API, as Google AI Studio and Vertex AI have them.

Source: Gemini API reference "generateContent", "Content", "Part", "Tool", "Live API". Rule: both spellings of a member
(`systemInstruction`, `system_instruction`) are known, as the service knows both; both at once are refused, because
nobody can say which one counts. A repeated member may be one value without its array.
"""

from __future__ import annotations

import re
from typing import Any

from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.protocols.draft import Draft, word
from clyra_proxy.genai.protocols.media import kind_of
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.genai.protocols.turns import first_new

_UPPER = re.compile(r"[A-Z]")
_ROLES = {"user": Provenance.USER, "model": Provenance.ASSISTANT, "function": Provenance.TOOL_RESULT,
          "tool": Provenance.TOOL_RESULT, "system": Provenance.SYSTEM}  # fmt: skip


def pick(value: dict[str, Any], path: str, name: str) -> tuple[Any, str]:
    """(member, its pointer) of the member `name`, given in camelCase and looked for in both spellings."""
    snake = _UPPER.sub(lambda letter: "_" + letter[0].lower(), name)
    if snake != name and snake in value:
        if name in value:
            raise UnreadableError("duplicate_key")
        name = snake
    return value.get(name), f"{path}/{name}"


def several(value: Any, path: str) -> list[tuple[Any, str]]:
    """The elements of a repeated member with their pointers."""
    if isinstance(value, list):
        return [(item, f"{path}/{at}") for at, item in enumerate(value)]
    return [] if value is None else [(value, path)]


def read_contents(draft: Draft, contents: object, path: str) -> None:
    """Add the turns of a request, earlier ones marked as history."""
    turns = several(contents, path)
    new = first_new([turn for turn, _ in turns], lambda turn: isinstance(turn, dict) and turn.get("role") == "model")
    for at, (turn, place) in enumerate(turns):
        draft.history = at < new
        if isinstance(turn, dict):
            read_content(draft, turn, _role(draft, turn), place, f"message/{at}")
        else:
            draft.texts(turn, Provenance.USER, place, block=f"message/{at}")
    draft.history = False


def read_content(draft: Draft, content: object, provenance: Provenance, path: str, block: str) -> None:
    """Add one content: parts, or for a system instruction also a bare string."""
    if not isinstance(content, dict):
        draft.texts(content, provenance, path, block=block)
        return
    parts, place = pick(content, path, "parts")
    for at, (part, where) in enumerate(several(parts, place)):
        read_part(draft, part, provenance, where, f"{block}/{at}")


def read_part(draft: Draft, part: object, provenance: Provenance, path: str, block: str) -> None:
    """Add one part. Its kind is the member it has; several kinds at once are all read."""
    if not isinstance(part, dict):
        draft.texts(part, provenance, path, block=block)
        return
    known = False
    for name, reader in _KINDS.items():
        held, place = pick(part, path, name)
        if held is not None:
            known = True
            reader(draft, held, provenance, place, block)
    if not known and part.keys() - {"thought", "thoughtSignature", "thought_signature"}:
        draft.strange(part, provenance, path, next(iter(part)), block=block)


def read_tools(draft: Draft, tools: object, path: str) -> None:
    """Add function declarations and the provider's own tools."""
    for tool, place in several(tools, path):
        if not isinstance(tool, dict):
            draft.strange(tool, Provenance.TOOL_DESCRIPTION, place, "tool")
            continue
        declared, where = pick(tool, place, "functionDeclarations")
        for function, spot in several(declared, where):
            schema = next((name for name in _SCHEMAS if isinstance(function, dict) and name in function), "parameters")
            draft.tool(function, spot, schema=schema)
        for name, held in tool.items():
            if name not in ("functionDeclarations", "function_declarations"):
                settings = held if isinstance(held, dict) else {}
                draft.tool({**settings, "name": name}, f"{place}/{name}", kind=name)


_SCHEMAS = ("parameters", "parametersJsonSchema", "parameters_json_schema")


def _text(draft: Draft, held: Any, provenance: Provenance, path: str, block: str) -> None:
    draft.text(held, provenance, path, block=block)


def _inline(draft: Draft, held: Any, provenance: Provenance, path: str, block: str) -> None:
    if isinstance(held, dict):
        media, _ = pick(held, path, "mimeType")
        name, place = pick(held, path, "displayName")
        draft.label(name, place, block=block)
        draft.attachment(media, held.get("data"), provenance, f"{path}/data", name=name, block=block)


def _file(draft: Draft, held: Any, provenance: Provenance, path: str, block: str) -> None:
    if isinstance(held, dict):
        media, _ = pick(held, path, "mimeType")
        name, place = pick(held, path, "displayName")
        draft.label(name, place, block=block)
        address, place = pick(held, path, "fileUri")
        draft.link(address, provenance, place, kind_of(word(media)))


def _call(draft: Draft, held: Any, provenance: Provenance, path: str, block: str) -> None:
    if isinstance(held, dict):
        rest = {key: value for key, value in held.items() if key not in ("name", "id", "args")}
        arguments = held.get("args") if "args" in held or not rest else rest
        draft.call(held.get("name"), arguments or {}, f"{path}/args", id=held.get("id"), block=block)


def read_function_response(draft: Draft, held: Any, provenance: Provenance, path: str, block: str) -> None:
    """Add a tool's result."""
    if isinstance(held, dict):
        name = word(held.get("name"))
        draft.texts(held.get("response"), Provenance.TOOL_RESULT, f"{path}/response", name=name, block=block)
        for part, place in several(held.get("parts"), f"{path}/parts"):
            read_part(draft, part, Provenance.TOOL_RESULT, place, block)


def _code(draft: Draft, held: Any, provenance: Provenance, path: str, block: str) -> None:
    if isinstance(held, dict):
        draft.call("code_execution", {"code": held.get("code")}, path, kind="code_execution", block=block)


def _code_result(draft: Draft, held: Any, provenance: Provenance, path: str, block: str) -> None:
    if isinstance(held, dict):
        draft.text(held.get("output"), Provenance.TOOL_RESULT, f"{path}/output", name="code_execution", block=block)


_KINDS = {
    "text": _text,
    "inlineData": _inline,
    "fileData": _file,
    "functionCall": _call,
    "functionResponse": read_function_response,
    "executableCode": _code,
    "codeExecutionResult": _code_result,
}


def _role(draft: Draft, turn: dict[str, Any]) -> Provenance:
    role = turn.get("role")
    if role is None or role == "":
        return Provenance.USER
    known = _ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        draft.unread("unknown_role")
    return known or Provenance.UNKNOWN
