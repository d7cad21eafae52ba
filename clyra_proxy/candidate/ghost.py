"""The exchange as the candidate meets it: same request, same caller, its own route, nothing found yet.

What only the moment could see (a halt, a lost store, a certificate that did not verify, names that lead elsewhere) is
taken over from the exchange itself, in the mode that the candidate gives the rule: it would have met the same.
"""

from __future__ import annotations

from dataclasses import replace

from clyra_proxy.approvals.classification import Requirement
from clyra_proxy.approvals.outcome import STATE, Outcome, Standing
from clyra_proxy.candidate.compiled import Candidate
from clyra_proxy.egress.names import named_host
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Finding, Mode, Phase
from clyra_proxy.verdict.rules import RULES

_MOMENT = frozenset({"halt", "evidence", "state", "identity"})
_MOMENT_RULES = frozenset({"egress.tls_unverified", "egress.self_connect", "body.framing"})
_UNASKED = frozenset({Standing.FREE, Standing.SHADOW})


def ghost_of(exchange: Exchange, candidate: Candidate) -> Exchange:
    """The same exchange on the candidate's route, not judged yet. Shares no list or mapping with it."""
    destination, request = exchange.destination, exchange.request
    route = candidate.match(
        named_host(destination), destination.port, request.method, request.path, request.get("content-type") or ""
    )
    ghost = Exchange(
        id=exchange.id,
        client_ip=exchange.client_ip,
        client_port=exchange.client_port,
        destination=replace(destination),
        request=request,
        route=route,
        policy_sha256=candidate.policy.sha256,
        policy_generation=candidate.policy.generation,
        identity=exchange.identity,
        trace=exchange.trace,
        websocket=exchange.websocket,
        started_at=exchange.started_at,
    )
    findings = exchange.verdict.findings if exchange.verdict is not None else ()
    ghost.findings.extend(moved for one in findings if _is_of_the_moment(one) and (moved := _moved(one, ghost)))
    return ghost


def _is_of_the_moment(finding: Finding) -> bool:
    if finding.rule == "egress.host_mismatch":
        return finding.phase is Phase.DIAL  # what the head says is found anew
    return finding.rule in _MOMENT_RULES or finding.rule.partition(".")[0] in _MOMENT


def _moved(finding: Finding, ghost: Exchange) -> Finding | None:
    """A finding in the mode of the candidate's route, None where it switches the rule off."""
    mode = RULES[finding.rule].mode(ghost.route) if finding.rule in RULES else finding.mode
    return None if mode is Mode.OFF else replace(finding, mode=mode)


def asked_a_person(exchange: Exchange) -> Outcome | None:
    """What came of asking for an approval, None when nobody was asked."""
    outcome = exchange.extensions.get(STATE)
    return outcome if isinstance(outcome, Outcome) and outcome.standing not in _UNASKED else None


def approval_finding(exchange: Exchange, ghost: Exchange, needed: Requirement) -> Finding | None:
    """What the candidate's need of an approval comes to: what came of it where a person was asked, else the asking."""
    asked = asked_a_person(exchange)
    if needed.forbidden:
        return Outcome(Standing.FORBIDDEN, requirement=needed).finding(ghost.route)
    if not needed.asked_by and ghost.route.mode_of("approval.required") is not Mode.ENFORCE:
        return Outcome(Standing.SHADOW, requirement=needed).finding(ghost.route)
    came = asked.finding(ghost.route) if asked is not None else None
    return came or Outcome(Standing.PENDING, requirement=needed).finding(ghost.route)
