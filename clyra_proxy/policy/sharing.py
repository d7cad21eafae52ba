"""The section `enforcement.state`: where counters, nonces and flags are kept, and what happens when they are lost."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from clyra_proxy.policy.section import FilePath, Name, Section

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Address = Annotated[str, StringConstraints(pattern=r"^(rediss?://[^\s#]+|unix:///[^\s#]+)$", max_length=2048)]


class Store(StrEnum):
    """Where state lives."""

    EMBEDDED = "embedded"  # a file of this data folder, shared by the workers of one machine
    REDIS = "redis"  # a Redis or Valkey server, shared by replicas


class WhenLost(StrEnum):
    """What a primitive does while the shared store does not answer."""

    LOCAL = "local"  # goes on with the embedded store, and says so in every verdict
    BLOCK = "block"  # what asks fails, and its declared outcome applies


class OnLoss(Section):
    """What each primitive does while the shared store does not answer."""

    counters: WhenLost = Field(
        WhenLost.LOCAL,
        description="Windows, budgets and token buckets: `local` counts in this replica alone and marks every exchange "
        "with `state.local`; `block` makes what counts fail.",
    )
    places: WhenLost = Field(WhenLost.LOCAL, description="Limits of what runs at the same time, as `counters`.")
    values: Literal[WhenLost.BLOCK] = Field(
        WhenLost.BLOCK,
        description="Nonces, idempotency keys, pins, one-time approval tokens: always `block`, because a second store "
        "could not know what the first has seen.",
    )
    halts: Literal["keep"] = Field(
        "keep",
        description="Always `keep`: what was halted stays halted, and halting this replica goes on working.",
    )


class SharedState(Section):
    """State that outlives an exchange. Takes effect when the proxy starts."""

    store: Store = Field(
        Store.EMBEDDED,
        description="`embedded`: a file in the data folder. `redis`: a Redis or Valkey server that replicas share; "
        "needs one of `url`, `url_file` and `url_env`.",
    )
    url: Address | None = Field(
        None, description="`redis://HOST:PORT/DB`, `rediss://` for TLS, or `unix:///PATH`; without user and password."
    )
    url_file: FilePath | None = Field(
        None, description="File that holds the URL, with user and password where the server wants them."
    )
    url_env: Variable | None = Field(None, description="Environment variable that holds the URL, as `url_file` does.")
    ca: FilePath | None = Field(
        None, description="PEM file of the authorities that `rediss://` must chain to. Default: the public roots."
    )
    certificate: FilePath | None = Field(
        None, description="PEM file of the client certificate, where one is asked for."
    )
    key: FilePath | None = Field(None, description="PEM file of its private key.")
    prefix: Name = Field(
        "clyra", description="Keys begin with this. Replicas that share state have the same; others another one."
    )
    timeout_ms: Annotated[int, Field(ge=10, le=5000)] = Field(
        250, description="How long connecting and each answer may take, in milliseconds."
    )
    on_loss: OnLoss = Field(default_factory=OnLoss, description=OnLoss.__doc__)

    @model_validator(mode="after")
    def _knows_where(self) -> SharedState:
        given = [place for place in (self.url, self.url_file, self.url_env) if place is not None]
        if len(given) != (1 if self.store is Store.REDIS else 0):
            raise ValueError("`store: redis` needs one of `url`, `url_file` and `url_env`; `embedded` has none")
        if self.url is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("`url` holds a password or user; put the URL into a file and name it in `url_file`")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` belong together")
        return self
