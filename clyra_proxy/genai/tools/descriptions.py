"""Declarations that try to steer the model: hidden characters, and orders that only the whole of a declaration shows.

Rule: texts of declarations are also segments, which the injection inspector judges one by one. What is looked for here
is what it cannot see there: characters that are allowed elsewhere and never in a declaration, and an order split over
name, title, description and parameters, whose joined text is judged once more. Equal declarations are judged once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from clyra_proxy.genai.inspection import Signal
from clyra_proxy.genai.model import Provenance, ToolDefinition
from clyra_proxy.genai.protocols.json_text import keys, leaves
from clyra_proxy.genai.tools.hidden_text import hidden_kinds
from clyra_proxy.genai.tools.telling import shown

_LONGEST_JOINED = 32_768
_CACHED = 1024


def texts_of(tool: ToolDefinition) -> list[str]:
    """Every text in a declaration, names of members included, in its order."""
    declared = tool.declared or {"name": tool.name, "description": tool.description, "schema": tool.schema}
    return [text for _, text in leaves(declared, "/")] + list(keys(declared))


def signals_of_description(tool: ToolDefinition) -> Iterator[Signal]:
    """What is wrong with a declaration in itself."""
    texts = texts_of(tool)
    hidden = sorted(frozenset().union(*map(hidden_kinds, texts))) if texts else []
    if hidden:
        yield Signal(
            "tools.poisoned",
            path=tool.path,
            detail={"kind": "hidden_text", "tool": shown(tool.name), "patterns": ",".join(hidden)},
        )
    if len(texts) > 1:
        patterns = _orders_in("\n".join(text for text in texts if " " in text)[:_LONGEST_JOINED])
        if patterns:
            yield Signal(
                "tools.poisoned",
                path=tool.path,
                detail={"kind": "joined_text", "tool": shown(tool.name), "patterns": patterns},
            )


@lru_cache(maxsize=_CACHED)
def _orders_in(text: str) -> str:
    """Ids of the patterns that make a text an order to the model, comma-separated; empty when it is none."""
    if not text:
        return ""
    assessment = _detector().assess(text, Provenance.TOOL_DESCRIPTION)
    return ",".join(assessment.patterns[:8]) if assessment.flagged else ""


@lru_cache(maxsize=1)
def _detector() -> Any:
    """The shipped rules, loaded when the first declaration is judged."""
    return importlib.import_module("clyra_proxy.genai.injection.detector").Detector()
