"""The data path, one small mitmproxy addon a concern, in the order an exchange meets them.

    client -> identify -> egress -> halt -> schema -> activation -> genai -> engines -> gate -> approve -> record
                                                                                                             |
    client <- gate <- genai <- activation <- schema <------------------------------------------------- upstream
                       at the end: gate (final verdict) -> record (outcome) -> mirror -> telemetry (log line)

Every hook runs down this list. Checks only add findings to the `Exchange`; `gate` alone turns findings into a
decision; `guard` hears of everything that fails. `candidate` copies what comes for a second policy, which judges the
copy when the exchange is over. Hooks, in the order of one exchange: `http_connect`,
`tls_clienthello`, `requestheaders`, (body through its gate: `clyra_refused`), `request`, `clyra_approve`,
`clyra_release`, `clyra_dial`,
`responseheaders`, (body: `clyra_pending`), `response`, `websocket_message` or `clyra_oversize`, `clyra_done`. What is
passed on unread goes by `opaque` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from clyra_proxy.checks import BodyCheck

if TYPE_CHECKING:
    from clyra_proxy.engine.runtime import Runtime
    from clyra_proxy.policy.compiler import CompiledPolicy


def build_addons(runtime: Runtime, checks: Sequence[BodyCheck] | None = None) -> list[object]:
    """The data path of one worker. checks: body checks in order; by default all that Clyra has, learning last."""
    from addons.activation import ActivationGateway
    from addons.approve import Approve
    from addons.candidate import CandidatePolicy
    from addons.egress import Egress
    from addons.engines import Engines
    from addons.gate import Gate
    from addons.genai import GenAi
    from addons.guard import Guard
    from addons.halt import Halt
    from addons.identify import Identify
    from addons.messages import Messages
    from addons.mirror import Mirror
    from addons.opaque import Opaque
    from addons.record import Record
    from addons.schema import Schema
    from addons.sharing import Sharing
    from addons.telemetry import Telemetry
    from clyra_proxy.approvals.payload import PayloadCheck
    from clyra_proxy.enforcement.engines.body import EngineCheck

    checks = (*default_checks(), runtime.learning) if checks is None else checks
    policy = runtime.policy
    checks = (
        *checks,
        *conversation_checks(lambda: policy.current),
        EngineCheck(lambda: policy.current.engines, runtime.is_selftest),
        PayloadCheck(lambda: policy.current.approvals),
    )
    return [
        Guard(),
        Identify(runtime),
        Egress(runtime),
        Halt(runtime),
        Sharing(runtime),
        Opaque(runtime),
        Schema(runtime, checks),
        CandidatePolicy(runtime),
        Messages(runtime, checks),
        ActivationGateway(runtime),
        GenAi(runtime),
        Engines(runtime),
        Gate(),
        Approve(runtime),
        Record(runtime),
        Mirror(runtime),
        Telemetry(runtime),
    ]


def conversation_checks(policy: Callable[[], CompiledPolicy]) -> tuple[BodyCheck, ...]:
    """The checks on rows and conversations. policy: gives the one that judges."""
    from clyra_proxy.activation.wire.check import ActivationCheck
    from clyra_proxy.genai.wire.check import GenAiCheck

    return ActivationCheck(lambda: policy().activation), GenAiCheck(lambda: policy().genai)


def candidate_checks(candidate: CompiledPolicy) -> tuple[BodyCheck, ...]:
    """Every body check that can refuse by itself, for a policy that only judges a copy of what came."""
    from clyra_proxy.approvals.payload import PayloadCheck

    payload = PayloadCheck(lambda: candidate.approvals)
    return (*default_checks(), *conversation_checks(lambda: candidate), payload)


def default_checks() -> tuple[BodyCheck, ...]:
    """Every body check of the house that can refuse, in the order they look at a body."""
    from clyra_proxy.schemalock.check import SchemaCheck
    from clyra_proxy.stream.jsonrpc import JsonRpcId

    return (JsonRpcId(), SchemaCheck())
