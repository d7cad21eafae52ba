"""What other rooms know of an action, beyond its request: which tool it calls, what it does to which object.

Nothing is made up: what nobody told and the payload does not plainly say is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from clyra_proxy.activation.model import Batch

_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """tool: name of the tool that is called. operations, targets: of the rows that are written. rows: how many."""

    tool: str = ""
    operations: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    rows: int = 0


def facts_of_batches(batches: Iterable[Batch], tool: str = "") -> ActionFacts:
    """The facts of what the activation gateway read."""
    listed = tuple(batches)
    operations = frozenset(one.value for batch in listed for one in {row.operation for row in batch.rows})
    targets = frozenset(batch.target for batch in listed if batch.target)
    return ActionFacts(tool, operations, targets, sum(len(batch.rows) for batch in listed))


def tool_called(payload: bytes) -> str:
    """The tool of an MCP `tools/call` (MCP 2025-06-18), "" when the payload is none."""
    if b"tools/call" not in payload:
        return ""
    try:
        message = json.loads(payload)
        if message["method"] == "tools/call" and isinstance(name := message["params"]["name"], str):
            return name[:_LONGEST_NAME]
    except (ValueError, RecursionError, TypeError, KeyError):
        return ""
    return ""
