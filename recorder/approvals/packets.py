"""An approval packet: what the guarded side asks for, as it came over the wire, and what a person is shown of it.

Rule: what is shown is a document of its own, in RFC 8785 form, whose digest goes into the certificate; it holds the
digests of everything the approval is bound to, so that the shown and the bound cannot part. Unknown fields are refused.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recorder import canonical
from recorder.approval_payload import PayloadDigest
from recorder.approval_terms import Action

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Line = tuple[Annotated[str, Field(max_length=1024)], Annotated[str, Field(max_length=2048)]]

BOUND = ("payload", "body_sha256", "action_sha256", "headers_sha256", "act", "agent", "policy_sha256", "audience")
"""Fields that whoever comes back must repeat exactly."""
_UNPROVEN = frozenset(("none", "process"))


class PacketError(ValueError):
    """What was handed in is not a packet."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Payload(_Part):
    """What is approved, as a digest. c14n: how the bytes were made canonical. len: bytes as they were sent."""

    sha256: _Hex
    c14n: Literal["jcs", "raw"]
    len: int = Field(ge=0)


class Amount(_Part):
    """A sum of money, in its currency (ISO 4217)."""

    value: str = Field(pattern=r"^[0-9]{1,24}([.][0-9]{1,9})?$")
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class Risk(_Part):
    """A finding that asked for the approval, by rule and reason."""

    rule: str = Field(min_length=1, max_length=128)
    reason: str = Field(min_length=1, max_length=64)


class Claims(_Part):
    """What one call is, in digests. act, agent: as in a record."""

    payload: Payload
    body_sha256: _Hex
    action_sha256: _Hex
    headers_sha256: _Hex
    act: dict[str, Any]
    agent: dict[str, Any]
    policy_sha256: _Hex
    audience: str = Field(min_length=1, max_length=128)

    @property
    def tenant(self) -> str:
        return str(self.agent.get("tenant", ""))

    @property
    def asker(self) -> tuple[str, str, str]:
        """Who asks: name, tenant, and how the name was established.

        A name that nothing proves does not count: the process behind a connection may be found only after a moment.
        """
        auth = str(self.agent.get("auth", ""))
        if auth in _UNPROVEN:
            return "", self.tenant, ""
        return self.agent_name, self.tenant, auth

    @property
    def agent_name(self) -> str:
        """What the agent is called, proven or not."""
        return str(self.agent.get("uid", ""))

    @property
    def digest(self) -> PayloadDigest:
        return PayloadDigest(self.payload.sha256, self.payload.c14n)

    def action(self) -> Action:
        """The action as a certificate has it; every part that the record has binds."""
        act = self.act
        return Action(
            str(act["op"]),
            str(act["target"]),
            str(act.get("tool", "")),
            self.tenant,
            str(act["method"]),
            str(act.get("host", "")),
        )


class Request(Claims):
    """A new packet. decide_within_s: the SLA. valid_s: how long a granted one may be used. rule: of the policy."""

    exchange: str = Field(min_length=1, max_length=64)
    action_class: Literal["B", "C"]
    rule: str = Field(min_length=1, max_length=64)
    need: int = Field(ge=1, le=16)
    role: str = Field(max_length=64)
    summary: list[Annotated[_Line, Field(strict=False)]] = Field(max_length=128)
    risks: list[Risk] = Field(max_length=32)
    risks_total: int = Field(ge=0, lt=2**53)
    decide_within_s: int = Field(ge=1, le=7 * 86_400)
    valid_s: int = Field(ge=1, le=86_400)
    wait: Literal["inline", "deferred"]
    verdict: dict[str, Any]
    amount: Amount | None = None
    trace: dict[str, Any] | None = None
    supersedes: str = Field(default="", max_length=64)

    @property
    def fingerprint(self) -> str:
        """Equal for the very same call of the same sender: such a one joins the packet that waits already."""
        parts = {name: getattr(self, name) for name in BOUND if name not in ("payload", "act", "agent")}
        parts |= {"asker": list(self.asker), "rule": self.rule, "need": self.need, "role": self.role}
        return sha256(canonical.encode(parts)).hexdigest()


class Return(Claims):
    """Coming back for a packet."""

    id: str = Field(min_length=1, max_length=64)


class Use(Claims):
    """Using a token up. attempt: the same one again is answered as before. exchange: the one that will be released."""

    id: str = Field(min_length=1, max_length=64)
    token: str = Field(min_length=1, max_length=128)
    exchange: str = Field(min_length=1, max_length=64)
    attempt: str = Field(pattern=r"^[0-9a-f]{32}$")
    trace: dict[str, Any] | None = None


def parse[Model: BaseModel](model: type[Model], raw: bytes | str) -> Model:
    """Read one of them strictly. Raises PacketError, which repeats no value."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = "/".join(str(part) for part in first["loc"])[:100]
        raise PacketError(f"not well formed at '{where}': {first['type']}") from None


def display_document(packet: str, request: Request, deadline: int) -> bytes:
    """The bytes that a person's decision is about, besides the payload: all that he is shown, and all that binds."""
    document: dict[str, Any] = {
        "v": "clyra-display/0",
        "approval": packet,
        "class": request.action_class,
        "need": request.need,
        "role": request.role,
        "deadline": deadline,
        "lines": [list(line) for line in request.summary],
        "risks": [f"{risk.rule}: {risk.reason}" for risk in request.risks],
        "risks_total": request.risks_total,
        "payload": {"sha256": request.payload.sha256, "c14n": request.payload.c14n, "len": request.payload.len},
        "bound": {
            "body": request.body_sha256,
            "action": request.action_sha256,
            "headers": request.headers_sha256,
            "policy": request.policy_sha256,
            "audience": request.audience,
        },
    }
    try:
        return rfc8785.dumps(document)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        raise PacketError("the summary holds a lone surrogate") from None
