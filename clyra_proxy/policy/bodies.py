"""The `data_platform` section: how bodies and rows are read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clyra_proxy.policy.activation import Activation
from clyra_proxy.policy.route import Atomic
from clyra_proxy.policy.section import Section
from clyra_proxy.stream.limits import DEEPEST, DEFAULT_LIMITS, BodyLimits

Positive = Annotated[int, Field(ge=1)]


class Limits(Section):
    """What a body may cost. The same limits hold for requests and responses."""

    max_body_bytes: Positive = Field(DEFAULT_LIMITS.max_body, description="Largest body as sent, in bytes.")
    max_decoded_bytes: Positive = Field(
        DEFAULT_LIMITS.max_decoded,
        description="Largest body after content decoding (gzip, deflate, br, zstd), in bytes.",
    )
    max_ratio: Positive = Field(
        DEFAULT_LIMITS.max_ratio, description="Largest decoded size as a multiple of the sent size."
    )
    max_buffer_bytes: Positive = Field(
        DEFAULT_LIMITS.max_buffer,
        description="Most that is held in memory for one decision: a body that cannot be cut, one record, one member; "
        "in bytes.",
    )
    max_depth: Annotated[int, Field(ge=1, le=DEEPEST)] = Field(
        DEFAULT_LIMITS.max_depth, description="Deepest nesting of JSON arrays and objects."
    )
    safe_integers: bool = Field(
        DEFAULT_LIMITS.safe_integers, description="Refuse integers beyond 2^53-1, which many parsers round (RFC 7493)."
    )

    def compiled(self) -> BodyLimits:
        """The same limits as the data path reads them."""
        return BodyLimits(
            max_body=self.max_body_bytes,
            max_decoded=self.max_decoded_bytes,
            max_buffer=self.max_buffer_bytes,
            max_depth=self.max_depth,
            max_ratio=self.max_ratio,
            safe_integers=self.safe_integers,
        )


class SchemaLock(Section):
    """Streaming JSON validation."""

    atomic: Atomic = Field(
        Atomic.STREAM, description="Default of `atomic` for destinations that do not say: `stream` or `spool`."
    )
    limits: Limits = Field(default_factory=Limits, description="What a body may cost.")
    learn: bool = Field(
        False,
        description="Learn the shape of JSON bodies, never their values, into the folder `learned` of the data folder; "
        "`clyra schema lock` turns it into a schema lock.",
    )


class DataPlatform(Section):
    """Bodies and rows."""

    schemalock: SchemaLock = Field(default_factory=SchemaLock, description="Streaming JSON validation.")
    activation: Activation = Field(default_factory=Activation, description=Activation.__doc__)
