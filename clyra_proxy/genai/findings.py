"""From signals to findings, and from findings to what becomes of the body.

Rules: a signal that an exception covers asks for nothing but stays visible (action `allow`, detail `exception`); a rule
in shadow never edits; what an enforced rule wants redacted and cannot be redacted (the text has no place of its own in
the body) is blocked instead, because letting it pass would be silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.inspection import Edit, Erasure, Signal, TextEdit
from clyra_proxy.genai.judge import Report
from clyra_proxy.genai.model import Conversation
from clyra_proxy.policy.genai.section import Unreadable
from clyra_proxy.stream.watch import check_error
from clyra_proxy.verdict.model import Action, Finding, Phase
from clyra_proxy.verdict.rules import RULES, mode_of_failure

type Suppress = Callable[[Signal], str | None]
"""The id of the exception that covers a signal, or None."""


@dataclass(slots=True)
class Judgement:
    """findings: for the exchange, in order. edits: what enforced findings and undone redactions change in the body."""

    findings: list[Finding] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)


def conclude(
    report: Report, exchange: Exchange, phase: Phase, suppress: Suppress, *, editable: bool, streamed: bool = False
) -> Judgement:
    """What a report means for this exchange. editable: whether the body can be rewritten at all.

    streamed: the report is about a whole that left in pieces, which were edited on their way.
    """
    judgement = Judgement(edits=[edit for edit in report.edits if edit.path] if editable else [])
    for inspector, signal in report.signals:
        finding = make_finding(inspector, signal, exchange, phase, suppress(signal))
        if finding is None:
            continue
        if finding.redacts:
            if streamed:
                pass  # whoever knows what was done to the pieces decides
            elif editable and _can_edit(signal.edits):
                judgement.edits.extend(signal.edits)
            else:
                finding = escalate(finding)
        judgement.findings.append(finding)
    for inspector, why in report.failures:
        judgement.findings.append(failure(inspector, exchange, phase, why))
    return judgement


def make_finding(
    inspector: str, signal: Signal, exchange: Exchange, phase: Phase, exception: str | None
) -> Finding | None:
    """The finding of one signal, None when its rule is off on the route. Raises KeyError for an unknown rule."""
    detail = signal.detail if exception is None else {**signal.detail, "exception": exception}
    action = signal.action if exception is None else Action.ALLOW
    finding = RULES[signal.rule].finding(
        exchange.route, phase, check=inspector, path=signal.path, action=action, detail=detail
    )
    if finding is not None and signal.severity is not None:
        finding = replace(finding, severity=signal.severity)
    return finding


def escalate(finding: Finding) -> Finding:
    """What cannot be redacted is blocked."""
    return replace(finding, action=Action.BLOCK, detail={**finding.detail, "why": "it cannot be redacted in place"})


def failure(inspector: str, exchange: Exchange, phase: Phase, why: str) -> Finding:
    """An inspector failed: a block, in the strictest mode of what it would have applied."""
    return check_error(inspector, Action.BLOCK, mode_of_failure(exchange.route, inspector), phase, why)


def unreadable(exchange: Exchange, phase: Phase, wanted: Unreadable, detail: Mapping[str, str | int]) -> list[Finding]:
    """What policy says of a conversation that could not be looked at; empty where the rule is off."""
    action = Action.BLOCK if wanted is Unreadable.BLOCK else Action.MARK
    finding = RULES["genai.unreadable"].finding(exchange.route, phase, check="genai", action=action, detail=detail)
    return [finding] if finding is not None else []


def without_echoes(edits: Sequence[Edit], conversation: Conversation) -> list[Edit]:
    """What must go beside these edits, because it repeats texts that they change."""
    changed = {above for edit in edits if isinstance(edit, TextEdit) for above in _above(edit.path)}
    return [Erasure(echo.path) for echo in conversation.echoes if echo.of in changed]


def _above(path: str) -> Iterable[str]:
    """The pointers of everything that holds the place at `path`."""
    return (path[:at] for at, character in enumerate(path) if character == "/")


def _can_edit(edits: Iterable[Edit]) -> bool:
    edits = tuple(edits)
    return bool(edits) and all(edit.path for edit in edits)
