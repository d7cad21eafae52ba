"""The right of way of the start-up self-test: one secret, one loopback port, one worker, a few seconds.

The self-test must prove enforcement whatever the user's policy says, so its two requests get a route of their own:
everything enforced, evidence required, the throw-away upstream on loopback allowed. Nobody else can take that route:
it exists only while the test runs, only for its ephemeral port on 127.0.0.1, and only for a path that holds 256
random bits which never leave the process.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hmac import compare_digest

from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.verdict.model import Mode

AGENT = "clyra-selftest"
HOST = "127.0.0.1"


def _enforce_everything() -> Route:
    return Route(
        id="selftest",
        destination="selftest",
        known=True,
        evidence=EvidenceClass.REQUIRED,
        default_mode=Mode.ENFORCE,
        allow_private=True,
    )


@dataclass(frozen=True, slots=True)
class SelfTestPass:
    """Valid for requests to `port` on 127.0.0.1 whose path starts with `prefix`, and for nothing else."""

    port: int
    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    enforced: Route = field(default_factory=_enforce_everything)

    @property
    def prefix(self) -> str:
        return f"/{self.secret}/"

    def route(self, host: str, port: int, path: str) -> Route | None:
        """The self-test's route, if this is one of its requests."""
        if port != self.port or host != HOST:
            return None
        start = path[: len(self.prefix)].encode("utf-8", "surrogateescape")
        return self.enforced if compare_digest(start, self.prefix.encode()) else None

    def vouches(self, agent: str, token: str) -> bool:
        """Whether proxy credentials are the self-test's own (policy may require every caller to authenticate)."""
        given = token.encode("utf-8", "surrogateescape")
        return agent == AGENT and compare_digest(given, self.secret.encode())
