"""What an MCP server asks of the client: completions (sampling) and input from the user (elicitation).

Rule: policy says whether a server may ask at all. A form that asks for passwords, keys or card numbers breaks the
protocol's own rule (MCP 2025-06-18, Elicitation, "Servers MUST NOT request sensitive information"), whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.genai.inspection import Signal
from clyra_proxy.genai.model import ToolCall
from clyra_proxy.genai.protocols.json_text import keys, leaves
from clyra_proxy.policy.genai.tools import Answer, Tools
from clyra_proxy.verdict.model import Action

SAMPLING, ELICITATION = "mcp_sampling", "mcp_elicitation"
KINDS = frozenset({SAMPLING, ELICITATION})

_SECRET = re2.compile(
    r"(?i)(pass ?word|pass ?phrase|pass ?code|\bpwd\b|secret ?(?:key|token|word|value)|client ?secret|\bsecret\b|"
    r"api ?key|access ?(?:key|token)|auth(?:entication|orization)? ?(?:key|token|code)|bearer ?token|refresh ?token|"
    r"\btoken\b|private ?key|ssh ?key|seed ?phrase|recovery ?(?:phrase|code)|mnemonic|credentials?\b|credit ?card|"
    r"card ?(?:number|no\b|code)|\bcvv\b|\bcvc\b|\bpin(?: ?code| ?number)?\b|security ?code|"
    r"one ?time ?(?:code|password)|\botp\b|\b2fa\b|\bmfa\b|\bssn\b|social ?security)"
)
_SPLIT = re2.compile(r"([a-z0-9])([A-Z])")


def signals_of_server_request(call: ToolCall, settings: Tools) -> Iterator[Signal]:
    """What policy says of one request of a server."""
    sampling = call.kind == SAMPLING
    answer = settings.sampling if sampling else settings.elicitation
    if answer is not Answer.ALLOW:
        yield _signal(call, answer, "sampling" if sampling else "elicitation")
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    if not sampling and settings.ask_for_secrets is not Answer.ALLOW and asks_for_secrets(arguments):
        yield _signal(call, settings.ask_for_secrets, "asks_for_secrets")


def asks_for_secrets(arguments: dict[str, Any]) -> bool:
    """Whether a form's fields, as named and described, want something a server must not ask for."""
    schema = arguments.get("requestedSchema")
    fields = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(fields, dict):
        return False
    words = [*fields, *(text for _, text in leaves(fields, "/")), *keys(list(fields.values()))]
    return any(_SECRET.search(_as_words(word)) is not None for word in words)


def _as_words(name: str) -> bytes:
    """`apiKey`, `api_key` and `api-key` as `api Key`, `api key`."""
    spaced: bytes = _SPLIT.sub(rb"\1 \2", name.encode("utf-8", "replace"))
    return spaced.replace(b"_", b" ").replace(b"-", b" ")


def _signal(call: ToolCall, answer: Answer, kind: str) -> Signal:
    action = Action.MARK if answer is Answer.MARK else None
    return Signal("tools.server_request", action, call.path, detail={"kind": kind})
