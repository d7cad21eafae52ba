"""From an exchange to the question: what other rooms know of it, put into the one shape.

Guarantees: nothing is made up, nothing of a body gets in, sizes are bounded; what is too much to be told is a failure
(`too_large`), never a question with a part left out. Pure.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from clyra_proxy.activation.wire.state import state_of as rows_of
from clyra_proxy.approvals.classification import CompiledApprovals
from clyra_proxy.approvals.facts import ActionFacts, facts_of_batches
from clyra_proxy.enforcement.engines.question import (
    CallerFacts,
    ConversationFacts,
    DestinationFacts,
    Question,
    RequestFacts,
    RowFacts,
    TimeFacts,
)
from clyra_proxy.enforcement.halt.calls import tools_called
from clyra_proxy.enforcement.halt.signals import subject_of
from clyra_proxy.exchange import Exchange, Identity
from clyra_proxy.genai.wire.state import state_of as conversation_of
from clyra_proxy.policy.compiler import READ_METHODS
from clyra_proxy.policy.matching import bare_media_type
from clyra_proxy.policy.paths import normalise_path
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.verdict.decide import collect_findings

PROVEN = frozenset({"mtls", "proxy", "kubernetes"})
"""How an agent proves who it is; every other way is a guess, or its own word."""
MOST_NAMES = 512
LONGEST_NAME = 256
LONGEST_PATH = 4096


def question_of(exchange: Exchange, approvals: CompiledApprovals, payload: bytes = b"") -> Question:
    """What is known of the request now. payload: its decoded body, for the class of action. Raises ServiceFailure."""
    where, request, route = exchange.destination, exchange.request, exchange.route
    findings = collect_findings(exchange)
    path, media_type = normalise_path(request.path), bare_media_type(request.get("content-type") or "")
    if len(path) > LONGEST_PATH:
        raise ServiceFailure(Cause.TOO_LARGE, blames=False)
    facts = _action_facts(exchange)
    needed = approvals.requirement(exchange, payload, findings, facts)
    return Question(
        _caller(exchange.identity),
        DestinationFacts(route.destination, subject_of(exchange).destinations[-1], where.port, route.id, route.known),
        RequestFacts(request.method.upper(), path, kind_of(exchange), media_type),
        "A" if needed is None else needed.action_class.value,
        _rows(exchange),
        _conversation(exchange),
        tuple(dict.fromkeys(finding.rule for finding in findings)),
        _now(),
    )


def kind_of(exchange: Exchange) -> str:
    """`read` or `write`, by the method alone."""
    return "read" if exchange.request.method.upper() in READ_METHODS else "write"


def _caller(who: Identity) -> CallerFacts:
    return CallerFacts(who.agent, who.tenant, who.session, who.run, who.auth in PROVEN, who.auth)


def _action_facts(exchange: Exchange) -> ActionFacts:
    state, tools = rows_of(exchange), tools_called(exchange)
    batches = () if state is None or state.batch is None else (state.batch,)
    return facts_of_batches(batches, tools)


def _rows(exchange: Exchange) -> RowFacts | None:
    state = rows_of(exchange)
    if state is None:
        return None
    batch = state.batch
    if batch is None:
        return RowFacts(state.profile, False, "", 0, {})
    operations = Counter(row.operation.value for row in batch.rows)
    return RowFacts(state.profile, True, batch.target[:LONGEST_NAME], len(batch.rows), dict(operations))


def _conversation(exchange: Exchange) -> ConversationFacts | None:
    state = conversation_of(exchange)
    if state is None:
        return None
    if (request := state.request) is None:
        return ConversationFacts(state.reading.id, False, "", "", (), ())
    offered = _names(tool.name for tool in request.tools)
    model = request.model[:LONGEST_NAME]
    called = _names(tools_called(exchange))
    return ConversationFacts(request.protocol, True, request.operation, model, called, offered)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    """Each once. Raises ServiceFailure: a name that is not told could be the one that matters."""
    told = tuple(islice(dict.fromkeys(names), MOST_NAMES + 1))
    if len(told) > MOST_NAMES or any(len(name) > LONGEST_NAME for name in told):
        raise ServiceFailure(Cause.TOO_LARGE, blames=False)
    return told


def _now() -> TimeFacts:
    now = int(time.time())
    utc = datetime.fromtimestamp(now, UTC)
    return TimeFacts(now, f"{utc:%Y-%m-%dT%H:%M:%SZ}", utc.isoweekday(), utc.hour)
