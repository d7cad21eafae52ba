"""Whether an exchange that is about to leave gets a copy, and the tap that makes it.

Guarantee: asked on the data path, answered without waiting; each request that a target is for and that is in its share
is counted exactly once, here or later.
"""

from __future__ import annotations

from dataclasses import dataclass

from clyra_proxy.enforcement.halt.signals import subject_of
from clyra_proxy.enforcement.halt.state import Subject
from clyra_proxy.enforcement.mirror.compiled import CompiledMirror, CompiledTarget
from clyra_proxy.enforcement.mirror.lines import shown_route
from clyra_proxy.enforcement.mirror.model import MARK, Copy, Outcome
from clyra_proxy.enforcement.mirror.service import MirrorService
from clyra_proxy.enforcement.mirror.tap import MirrorTap
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.paths import normalise_path


def begin(exchange: Exchange, policy: CompiledMirror, service: MirrorService) -> MirrorTap | None:
    """The tap of an exchange, None when it is not mirrored."""
    target = next((target for target in policy.targets if target.choice.covers(exchange)), None)
    if target is None or not target.choice.takes(exchange):
        return None
    request = exchange.request
    route = shown_route(exchange.route.id, request.method, normalise_path(request.path))
    outcome = _objection(exchange, target)
    if outcome is None:
        copy = Copy(exchange.id, route, request.method, exchange.destination.authority, _subject(exchange, target),
                    exchange.trace)  # fmt: skip
        if target.budget.enter(copy):
            settings = target.settings
            most_down = settings.compare.max_body_bytes if settings.compare.enabled else 0
            return MirrorTap(copy, _Hands(service, target), target.budget, settings.max_body_bytes, most_down)
        outcome = Outcome.DROPPED_QUEUE
    service.counting.count(target.name, route, outcome)
    return None


def _objection(exchange: Exchange, target: CompiledTarget) -> Outcome | None:
    request = exchange.request
    if request.get(MARK.decode()) is not None:
        return Outcome.SUPPRESSED_MIRRORED
    if request.get("upgrade") is not None:
        return Outcome.SUPPRESSED_UPGRADE
    if not target.settings.sandbox and target.writing.may_write(exchange):
        return Outcome.SUPPRESSED_WRITE
    declared = request.get("content-length") or ""
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > target.settings.max_body_bytes:
        rewritten = exchange.request_rewrite
        if rewritten is None or len(rewritten) > target.settings.max_body_bytes:
            return Outcome.DROPPED_BODY
    return None


def _subject(exchange: Exchange, target: CompiledTarget) -> Subject:
    """What a halt would have to name to stop the copy: what stops the exchange, or the target's own host."""
    subject = subject_of(exchange)
    host = target.host.rpartition(":")[0] or target.host
    return Subject(subject.agent, subject.tenant, (*subject.destinations, target.name, host), subject.tools)


@dataclass(frozen=True, slots=True)
class _Hands:
    """What a tap collected goes to its target."""

    service: MirrorService
    target: CompiledTarget

    def send(self, copy: Copy) -> None:
        self.service.send(self.target, copy)

    def settle(self, copy: Copy) -> None:
        self.service.settle(copy)

    def give_up(self, copy: Copy, outcome: Outcome) -> None:
        self.service.end(self.target, copy, outcome)
