"""What the rooms that judged an exchange know of its action: rows, statements of SQL, and calls of tools.

Statements are parsed here once more, which takes time: only where a rule asks what is done, and to be called in a
thread.
"""

from __future__ import annotations

from dataclasses import replace

from clyra_proxy.activation.model import Batch
from clyra_proxy.activation.wire.state import state_of as writes_of
from clyra_proxy.approvals.classification import CompiledApprovals
from clyra_proxy.approvals.facts import ActionFacts, facts_of_batches
from clyra_proxy.enforcement.halt.tools import is_made_here
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.model import Direction
from clyra_proxy.genai.wire.state import state_of as talk_of

type Statements = list[tuple[list[str], str]]
"""Texts of SQL, with their dialect."""


def facts_known(exchange: Exchange) -> ActionFacts:
    """What rows say, at no cost."""
    batch = _batch_of(exchange)
    return facts_of_batches(() if batch is None else (batch,))


def statements_of(exchange: Exchange, approvals: CompiledApprovals) -> Statements:
    """The statements that a request carries to a SQL API, or in the arguments of the tools that it calls; none where
    no rule of `approvals` asks what they do."""
    if not approvals.asks_what_is_done:
        return []
    batch, talk = _batch_of(exchange), talk_of(exchange)
    found: Statements = [] if batch is None or not batch.statements else [([*batch.statements], batch.dialect)]
    if talk is not None and talk.request is not None:
        readers = [one.statements_of for one in talk.compiled.inspectors if hasattr(one, "statements_of")]
        made = [call for call in talk.request.calls if is_made_here(call, Direction.REQUEST)]
        found += [read(call) for read in readers for call in made]
    return [(texts, dialect) for texts, dialect in found if texts]


def with_statements(facts: ActionFacts, statements: Statements) -> ActionFacts:
    """`facts` with what the statements do, to which tables."""
    if not statements:
        return facts
    from clyra_proxy.activation.sql.effects import effect_of

    for texts, dialect in statements:
        effect = effect_of(texts, dialect)
        operations = facts.operations | {one.value for one in effect.operations}
        facts = replace(facts, operations=operations, targets=facts.targets | effect.targets)
    return facts


def _batch_of(exchange: Exchange) -> Batch | None:
    state = writes_of(exchange)
    return None if state is None else state.batch
