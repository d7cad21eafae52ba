"""A denial in the protocol's own shape (RFC 9457 problem+json unless the protocol has its own).

Pure: from a verdict and the request head to status, headers and body. The engine turns it into bytes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Denial:
    """What the client gets instead of the upstream's answer. headers: in order, already encoded."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
