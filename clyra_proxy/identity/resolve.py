"""Who is calling: the strongest thing known about a client, and how it is known.

Order: a client certificate that verifies (`mtls`), proxy credentials that verify (`proxy`), a user name nobody can
vouch for (`header`, only while no agent is registered), the process on this machine (`process`), the pod this proxy
stands beside (`kubernetes`), else anonymous (`none`). Guarantees: credentials or certificates that came and do not
verify are refused, never ignored; where identity is required only `mtls` and `proxy` count.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509

from clyra_proxy.exchange import Identity
from clyra_proxy.identity.certificates import CertificateRejectedError, ClientAuthorities
from clyra_proxy.identity.kubernetes import pod_identity
from clyra_proxy.identity.process import Process, ProcessFinder
from clyra_proxy.identity.proxy_auth import read_credentials, verifies
from clyra_proxy.policy import receiving
from clyra_proxy.policy.route import Route
from clyra_proxy.verdict.model import Finding, Phase
from clyra_proxy.verdict.rules import RULES

_REQUIRED = RULES["identity.required"]
_REJECTED = RULES["identity.rejected"]
_AUTHENTICATED = frozenset({"mtls", "proxy"})


@dataclass(frozen=True, slots=True)
class Caller:
    """What a connection shows of its client.

    proxy_authorization: the field as sent, or "". certificates: chain of the TLS connection to the proxy itself, leaf
    first, unverified. process: the process found behind a loopback connection, once it is known.
    """

    proxy_authorization: str = ""
    certificates: Sequence[x509.Certificate] = ()
    process: Process | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """identity: who. problem: `identity.required`, `identity.rejected` or "" when all is well."""

    identity: Identity
    problem: str = ""

    def findings(self, route: Route, phase: Phase) -> list[Finding]:
        """The problem as a finding, for the exchange or tunnel at hand."""
        rule = _REQUIRED if self.problem == _REQUIRED.id else _REJECTED if self.problem else None
        finding = rule.finding(route, phase) if rule is not None else None
        return [] if finding is None else [finding]


@dataclass(slots=True)
class IdentityResolver:
    """Resolves callers under one policy. Pure but for the clock; `finder` does the looking up of processes."""

    settings: receiving.Identity
    base_dir: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    finder: ProcessFinder = field(default_factory=ProcessFinder)
    _authorities: ClientAuthorities | None = field(init=False, default=None)
    _pod: Identity | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Raises PolicyError when `client_ca` cannot be used."""
        if self.settings.client_ca is not None:
            self._authorities = ClientAuthorities.load(self.base_dir / self.settings.client_ca)
        if self.settings.kubernetes:
            self._pod = pod_identity(self.environment)

    def resolve(self, caller: Caller) -> Resolution:
        """Who the caller is, and whether that is enough."""
        resolution = self._presented(caller) or Resolution(self._observed(caller))
        if resolution.problem or not self.settings.required or resolution.identity.auth in _AUTHENTICATED:
            return resolution
        return Resolution(resolution.identity, _REQUIRED.id)

    async def find_process(self, client: tuple[str, int], proxy: tuple[str, int]) -> Process | None:
        """The process behind a connection of this machine, if policy wants it known. Does not block the loop."""
        return await self.finder.find(client, proxy) if self.settings.process else None

    def _presented(self, caller: Caller) -> Resolution | None:
        """From what the caller itself presents; None when it presents nothing."""
        by_certificate = self._certificate(caller)
        by_credentials = self._credentials(caller.proxy_authorization)
        for resolution in (by_certificate, by_credentials):
            if resolution is not None and resolution.problem:
                return resolution
        if by_certificate is not None and by_credentials is not None:
            run = by_credentials.identity.run
            return Resolution(replace(by_certificate.identity, run=run))
        return by_certificate or by_credentials

    def _certificate(self, caller: Caller) -> Resolution | None:
        if not caller.certificates or self._authorities is None:
            return None
        try:
            return Resolution(self._authorities.verify(caller.certificates))
        except CertificateRejectedError:
            return Resolution(Identity(), _REJECTED.id)

    def _credentials(self, value: str) -> Resolution | None:
        if not value:
            return None
        credentials = read_credentials(value)
        if credentials is None:
            return Resolution(Identity(), _REJECTED.id)
        agents = self.settings.agents
        if not agents:
            return Resolution(Identity(agent=credentials.agent, auth="header", run=credentials.run))
        if not verifies(credentials, agents):
            return Resolution(Identity(), _REJECTED.id)
        tenant = agents[credentials.agent].tenant or ""
        return Resolution(Identity(agent=credentials.agent, auth="proxy", tenant=tenant, run=credentials.run))

    def _observed(self, caller: Caller) -> Identity:
        """From what can be seen without the caller's help."""
        if caller.process is not None:
            return caller.process.identity()
        return self._pod or Identity()
