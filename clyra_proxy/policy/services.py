"""What every service that a policy names has in common: its address, its secret, its limits.

Rule: a secret is never in a policy, only where to find it; plain HTTP goes to this machine alone, unless policy says
that content may travel unencrypted.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from clyra_proxy.policy.section import FilePath, Name, Section

Milliseconds = Annotated[int, Field(ge=10, le=60_000)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@#]+$", max_length=2048)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class Credential(Section):
    """A secret sent in a header. It stands in the environment or in a file, never in the policy."""

    header: HeaderName = Field("Authorization", description="Header that carries the secret.")
    prefix: Annotated[str, StringConstraints(pattern=r"^[ -~]{0,32}$")] = Field(
        "Bearer ", description="Text before the secret; empty for key headers such as `Ocp-Apim-Subscription-Key`."
    )
    env: Variable | None = Field(None, description="Environment variable that holds the secret.")
    file: FilePath | None = Field(None, description="File that holds the secret; read again after a 401.")

    @model_validator(mode="after")
    def _one_place(self) -> Credential:
        if (self.env is None) == (self.file is None):
            raise ValueError("name exactly one of `env` and `file`")
        return self


class ServiceTls(Section):
    """Trust and client certificate of the connection."""

    ca: FilePath | None = Field(None, description="PEM file of authorities to trust instead of the public ones.")
    certificate: FilePath | None = Field(None, description="PEM file of our certificate, for mutual TLS.")
    key: FilePath | None = Field(None, description="PEM file of its private key.")

    @model_validator(mode="after")
    def _pair(self) -> ServiceTls:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` come together")
        return self


class Breaker(Section):
    """When a failing service is left alone for a while. Meanwhile what is declared for its failure applies at once."""

    failures: Annotated[int, Field(ge=1, le=1000)] = Field(5, description="Failures in a row that open the breaker.")
    open_ms: Milliseconds = Field(
        5000, description="Time before one call is tried again, in milliseconds; doubles up to a minute while it fails."
    )


class Service(Section):
    """A service that is asked over HTTP."""

    name: Name = Field(description="Name in verdicts.")
    url: Address = Field(description="Address calls are posted to. `http` only to this machine.")
    allow_plaintext: bool = Field(False, description="Allow `http` to other machines: content then goes unencrypted.")
    max_answer_bytes: Annotated[int, Field(ge=256, le=4 << 20)] = Field(
        256 << 10, description="Largest answer read, in bytes; a larger one is a failure."
    )
    concurrency: Annotated[int, Field(ge=1, le=1024)] = Field(16, description="Calls at once, a worker.")
    waiting: Annotated[int, Field(ge=0, le=4096)] = Field(64, description="Calls that may wait for a place, a worker.")
    breaker: Breaker = Field(default_factory=Breaker, description=Breaker.__doc__)
    credential: Credential | None = Field(None, description=Credential.__doc__)
    tls: ServiceTls = Field(default_factory=ServiceTls, description=ServiceTls.__doc__)

    @model_validator(mode="after")
    def _encrypted(self) -> Service:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not self.allow_plaintext and not is_this_machine(parts.hostname or ""):
            raise ValueError(f"`url: {self.url}` would send content unencrypted; use https, or say `allow_plaintext`")
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """Every file named here whose content belongs to the policy (secrets do not)."""
        return tuple(file for file in (self.tls.ca, self.tls.certificate) if file)


def is_this_machine(host: str) -> bool:
    """Whether a host of a URL is a loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
