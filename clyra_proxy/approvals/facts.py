"""What other rooms know of an action, beyond its request: which tools it calls, what it does to which object.

Nothing is made up: what nobody told and the payload does not plainly say is empty. What may be a call of a tool and
cannot be read says so (`unreadable`), so that a rule about tools can hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from clyra_proxy.activation.model import Batch, Operation
from clyra_proxy.approvals.bodies import operations_in
from clyra_proxy.exchange import RequestHead
from clyra_proxy.genai.protocols.call_shape import tools_called
from clyra_proxy.policy.deleting import says_delete
from clyra_proxy.policy.readings import methods_of


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
    targets = frozenset(name for batch in listed for name in batch.all_targets)
    return ActionFacts(tuple(tools), operations, targets, sum(len(batch.rows) for batch in listed))


def completed(facts: ActionFacts, request: RequestHead, payload: bytes) -> ActionFacts:
    """`facts` with what the request itself says: tools of an MCP message, and what it does, where no rows were read.

    That it deletes is told by whatever name the server may take its method (DELETE, RFC 9110, 9.3.5) or by what its
    path calls it; what else it does, by what its body names.
    """
    if not facts.operations:
        deletes = "DELETE" in methods_of(request) or says_delete(request)
        said = operations_in(request, payload) | ({Operation.DELETE} if deletes else set())
        facts = replace(facts, operations=frozenset(one.value for one in said))
    return with_tools(facts, payload)


def with_tools(facts: ActionFacts, payload: bytes) -> ActionFacts:
    """`facts` with the tools of `tools/call` messages, unless they are known."""
    if facts.tools:
        return facts
    named = tools_called(payload)
    if named is None:
        return replace(facts, unreadable=True)
    return replace(facts, tools=tuple(name for name in named if name)) if named else facts
