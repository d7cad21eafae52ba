"""Recorded verdict against replayed verdict: field by field, nothing rounded."""

from __future__ import annotations

from typing import Any

from clyra_proxy.replay.judging import Replayed
from clyra_proxy.replay.recorded import Recorded
from clyra_proxy.verdict.model import Action, Mode

_DECISIONS = {
    Action.ALLOW: "allow",
    Action.MARK: "allow",
    Action.REDACT: "modify",
    Action.APPROVE: "require_approval",
    Action.BLOCK: "deny",
}


def recorded_words(recorded: Recorded) -> dict[str, Any]:
    """What the record says was decided."""
    verdict, ending = recorded.verdict, recorded.ending
    return {
        "decision": verdict["decision"],
        "action": ending["action"],
        "would_action": ending["would_action"],
        "reason": verdict["reason"],
        "rule": verdict.get("rule", ""),
        "mode": verdict["mode"],
        "route": recorded.basics.get("route", ""),
    }


def replayed_words(replayed: Replayed) -> dict[str, Any]:
    """The same words for a verdict that was just made."""
    verdict = replayed.verdict
    deciding = verdict.deciding
    return {
        "decision": _DECISIONS[verdict.action],
        "action": verdict.action.word,
        "would_action": verdict.would_action.word,
        "reason": str(deciding.reason) if deciding is not None else "none",
        "rule": deciding.rule if deciding is not None else "",
        "mode": "enforce" if verdict.mode is Mode.ENFORCE else "shadow",
        "route": replayed.route.id,
    }


def differences(recorded: Recorded, replayed: Replayed) -> dict[str, list[Any]]:
    """Field -> [recorded, replayed], for what differs."""
    before, after = recorded_words(recorded), replayed_words(replayed)
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}
