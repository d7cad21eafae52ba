"""The `evidence` and `telemetry` sections: what is recorded, sealed, logged and measured."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clyra_proxy.policy.route import EvidenceClass
from clyra_proxy.policy.section import Section


class Evidence(Section):
    """Records and bundles."""

    writes: EvidenceClass = Field(
        EvidenceClass.REQUIRED,
        description="Requests with a method other than GET, HEAD or OPTIONS: `required` makes the intent record "
        "durable before the first byte goes upstream, `queued` records soon after.",
    )
    reads: EvidenceClass = Field(EvidenceClass.QUEUED, description="The same for GET, HEAD and OPTIONS.")
    queue_records: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        20_000, description="Records a worker holds for the recorder; past it a gap is declared, or writes are refused."
    )
    seal_after_records: Annotated[int, Field(ge=1)] = Field(
        100_000, description="Seal a bundle after this many records."
    )
    seal_after_seconds: Annotated[float, Field(ge=1)] = Field(
        86_400.0, description="Seal a bundle when its first record is this old, in seconds."
    )


class Telemetry(Section):
    """Verdict log and metrics."""

    verdict_log_bytes: Annotated[int, Field(ge=1_048_576)] = Field(
        104_857_600, description="Rotate the verdict log at this size, in bytes."
    )
    verdict_log_files: Annotated[int, Field(ge=1, le=1000)] = Field(
        8, description="Rotated verdict logs that are kept."
    )
    health_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        0, description="Loopback port of `/healthz`, `/readyz` and `/metrics`; 0 lets the system choose."
    )
