"""The right of way of the start-up self-test: one secret, one loopback port, one worker, a few seconds.

The self-test must prove enforcement whatever the user's policy says, so its two requests get a route of their own:
everything enforced, evidence required, the throw-away upstream on loopback allowed. Nobody else can take that route:
it exists only while the test runs, only for its ephemeral port on 127.0.0.1, and only for a path that holds 256
random bits which never leave the process.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest

from clyra_proxy.policy.route import EvidenceClass, Route
from clyra_proxy.verdict.model import Mode

AGENT = "clyra-selftest"
HOST = "127.0.0.1"


def _enforce_everything(evidence: EvidenceClass) -> Route:
    return Route(
        id=f"selftest/{evidence.value}",
        destination="selftest",
        known=True,
        evidence=evidence,
        default_mode=Mode.ENFORCE,
        allow_private=True,
    )


@dataclass(frozen=True, slots=True)
class SelfTestPass:
    """Valid for requests to `port` on 127.0.0.1 whose path is `prefix` and an evidence class, and for nothing else.

    The class is part of the path because enforcement must be provable while the recorder is away.
    """

    port: int
    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    routes: Mapping[str, Route] = field(
        default_factory=lambda: {kind.value: _enforce_everything(kind) for kind in EvidenceClass}, repr=False
    )

    @property
    def prefix(self) -> str:
        return f"/{self.secret}/"

    def route(self, host: str, port: int, path: str) -> Route | None:
        """The self-test's route, if this is one of its requests."""
        if port != self.port or host != HOST:
            return None
        start = path[: len(self.prefix)].encode("utf-8", "surrogateescape")
        if not compare_digest(start, self.prefix.encode()):
            return None
        return self.routes.get(path[len(self.prefix) :])

    def owns(self, route: Route) -> bool:
        """Whether `route` is one of ours."""
        return any(route is mine for mine in self.routes.values())

    def vouches(self, agent: str, token: str) -> bool:
        """Whether proxy credentials are the self-test's own (policy may require every caller to authenticate)."""
        given = token.encode("utf-8", "surrogateescape")
        return agent == AGENT and compare_digest(given, self.secret.encode())
