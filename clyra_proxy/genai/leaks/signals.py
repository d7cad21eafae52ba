"""From leaks to signals: one signal for each rule, kind and place, with the edits that redact it.

Rule: a signal says kinds, pattern ids and counts, never a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from clyra_proxy.genai.inspection import Edit, Signal, TextEdit
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.policy.genai.leaks import Leaks
from clyra_proxy.verdict.model import Action, Severity

RULES: Mapping[Family, str] = {
    Family.SECRET: "leak.secret",
    Family.PII: "leak.pii",
    Family.CANARY: "leak.canary",
    Family.LINK: "leak.link",
}
_ACTIONS = {"allow": Action.ALLOW, "mark": Action.MARK, "redact": Action.REDACT, "block": Action.BLOCK}
_MILD = frozenset({"email", "phone", "ip", "date_of_birth"})
_MOST_PATTERNS = 8


class Redaction(Protocol):
    """What stands in the place of a value."""

    def replacement(self, leak: Leak, value: str) -> str: ...


def action_of(settings: Leaks, leak: Leak) -> Action:
    """What the policy asks for."""
    if leak.family is Family.SECRET:
        return _ACTIONS[settings.secrets.action]
    if leak.family is Family.LINK:
        return _ACTIONS[settings.links.action]
    if leak.family is Family.CANARY:
        return Action.BLOCK
    return _ACTIONS[settings.personal.action(leak.kind)]


def signals_of(
    text: str, leaks: Iterable[Leak], settings: Leaks, redaction: Redaction, *, path: str = "", **where: str
) -> list[Signal]:
    """One signal for every family and kind among `leaks` of one text.

    path: of the string that holds it; where: `block` of a stream, `provenance`, `tool`.
    """
    grouped: dict[tuple[Family, str], list[Leak]] = {}
    for leak in leaks:
        if leak.family in RULES:
            grouped.setdefault((leak.family, leak.kind), []).append(leak)
    made = []
    for (family, kind), group in grouped.items():
        action = action_of(settings, group[0])
        if action is Action.ALLOW:
            continue
        edits: tuple[Edit, ...] = ()
        if action is Action.REDACT:
            edits = tuple(_edit(text, leak, redaction, path, where.get("block", "")) for leak in group)
        made.append(_signal(family, kind, group, action, path, edits, where))
    return made


def _edit(text: str, leak: Leak, redaction: Redaction, path: str, block: str) -> TextEdit:
    return TextEdit(path, leak.start, leak.end, redaction.replacement(leak, text[leak.start : leak.end]), block)


def _signal(
    family: Family,
    kind: str,
    group: list[Leak],
    action: Action,
    path: str,
    edits: tuple[Edit, ...],
    where: Mapping[str, str],
) -> Signal:
    detail: dict[str, str | int] = {
        "kind": kind,
        "patterns": ",".join(list(dict.fromkeys(leak.pattern for leak in group))[:_MOST_PATTERNS]),
        "count": len(group),
    }
    views = sorted({leak.view for leak in group} - {"plain"})
    if views:
        detail["encoding"] = ",".join(views)
    detail |= {name: value for name, value in where.items() if value and name != "block"}
    severity = Severity.LOW if kind in _MILD else None
    return Signal(RULES[family], action, path, severity, detail, edits)
