"""What became of a look that did not end as it should, as findings with the declared outcome."""

from __future__ import annotations

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import failure
from clyra_proxy.genai.wire.scanning import ScanningOverflowError, ScanningTimeoutError
from clyra_proxy.verdict.model import Finding, Phase
from clyra_proxy.verdict.rules import RULES


def faults_of(error: Exception, check: str, exchange: Exchange, phase: Phase) -> list[Finding]:
    """The finding of a look that came too late, had no place, or raised; empty where policy has switched that off."""
    if not isinstance(error, ScanningTimeoutError | ScanningOverflowError):
        return [failure(check, exchange, phase, type(error).__name__)]
    rule = RULES["check.timeout" if isinstance(error, ScanningTimeoutError) else "check.overflow"]
    late = rule.finding(exchange.route, phase, check=check, error=True, detail={"why": type(error).__name__})
    return [late] if late is not None else []
