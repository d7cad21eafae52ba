"""Declarations, compiled once: what an endpoint needs for every request."""

from __future__ import annotations

from dataclasses import dataclass

from clyra_proxy.activation.profiles.declaration import AnswerShape, DestinationShape, EndpointShape
from clyra_proxy.activation.profiles.json_rows import RowReading
from clyra_proxy.activation.profiles.paths import Template
from clyra_proxy.errors import PolicyError

COMMON_IDEMPOTENCY = ("idempotency-key", "x-idempotency-key")
"""Opt-in headers (draft-ietf-httpapi-idempotency-key-header); no destination needs them."""


@dataclass(frozen=True, slots=True)
class CompiledEndpoint:
    """One endpoint of a destination. answer: how it tells of rows, None when it never does."""

    destination: DestinationShape
    shape: EndpointShape
    template: Template
    reading: RowReading
    answer: AnswerShape | None
    idempotency_headers: tuple[str, ...]


def compile_endpoint(destination: DestinationShape, shape: EndpointShape) -> CompiledEndpoint:
    """Raises PolicyError when the declaration names an answer that it does not have."""
    if shape.answer is not None and shape.answer not in destination.answers:
        raise PolicyError(
            f"destination {destination.id}: endpoint {shape.id} names the answer `{shape.answer}`, which is not there.",
            todo="Declare it under `answers`.",
        )
    return CompiledEndpoint(
        destination,
        shape,
        Template.compile(shape.request, shape.query),
        RowReading(shape),
        destination.answers[shape.answer] if shape.answer is not None else None,
        (*(name.lower() for name in destination.idempotency_headers), *COMMON_IDEMPOTENCY),
    )
