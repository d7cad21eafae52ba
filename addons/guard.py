"""Fail closed: whatever a check or a hook does wrong becomes a finding with a declared outcome.

mitmproxy logs and swallows what an addon raises, and the flow goes on; here nothing is swallowed. Checks on heads run
through `attempt`; body sessions have the gate's own care (`clyra_proxy.stream.watch`); hooks as a whole have the
engine's dispatcher, which comes to `Guard.on_hook_failure`. In enforce the declared outcome is a block; in shadow it
is a line in the log, and the exchange goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter_ns
from typing import Any

from mitmproxy.http import HTTPFlow

from addons.exchanges import exchange_of
from addons.gate import deny
from clyra_proxy.engine.dispatch import HookTimeout
from clyra_proxy.exchange import Exchange
from clyra_proxy.verdict.model import Finding, Mode, Phase
from clyra_proxy.verdict.rules import RULES
from clyra_proxy.watchdog import WATCHDOG, CheckTimeout

type Step = Callable[[Exchange], Iterable[Finding | None]]


def attempt(exchange: Exchange, check: str, phase: Phase, step: Step) -> None:
    """Run one check; its findings, or the finding that it failed, are added to the exchange."""
    started = perf_counter_ns()
    WATCHDOG.enter()
    try:
        exchange.findings.extend(_only_findings(step(exchange)))
    except Exception as error:  # noqa: BLE001 - every failure of a check has a declared outcome
        note_failure(exchange, check, phase, error)
    finally:
        WATCHDOG.leave()
        timings = exchange.check_ns
        timings[check] = timings.get(check, 0) + perf_counter_ns() - started


def _only_findings(found: Iterable[Finding | None]) -> list[Finding]:
    findings = [finding for finding in found if finding is not None]
    if not all(type(finding) is Finding for finding in findings):
        raise TypeError("a check returned something that is not a finding")
    return findings


def note_failure(exchange: Exchange, check: str, phase: Phase, error: BaseException) -> Finding | None:
    """Add the finding that `check` failed. The text of the exception may quote a body, so only its type is kept."""
    late = isinstance(error, CheckTimeout | HookTimeout)
    finding = RULES["check.timeout" if late else "check.error"].finding(
        exchange.route,
        phase,
        check=check,
        action=exchange.route.on_error,
        error=True,
        detail={"why": type(error).__name__},
    )
    if finding is not None:
        exchange.findings.append(finding)
    return finding


class Guard:
    """Hears of every hook that failed."""

    def on_hook_failure(self, data: Any, hook: str, error: BaseException) -> bool:
        """Declare the outcome of a failed hook. True lets the exchange go on: only where its route is in shadow."""
        exchange = exchange_of(data) if isinstance(data, HTTPFlow) else None
        if exchange is None:
            return False
        finding = note_failure(exchange, hook, _phase(exchange), error)
        if finding is None or finding.mode is not Mode.ENFORCE:
            return True
        deny(exchange)
        return False


def _phase(exchange: Exchange) -> Phase:
    return Phase.REQUEST_HEAD if exchange.response is None else Phase.RESPONSE_HEAD
