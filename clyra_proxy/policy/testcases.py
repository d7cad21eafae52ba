"""Test cases of a policy: a request as a client would send it, and what must be decided.

They run through the real decision code (`clyra_proxy.policy.testing`), in the same order as live traffic.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from clyra_proxy.policy.section import FilePath, Name, Section
from clyra_proxy.verdict.model import Decision
from clyra_proxy.verdict.reasons import Reason


class CaseRequest(Section):
    """The request of a case."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")] = Field(description="Absolute URL.")
    method: str = Field("GET", description="HTTP method.")
    headers: dict[str, str] = Field(default_factory=dict, description="Request headers; Host follows from the URL.")
    json_body: Any = Field(None, alias="json", description="Body given as a value and sent as JSON.")
    body: str | None = Field(None, description="Body given as text and sent as UTF-8.")
    body_file: FilePath | None = Field(None, description="Body read from a file beside the policy.")
    resolves_to: list[str] = Field(
        default_factory=list, description="Addresses the host resolves to; empty leaves the address check out."
    )
    agent: Name | None = Field(
        None, description="Agent that calls and has proved it, for policy engines. Default: nobody is known."
    )
    tenant: Name | None = Field(None, description="Tenant of that agent.")
    sni: str | None = Field(None, description="TLS server name, when it differs from the host of the URL.")

    @field_validator("url")
    @classmethod
    def _readable_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:
            raise ValueError(f"`{url}` names no host and port")
        return url

    @model_validator(mode="after")
    def _one_body(self) -> CaseRequest:
        given = {"json": "json_body", "body": "body", "body_file": "body_file"}
        named = [key for key, field in given.items() if field in self.model_fields_set]
        if len(named) > 1:
            raise ValueError(f"`{named[0]}` and `{named[1]}` both give the body; keep one")
        return self


class CaseExpectation(Section):
    """What must be decided. Only what is given is compared."""

    decision: Decision | None = Field(None, description="`allow`, `mark`, `block` or `error`.")
    would: str | None = Field(None, description="Action that shadow rules ask for: `allow`, `mark` or `block`.")
    rule: str | None = Field(None, description="Rule id of the deciding finding; `none` when nothing was found.")
    reason: Reason | None = Field(None, description="Reason code of the deciding finding.")
    path: str | None = Field(None, description="JSON pointer of the deciding finding.")
    route: str | None = Field(None, description="Route that matched, `destination/rule`.")
    status: int | None = Field(None, description="HTTP status of the denial.")


class TestCase(Section):
    """One case."""

    __test__ = False  # not a pytest class

    name: Annotated[str, StringConstraints(min_length=1)] = Field(description="What the case shows.")
    request: CaseRequest = Field(description="The request as a client would send it.")
    expect: CaseExpectation = Field(description="What must be decided.")
