"""One recorded exchange judged again, in the order of live traffic: identity, head, dial, request, response.

Two sources of findings. What follows from metadata is found anew by the very functions of the data path
(destinations, addresses, opaque connections, lengths, media types, bodies that were disclosed or empty). What only the
moment could see (names that disagree, a certificate that did not verify) is a recorded fact, taken over with the mode
that the policy at hand gives its rule, and its absence counts only where the rule is known to have been on. Everything
else raises `Unreplayable`; nothing is taken for agreement because it could not be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clyra_proxy.checks import BodyCheck
from clyra_proxy.egress.dial import inspect_addresses
from clyra_proxy.egress.head import inspect_protocol, inspect_target
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.compiler import TUNNEL
from clyra_proxy.policy.route import Route, Tls
from clyra_proxy.replay.bodies import Bodies, is_stopped, take_over
from clyra_proxy.replay.policies import Comparison, KnownPolicy
from clyra_proxy.replay.reasons import NotReplayable as Why
from clyra_proxy.replay.reasons import Unreplayable
from clyra_proxy.replay.recorded import Recorded, exchange_of
from clyra_proxy.stream.gate import BodyGate
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.model import Mode, Phase, Verdict
from clyra_proxy.verdict.rules import RULES

_CIRCUMSTANCES = frozenset({"check", "evidence", "halt"})
_IDENTITY = ("identity.required", "identity.rejected")
_SELF_TEST = "clyra-selftest"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A verdict, and whether recorded findings stood in for a body that nobody disclosed."""

    verdict: Verdict
    route: Route
    on_findings: bool


@dataclass(frozen=True, slots=True)
class Replayer:
    """Judges under `policy`.

    then: policies that may have been in force, by hash. assume: take what recorded checks found in bodies as given,
    where the same rules applied.
    """

    policy: KnownPolicy
    checks: Sequence[BodyCheck]
    then: dict[str, KnownPolicy]
    assume: bool = False

    def judge(self, recorded: Recorded) -> Replayed:
        """The verdict under the policy at hand. Raises Unreplayable."""
        _demand_plain(recorded)
        route = self._route(recorded)
        exchange = exchange_of(recorded, route, self.policy.compiled)
        return _Judging(self, recorded, exchange).run()

    def _route(self, recorded: Recorded) -> Route:
        compiled = self.policy.compiled
        route = recorded.route(compiled)
        settings = compiled.document.destinations.get(route.destination)
        rules = settings.rules if settings is not None and recorded.act["method"] != TUNNEL else []
        if not recorded.path_is_exact and any(rule.paths for rule in rules):
            raise Unreplayable(Why.TARGET_MASKED)
        if not recorded.media_known and any(rule.content_types for rule in rules):
            raise Unreplayable(Why.CONTENT_TYPE_UNKNOWN)
        return route


class _Judging:
    """The steps for one exchange."""

    def __init__(self, replayer: Replayer, recorded: Recorded, exchange: Exchange) -> None:
        self._recorded = recorded
        self._exchange = exchange
        old = replayer.then.get(str(recorded.verdict["policy_sha256"]))
        self._policies = Comparison(
            now=replayer.policy,
            then=old,
            same=replayer.policy.compiled.sha256 == recorded.verdict["policy_sha256"],
            route=exchange.route,
            route_then=recorded.route(old.compiled) if old is not None else None,
        )
        self._bodies = Bodies(exchange, recorded, self._policies, replayer.checks, replayer.assume)
        self._gate: BodyGate | None = None

    def run(self) -> Replayed:
        """Each step adds findings; the first that stops the exchange ends it, as it would have on the wire."""
        for step in self._tunnel_steps() if self._is_tunnel else (self._request_head, self._dial, self._request_body):
            step()
            if is_stopped(self._exchange):
                return self._decided()
        if self._recorded.refused and "status" not in self._upstream_answer:
            raise Unreplayable(Why.REFUSED_THEN)
        self._answer()
        return self._decided()

    def _tunnel_steps(self) -> tuple[Callable[[], None], ...]:
        """What is passed on unread names its destination first; a tunnel for requests asks who is calling first."""
        if self._recorded.basics.get("opaque"):
            return (lambda: self._both(self._head, self._identity), self._dial)
        return (self._identity, self._head, self._dial)

    @staticmethod
    def _both(one: Callable[[], None], other: Callable[[], None]) -> None:
        one()
        other()

    def _request_head(self) -> None:
        """Who, where to, and what the head says of the body: all of it before anything is decided."""
        self._both(self._identity, self._head)
        self._gate = self._bodies.open(Phase.REQUEST_BODY)

    def _request_body(self) -> None:
        if self._gate is not None:
            self._bodies.judge(self._gate, "req", Phase.REQUEST_BODY)

    # -- what the head says --------------------------------------------------------------------------------------

    @property
    def _is_tunnel(self) -> bool:
        return self._exchange.request.method == TUNNEL

    @property
    def _upstream_answer(self) -> dict[str, object]:
        """The response as far as it came from upstream: a refusal before it has only our own status."""
        recorded = self._recorded
        in_response = any(finding["phase"] in ("response_head", "response_body") for finding in recorded.findings)
        return dict(recorded.response) if not recorded.refused or in_response or recorded.response.get("len") else {}

    def _identity(self) -> None:
        facts = [rule for rule in _IDENTITY if self._recorded.fact(rule)]
        if self._policies.identity_changed(told=bool(facts)):
            raise Unreplayable(Why.IDENTITY_CHANGED)
        for rule in facts:
            self._take_over(rule)

    def _head(self) -> None:
        exchange, recorded = self._exchange, self._recorded
        route, destination = exchange.route, exchange.destination
        phase = Phase.CONNECT if self._is_tunnel else Phase.REQUEST_HEAD
        exchange.findings.extend(inspect_target(destination, route, phase))
        if recorded.basics.get("opaque") and not destination.opaque:
            exchange.findings.extend(inspect_protocol(route, destination.scheme))
        if destination.opaque and route.tls is not Tls.PASSTHROUGH and self._passed_through():
            raise Unreplayable(Why.BODY_NOT_DISCLOSED)  # it would be read now, and was not then
        self._take_over("egress.host_mismatch")

    def _passed_through(self) -> bool:
        return not self._recorded.refused

    def _dial(self) -> None:
        exchange, recorded = self._exchange, self._recorded
        self._take_over("egress.self_connect")
        self._take_over("egress.tls_unverified")
        self._upstream_trust()
        if exchange.destination.address:
            addresses = [exchange.destination.address]
            exchange.findings.extend(inspect_addresses(exchange.route, addresses))
        elif recorded.fact("egress.private_address"):
            if exchange.route.allow_private and not self._policies.same:
                raise Unreplayable(Why.ADDRESS_UNKNOWN)
            self._take_over("egress.private_address")
        elif not recorded.refused and not self._policies.addresses_as_before():
            raise Unreplayable(Why.ADDRESS_UNKNOWN)

    def _upstream_trust(self) -> None:
        """Whether the upstream's certificate would be held against the authorities it was held against."""
        secure = self._exchange.destination.scheme in ("https", "wss")
        if self._is_tunnel or self._recorded.refused or not secure or self._policies.same:
            return
        if self._policies.then is None:
            raise Unreplayable(Why.RECORDED_POLICY_UNKNOWN)
        if self._policies.trust_changed():
            raise Unreplayable(Why.TRUST_CHANGED)

    # -- recorded facts ------------------------------------------------------------------------------------------

    def _take_over(self, rule_id: str) -> None:
        """A recorded finding in the mode of the route at hand. Raises Unreplayable when absence says nothing."""
        fact, rule = self._recorded.fact(rule_id), RULES[rule_id]
        if fact is not None:
            take_over(self._exchange, fact)
        elif rule.mode(self._exchange.route) is not Mode.OFF and not self._policies.was_on(rule_id):
            known = self._policies.then is not None
            raise Unreplayable(Why.RULE_WAS_OFF if known else Why.RECORDED_POLICY_UNKNOWN)

    def _answer(self) -> None:
        """The response, or the messages of a WebSocket session."""
        exchange = self._exchange
        if exchange.websocket:
            plans = (exchange.route.request_schema, exchange.route.response_schema)
            if any(plan is not None for plan in plans):
                self._bodies.take_findings(Phase.MESSAGE, Why.MESSAGES_NOT_RECORDED)
            return
        if exchange.response is None or self._is_tunnel:
            return
        gate = self._bodies.open(Phase.RESPONSE_BODY)
        if gate is not None:
            self._bodies.judge(gate, "res", Phase.RESPONSE_BODY)

    def _decided(self) -> Replayed:
        return Replayed(decide(self._exchange), self._exchange.route, self._bodies.on_findings)


def _demand_plain(recorded: Recorded) -> None:
    """Refuse what was decided by the moment, or is not told whole."""
    findings = recorded.findings
    if str(recorded.agent["uid"]) == _SELF_TEST and str(recorded.basics.get("route", "")).startswith("selftest"):
        raise Unreplayable(Why.SELF_TEST)
    if any(finding.get("error") or finding["rule"].partition(".")[0] in _CIRCUMSTANCES for finding in findings):
        raise Unreplayable(Why.CIRCUMSTANCE)
    if any(finding["rule"] not in RULES for finding in findings):
        raise Unreplayable(Why.RULE_UNKNOWN)
    if recorded.ending.get("findings_total", len(findings)) > len(findings):
        raise Unreplayable(Why.FINDINGS_CUT)
