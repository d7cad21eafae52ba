"""What came of asking for an approval: one closed list of standings, each with what it means for the exchange.

Rule: only `free`, and `granted` after its token was used up, let a request go on. Everything else is a finding of the
family `approval`, with the recorder's own code in its detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from clyra_proxy.approvals.classification import Requirement
from clyra_proxy.verdict.model import Finding, Mode, Phase
from clyra_proxy.verdict.rules import RULES

if TYPE_CHECKING:
    from clyra_proxy.approvals.call import Call
    from clyra_proxy.policy.route import Route

STATE = "approvals"
"""Key in `exchange.extensions` of the `Outcome` of an exchange."""


class Standing(StrEnum):
    """Where an action stands with the people who may approve it."""

    FREE = "free"  # nobody needs to approve it
    SHADOW = "shadow"  # it would have needed an approval; the rule is not enforced
    GRANTED = "granted"  # the token is not used up yet
    CONSUMED = "consumed"  # it may go
    PENDING = "pending"
    REFUSED = "refused"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    UNREACHABLE = "unreachable"
    INVALID = "invalid"  # the approval does not fit the call; `code` says why
    FORBIDDEN = "forbidden"


_RULES: Mapping[Standing, str] = {
    Standing.SHADOW: "approval.required",
    Standing.PENDING: "approval.required",
    Standing.REFUSED: "approval.refused",
    Standing.EXPIRED: "approval.expired",
    Standing.SUPERSEDED: "approval.superseded",
    Standing.UNREACHABLE: "approval.unreachable",
    Standing.INVALID: "approval.invalid",
    Standing.FORBIDDEN: "approval.forbidden",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """id: of the packet. retry_after: seconds. code: of a refusal. certificates: digests, the first is the record's.

    token: of a granted packet, kept in the process. waited_s: how long the exchange waited.
    """

    standing: Standing
    id: str = ""
    retry_after: int = 0
    code: str = ""
    certificates: tuple[str, ...] = ()
    token: str = field(default="", repr=False)
    requirement: Requirement | None = None
    call: Call | None = None
    waited_s: float = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether the checks of the request may go on; a granted packet must be consumed before anything leaves."""
        return self.standing in (Standing.FREE, Standing.SHADOW, Standing.GRANTED, Standing.CONSUMED)

    def finding(self, route: Route, phase: Phase = Phase.REQUEST_BODY) -> Finding | None:
        """What the gate is told: None when nothing is to be said.

        In shadow the mode that policy gives the rule; a standing that was reached by asking is always enforced.
        """
        name = self._rule()
        if not name:
            return None
        rule = RULES[name]
        mode = Mode.ENFORCE
        if self.standing is Standing.SHADOW and (mode := rule.mode(route)) is Mode.OFF:
            return None
        return Finding("approval", name, rule.reason, rule.action, mode, phase, rule.severity, detail=self._detail())

    def _rule(self) -> str:
        forbidden = self.requirement is not None and self.requirement.forbidden
        return "approval.forbidden" if forbidden else _RULES.get(self.standing, "")

    def _detail(self) -> dict[str, str | int]:
        detail: dict[str, str | int] = {"approval": self.id} if self.id else {}
        if self.code:
            detail["code"] = self.code
        if self.requirement is not None:
            detail |= {"class": self.requirement.action_class.value, "action": self.requirement.name}
        return detail
