"""Opening the gate on a body: what the head says, which checks want to look, what is refused before any byte."""

from __future__ import annotations

from collections.abc import Sequence
from os import urandom
from pathlib import Path

from clyra_proxy.checks import BodyCheck
from clyra_proxy.exchange import Exchange, Head
from clyra_proxy.policy.route import Atomic
from clyra_proxy.stream.body_gate import CheckingGate
from clyra_proxy.stream.commitment import SALT_BYTES
from clyra_proxy.stream.content_coding import CodingError, Decoder, open_decoder
from clyra_proxy.stream.limits import DEFAULT_LIMITS, BodyLimits
from clyra_proxy.stream.spool import Spool
from clyra_proxy.stream.watch import Watch, check_error
from clyra_proxy.verdict.model import Finding, Mode, Phase
from clyra_proxy.verdict.rules import BY_REASON, RULES, Rule, mode_of_failure
from clyra_proxy.watchdog import WATCHDOG


def open_gate(
    exchange: Exchange,
    phase: Phase,
    checks: Sequence[BodyCheck],
    limits: BodyLimits | None = None,
    *,
    salt: bytes | None = None,
    spool_folder: Path | None = None,
) -> CheckingGate:
    """The gate for one body of `exchange`. limits: default is the route's own. salt: 32 bytes, default random.

    Sets the tally's media type, then opens a session of every check that has business with the body. What the head
    alone settles (declared length, unreadable coding, a check that cannot start) becomes a finding in the exchange at
    once, and if it is enforced the gate refuses whatever it is given.
    """
    request = phase is Phase.REQUEST_BODY
    head: Head | None = exchange.request if request else exchange.response
    media_type, coding, length = _read_head(head)
    tally = exchange.request_body if request else exchange.response_body
    tally.media_type = media_type
    tally.declared = length
    limits = limits or exchange.route.limits or DEFAULT_LIMITS
    watches, faults = open_sessions(exchange, phase, checks)
    decoder: Decoder | None = None
    if coding and watches:
        try:
            decoder = open_decoder(coding, limits)
        except CodingError as error:
            faults.append(_finding(BY_REASON[error.reason], exchange, phase, watches, error.detail))
    if length > limits.max_body:
        faults.append(_finding(RULES["body.too_large"], exchange, phase, [], {"limit": limits.max_body}))
    spool = None
    if request and exchange.route.atomic is Atomic.SPOOL and any(watch.enforcing for watch in watches):
        spool = Spool(spool_folder or limits.spool_directory)
    gate = CheckingGate(exchange, phase, watches, decoder, limits, salt or urandom(SALT_BYTES), length, spool)
    for finding in faults:
        if finding.mode is not Mode.OFF:
            gate.refuse(finding)
    if faults and decoder is None and coding and any(f.rule == "body.coding_unsupported" for f in faults):
        gate.go_blind()
    return gate


def _read_head(head: Head | None) -> tuple[str, str, int]:
    """Content-Type, Content-Encoding and Content-Length (-1 when absent) in one pass over the fields."""
    media_type, codings, length = "", [], -1
    if head is not None:
        for name, value in head.fields:
            size = len(name)
            if size == 12:
                if not media_type and name.lower() == b"content-type":
                    media_type = value.decode("latin-1")
            elif size == 16:
                if name.lower() == b"content-encoding":
                    codings.append(value.decode("latin-1"))
            elif size == 14 and name.lower() == b"content-length" and value.isdigit():
                length = int(value)
    return media_type, ",".join(codings), length


def open_sessions(exchange: Exchange, phase: Phase, checks: Sequence[BodyCheck]) -> tuple[list[Watch], list[Finding]]:
    """A session of every check that has business with this body or message; findings for checks that failed at it.

    Those that open without a fault share the time limit of one step: each takes microseconds.
    """
    watches: list[Watch] = []
    faults: list[Finding] = []
    WATCHDOG.enter()
    try:
        for check in checks:
            if phase not in check.phases:
                continue
            try:
                session = check.open(exchange, phase)
                if session is not None:
                    watches.append(Watch(check, session, phase))
            except Exception as error:  # noqa: BLE001 - a check that cannot start has a declared outcome
                mode = mode_of_failure(exchange.route, check.id)
                faults.append(check_error(check.id, check.on_error, mode, phase, type(error).__name__))
                WATCHDOG.enter()
    finally:
        WATCHDOG.leave()
    return watches, faults


def _finding(
    rule: Rule, exchange: Exchange, phase: Phase, watches: list[Watch], detail: dict[str, str | int]
) -> Finding:
    blind = any(watch.enforcing for watch in watches)
    mode = Mode.ENFORCE if blind else rule.mode(exchange.route)
    return Finding("body", rule.id, rule.reason, rule.action, mode, phase, detail=detail)
