"""The `listen` and `identity` sections: where clients connect, and how they are told apart."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from clyra_proxy.policy.section import FilePath, Name, Section

TOKEN_HASH = r"^sha256\$[A-Za-z0-9_-]{22,}\$[0-9a-f]{64}$"  # noqa: S105 - the shape of a hash, not a secret
"""`sha256$SALT$DIGEST`: salt in base64url (at least 128 bits), digest in lower-case hex."""


class ListenMode(StrEnum):
    """How clients reach the proxy."""

    EXPLICIT = "explicit"
    REVERSE = "reverse"
    TRANSPARENT = "transparent"
    MIRROR = "mirror"


class Listen(Section):
    """Where clients connect."""

    host: Annotated[str, StringConstraints(min_length=1)] = Field(
        "127.0.0.1", description="IP address to bind. Anything but loopback needs `identity.required`."
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="TCP port; 0 lets the system choose.")
    mode: ListenMode = Field(
        ListenMode.EXPLICIT,
        description="`explicit`: clients are told (HTTPS_PROXY). `reverse`: clients use this address as the base URL "
        "of `upstream`. `transparent`: the kernel redirects connections here. `mirror`: copies of requests come here; "
        "every one is answered 204 at once, judged in shadow and sent nowhere.",
    )
    upstream: Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s@]+/?$")] | None = Field(
        None,
        description="Origin that `mode: reverse` forwards to, `https://host[:port]`; in `mode: mirror` the one "
        "whose copies these are (without it, the `Host` field says so).",
    )
    workers: Annotated[int, Field(ge=0, le=256)] = Field(0, description="Worker processes; 0 means one a core.")
    header_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        10.0, description="Time a client has to send a whole request head, in seconds."
    )
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        30.0, description="Time requests in flight have to finish when a worker stops, in seconds."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Listen:
        try:
            ip_address(self.host)
        except ValueError as error:
            raise ValueError(f"`host: {self.host}` is not an IP address") from error
        if self.mode is not ListenMode.MIRROR and (self.mode is ListenMode.REVERSE) != (self.upstream is not None):
            raise ValueError("`upstream` belongs to `mode: reverse`, and that mode needs it")
        return self

    @property
    def is_loopback(self) -> bool:
        return ip_address(self.host).is_loopback


class Agent(Section):
    """One caller that may authenticate with `agent-id:token`."""

    token: Annotated[str, StringConstraints(pattern=TOKEN_HASH)] = Field(
        description="Salted hash of the token, as `clyra policy token` prints it; the token itself is never stored."
    )
    tenant: Name | None = Field(None, description="Tenant the agent works for.")


class Identity(Section):
    """How callers are told apart."""

    required: bool = Field(
        False, description="Refuse callers that present neither proxy credentials nor a client certificate that verify."
    )
    agents: dict[Name, Agent] = Field(
        default_factory=dict,
        description="Agent id -> its token. A user name `agent-id+run-id` names a run of that agent. While no agent "
        "is listed, a user name is taken down as a claim (`auth: header`).",
    )
    client_ca: FilePath | None = Field(
        None, description="PEM file of the authorities that client certificates must chain to."
    )
    process: bool = Field(
        True, description="Name the process behind a loopback connection (Linux; looked up off the hot path)."
    )
    kubernetes: bool = Field(
        True, description="Take pod name, namespace and labels from CLYRA_POD_* environment variables."
    )

    @model_validator(mode="after")
    def _satisfiable(self) -> Identity:
        if self.required and not self.agents and self.client_ca is None:
            raise ValueError("`required` needs `agents` or `client_ca`, or nobody could ever connect")
        return self
