"""What other rooms know of an action, beyond its request: which tools it calls, what it does to which object.

Nothing is made up: what nobody told and the payload does not plainly say is empty. What may be a call of a tool and
cannot be read says so (`unreadable`), so that a rule about tools can hold it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clyra_proxy.activation.model import Batch, Operation
from clyra_proxy.exchange import RequestHead
from clyra_proxy.policy.readings import methods_of

_LONGEST_NAME = 256
_CALL = "tools/call"
_PLAIN = b"tools/call"
_ESCAPES = (b"\\/", *(b"\\u00%d" % row for row in range(2, 8)))
"""Bytes without which no JSON text says `tools/call` other than plainly (RFC 8259)."""


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """tools: names of those that are called, several in a batch. operations, targets: of the rows that are written.

    rows: how many. unreadable: tools may be called that nobody could read.
    """

    tools: tuple[str, ...] = ()
    operations: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    rows: int = 0
    unreadable: bool = False

    @property
    def tool(self) -> str:
        """The first one, which records name; "" when there is none."""
        return self.tools[0] if self.tools else ""


def facts_of_batches(batches: Iterable[Batch], tools: Sequence[str] = ()) -> ActionFacts:
    """The facts of what the activation gateway read."""
    listed = tuple(batches)
    operations = frozenset(one.value for batch in listed for one in batch.operations)
    targets = frozenset(batch.target for batch in listed if batch.target)
    return ActionFacts(tuple(tools), operations, targets, sum(len(batch.rows) for batch in listed))


def completed(facts: ActionFacts, request: RequestHead, payload: bytes) -> ActionFacts:
    """`facts` with what the request itself says: tools of an MCP message, and that DELETE deletes (RFC 9110, 9.3.5)
    where no rows were read, by whatever name the server may take the method."""
    if not facts.operations and "DELETE" in methods_of(request):
        facts = replace(facts, operations=frozenset({Operation.DELETE.value}))
    return with_tools(facts, payload)


def with_tools(facts: ActionFacts, payload: bytes) -> ActionFacts:
    """`facts` with the tools of MCP `tools/call` messages (MCP 2025-06-18; batches as in 2025-03-26), unless known.

    The text is compared after JSON's escapes are undone, so `tools\\/call` is the same call.
    """
    if facts.tools or not _may_call(payload):
        return facts
    try:
        document = json.loads(payload, object_pairs_hook=_every)
    except (ValueError, RecursionError):
        return replace(facts, unreadable=payload.lstrip()[:1] in (b"{", b"["))
    messages = document if isinstance(document, list) else [document]
    return replace(facts, tools=tuple(dict.fromkeys(name for one in messages for name in _named(one))))


def _may_call(payload: bytes) -> bool:
    """Whether a text may say `tools/call`; most have no escape at all, which is quickly seen."""
    return _PLAIN in payload or (b"\\" in payload and any(escape in payload for escape in _ESCAPES))


type _Members = dict[str, list[Any]]
"""An object with every value of a key that stands in it more than once: nobody knows which one the server takes."""


def _every(pairs: list[tuple[str, Any]]) -> _Members:
    found: _Members = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _named(message: object) -> Iterable[str]:
    """Names of the tools that one message may call."""
    if not isinstance(message, dict) or _CALL not in message.get("method", ()):
        return
    for parameters in message.get("params", ()):
        for name in parameters.get("name", ()) if isinstance(parameters, dict) else ():
            if isinstance(name, str):
                yield name[:_LONGEST_NAME]
