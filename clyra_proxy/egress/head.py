"""What the head of a request says about where it wants to go: known or not, and one host or several.

Pure and fast; addresses come later (`clyra_proxy.egress.dial`).
"""

from __future__ import annotations

from clyra_proxy.egress.names import disagreement
from clyra_proxy.exchange import Destination, Exchange
from clyra_proxy.policy.route import Route, Tls
from clyra_proxy.verdict.model import Finding, Phase
from clyra_proxy.verdict.rules import RULES

_DESTINATION = RULES["egress.destination"]
_HOST_MISMATCH = RULES["egress.host_mismatch"]
_PROTOCOL = RULES["egress.protocol"]
_OPAQUE = RULES["egress.opaque"]


def inspect_head(exchange: Exchange) -> list[Finding]:
    """Findings on the destination of a request whose head has arrived."""
    findings = inspect_target(exchange.destination, exchange.route, Phase.REQUEST_HEAD)
    between = disagreement(exchange.destination, exchange.request)
    if between:
        finding = _HOST_MISMATCH.finding(exchange.route, Phase.REQUEST_HEAD, detail={"between": between})
        if finding is not None:
            findings.append(finding)
    return findings


def inspect_target(destination: Destination, route: Route, phase: Phase) -> list[Finding]:
    """Findings on a tunnel or connection before anything is spoken in it: unknown, or passed through unread."""
    findings: list[Finding] = []
    if not route.known:
        unknown = _DESTINATION.finding(route, phase, action=route.unknown_action)
        if unknown is not None:
            findings.append(unknown)
    if destination.opaque:
        rule = _OPAQUE if route.tls is Tls.PASSTHROUGH else _PROTOCOL
        opaque = rule.finding(route, phase, detail={"protocol": "tls"})
        if opaque is not None:
            findings.append(opaque)
    return findings


def inspect_protocol(route: Route, protocol: str) -> list[Finding]:
    """Findings on something that is neither HTTP nor TLS. protocol: a word such as `tcp` or `dns`."""
    finding = _PROTOCOL.finding(route, Phase.CONNECT, detail={"protocol": protocol})
    return [] if finding is None else [finding]
